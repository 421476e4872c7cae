#!/bin/sh
# Shows the kiosk's page, and nothing else, on the machine's own display. Run by threshold-screen.service.
#
#   sh deploy/show.sh          the compositor (cage), and in it
#   sh deploy/show.sh page     the browser
#
# /etc/threshold/screen.env may say (after a change: systemctl restart threshold-screen):
#
#   THRESHOLD_SCREEN_TURN=90                       the display hangs askew: degrees clockwise, 0, 90, 180 or 270
#   THRESHOLD_SCREEN_PAGE=http://127.0.0.1:8090/   the kiosk's page, where kiosk.toml puts it elsewhere
set -eu

turn=${THRESHOLD_SCREEN_TURN:-0}
page=${THRESHOLD_SCREEN_PAGE:-http://127.0.0.1:8090/}
here=$(cd "$(dirname "$0")" && pwd -P)
place=${RUNTIME_DIRECTORY:-${XDG_RUNTIME_DIR:?there is no folder in memory for the profile of the browser}}
XDG_RUNTIME_DIR=$place # the session's own lies where this service may not write
export XDG_RUNTIME_DIR

die() {
    printf '%s\n' "$@" >&2
    exit 1
}

has_command() { command -v "$1" >/dev/null; }

# Older cages turn the display by themselves, in quarters; newer ones leave it to wlr-randr.
cage_turns() { cage -h 2>&1 | grep -q '^[[:space:]]*-r[[:space:]]'; }

quarters() {
    case $turn in
        90) echo -r ;;
        180) echo -r -r ;;
        270) echo -r -r -r ;;
    esac
}

turn_display() {
    ! cage_turns && [ "$turn" != 0 ] || return 0
    has_command wlr-randr || die "to turn the display, wlr-randr is needed: apt-get install wlr-randr"
    for output in $(wlr-randr | sed -n 's/^\([^ ][^ ]*\) .*/\1/p'); do
        wlr-randr --output "$output" --transform "$turn"
    done
}

find_browser() { # sets browser
    for browser in chromium chromium-browser; do
        ! has_command "$browser" || return 0
    done
    die "there is no browser here: apt-get install chromium"
}

# Nothing is asked, offered, remembered or fetched: no profile outlives the service, no name but this machine's own
# number is looked up. Sounds need no touch. The page that waits looks whether the kiosk is there, which a browser
# would otherwise ask somebody about (LocalNetworkAccessChecks).
browse() {
    find_browser
    exec "$browser" --kiosk --ozone-platform="${THRESHOLD_SCREEN_PLATFORM:-wayland}" \
        --user-data-dir="$place/profile" --disk-cache-dir="$place/cache" --disk-cache-size=1000000 \
        --no-first-run --no-default-browser-check --noerrdialogs --hide-crash-restore-bubble --disable-breakpad \
        --disable-background-networking --disable-component-update --disable-sync --no-pings --password-store=basic \
        --disable-features=Translate,LocalNetworkAccessChecks --disable-pinch --overscroll-history-navigation=0 \
        --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' --autoplay-policy=no-user-gesture-required \
        "file://$here/etc/waiting.html#$page"
}

case $turn in
    0 | 90 | 180 | 270) ;;
    *) die "THRESHOLD_SCREEN_TURN=$turn in /etc/threshold/screen.env: write 0, 90, 180 or 270" ;;
esac
case ${1:-} in
    '')
        has_command cage || die "cage is missing: sh $here/screen.sh on"
        # shellcheck disable=SC2046 # a list of words
        if cage_turns; then exec cage $(quarters) -- sh "$here/show.sh" page; fi
        exec cage -- sh "$here/show.sh" page
        ;;
    page)
        turn_display
        browse
        ;;
    *) die "usage: sh deploy/show.sh [page]" ;;
esac
