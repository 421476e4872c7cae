#!/bin/sh
# The kiosk's page full-screen on this machine's own display, or no longer. Part of install-kiosk.sh.
#
#   sh deploy/screen.sh on|off
#
# Installs cage (a compositor for one window) and Chromium from Debian, and threshold-screen.service, which shows
# http://127.0.0.1:8090/ on the first console in place of its login. deploy/show.sh tells how to turn the picture.
# It was tried on an emulated display only, never on a Raspberry Pi's.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
unit=threshold-screen.service
place=/etc/systemd/system/$unit
user=threshold-screen
policy=/etc/chromium/policies/managed/threshold.json

say() { printf 'threshold: %s\n' "$*"; }

die() { # one line per argument
    printf 'threshold: %s\n' "$@" >&2
    exit 1
}

systemd_runs() { [ -d /run/systemd/system ]; }

has_command() { command -v "$1" >/dev/null; }

apt_install() {
    say "installing with apt: $*"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" \
        </dev/null >/dev/null
}

find_missing() { # sets missing; chromium's own lock needs nothing beside it, a session on the console needs logind
    missing=
    has_command cage || missing="$missing cage"
    has_command Xwayland || missing="$missing xwayland" # unused, but Debian 12's cage does not start without
    has_command wlr-randr || missing="$missing wlr-randr"
    has_command dbus-daemon || missing="$missing dbus"
    [ -e /usr/share/pam-configs/systemd ] || missing="$missing libpam-systemd"
    [ -e /usr/lib/polkit-1/polkitd ] || missing="$missing polkitd" # without it logind gives nobody the console
    has_command chromium || has_command chromium-browser || missing="$missing chromium"
}

turn_on() {
    find_missing
    if [ -n "$missing" ]; then
        apt-get -qq update </dev/null >/dev/null 2>&1 || true # the lists that are here may do
        # shellcheck disable=SC2086 # a list of words
        apt_install $missing || die "apt could not install:$missing" \
            "Is there a network? Try: apt-get update && apt-get install$missing"
    fi
    id -u $user >/dev/null 2>&1 || useradd --system --user-group --home-dir /run/$user --no-create-home \
        --shell /usr/sbin/nologin $user
    install -D -m 0644 "$here/etc/chromium.json" $policy
    install -m 0644 "$here/../systemd/$unit" $place
    sync
    if systemd_runs; then systemctl daemon-reload; fi
    systemctl --quiet enable $unit
    if [ "${THRESHOLD_START:-yes}" = no ] || ! systemd_runs; then
        say "the screen is enabled, not started: systemctl start $unit"
    else
        systemctl restart $unit || die "the screen did not start. What it said: journalctl -u $unit -n 50"
        say "the screen shows the kiosk's page: systemctl status $unit"
    fi
}

turn_off() {
    if [ -e $place ]; then
        if systemd_runs; then systemctl stop $unit; fi
        systemctl --quiet disable $unit
        rm -f $place
        if systemd_runs; then
            systemctl daemon-reload
            systemctl start getty@tty1.service || say "the console's login comes back with the next start"
        fi
    fi
    rm -f $policy
    if id -u $user >/dev/null 2>&1; then userdel $user; fi
    say "the screen is off; cage and chromium stay installed"
}

[ "$#" -eq 1 ] || die "usage: sh deploy/screen.sh on|off"
[ "$(id -u)" -eq 0 ] || die "this must be run as root: sudo sh deploy/screen.sh $1"
umask 022
case $1 in
    on) turn_on ;;
    off) turn_off ;;
    *) die "usage: sh deploy/screen.sh on|off" ;;
esac
