#!/bin/sh
# What keeps a machine going that nobody looks after: limits for its log, the right time, and for a kiosk the hardware
# watchdog. Part of install-server.sh and install-kiosk.sh.
#
#   sh deploy/upkeep.sh server|kiosk
#
# Where no time server can be reached (a venue's own network), let the kiosks ask a machine that has the right time:
# NTP=192.168.1.5 in /etc/systemd/timesyncd.conf. TLS does not work on a machine whose clock is days off.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)

say() { printf 'threshold: %s\n' "$*"; }

systemd_runs() { [ -d /run/systemd/system ]; }

apt_install() { # apt_install PACKAGE
    command -v apt-get >/dev/null || return 1
    say "installing with apt: $1"
    apt-get -qq update </dev/null >/dev/null 2>&1 || true # the lists that are here may do
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$1" \
        </dev/null >/dev/null 2>&1
}

place_drop_in() { # place_drop_in FILE FOLDER RELOAD...: reloads only when it says something new
    from=$here/etc/$1
    to=/etc/systemd/$2/threshold.conf
    shift 2
    ! cmp -s "$from" "$to" || return 0
    install -D -m 0644 "$from" "$to"
    if systemd_runs; then "$@" || say "$to counts from the next start of this machine on"; fi
}

# A kiosk trusts the server's clock for what it writes down; but TLS, the log and the server itself need the right time.
keep_time() {
    for clock in chrony ntpsec ntp openntpd systemd-timesyncd none; do
        if [ -e "/lib/systemd/system/$clock.service" ]; then break; fi
    done
    if [ "$clock" = none ]; then
        clock=systemd-timesyncd
        apt_install $clock || { say "nothing keeps this machine's clock right: apt-get install $clock" && return 0; }
    fi
    systemctl --quiet enable "$clock" || say "the clock is not kept right: systemctl enable $clock"
    if systemd_runs; then systemctl start "$clock" || say "the clock is not kept right: systemctl status $clock"; fi
}

place_limits() {
    place_drop_in journald.conf journald.conf.d systemctl restart systemd-journald
    if [ "$role" = kiosk ]; then place_drop_in watchdog.conf system.conf.d systemctl daemon-reexec; fi
}

role=${1:-}
case $role in
    server | kiosk) ;;
    *) printf '%s\n' "threshold: usage: sh deploy/upkeep.sh server|kiosk" >&2 && exit 1 ;;
esac
umask 022
keep_time
place_limits
