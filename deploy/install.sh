#!/bin/sh
# Puts a role of Threshold on this machine as a systemd service, or brings it up to date; both may share a machine.
# Use it as install-server.sh or install-kiosk.sh.
#
#   sh deploy/install.sh server|kiosk [--no-start | --uninstall]
#
# The program goes to /opt/threshold, configuration to /etc/threshold (what is there already is kept), data to
# /var/lib/threshold-ROLE. --uninstall takes the service and the program away and leaves configuration and data.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd -P)
program=/opt/threshold
config=/etc/threshold
units=/etc/systemd/system

say() { printf 'threshold: %s\n' "$*"; }

die() { # one line per argument
    printf 'threshold: %s\n' "$@" >&2
    exit 1
}

usage() { die "usage: sh deploy/install-$role.sh [--no-start | --uninstall]"; }

# systemd's own sign that it runs this machine; it does not while an image is being made.
systemd_runs() { [ -d /run/systemd/system ]; }

# ---------------------------------------------------------------------------------------------- installing

add_user() {
    id -u "$user" >/dev/null 2>&1 && return
    say "adding the user $user"
    useradd --system --user-group --home-dir "$data" --no-create-home --shell /usr/sbin/nologin "$user"
}

git_here() { git -c safe.directory="$root" -C "$root" "$@"; } # root need not own the checkout

unpack() { tar -x --no-same-owner --no-same-permissions -C "$program.new"; }

fetch_program() { # the commit that is checked out, or the whole folder when it is no git checkout
    rm -rf "$program.new"
    mkdir -p "$program.new"
    if git_here rev-parse --quiet --verify HEAD >/dev/null 2>&1; then
        [ -z "$(git_here status --porcelain)" ] || say "what is not committed in $root is not installed"
        git_here archive HEAD | unpack
    else
        tar -c -C "$root" --exclude=./.venv --exclude=./.git . | unpack
    fi
}

place_program() {
    [ "$root" != "$program" ] || return 0
    say "copying the program to $program"
    fetch_program
    mkdir -p "$program"
    find "$program" -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
    find "$program.new" -mindepth 1 -maxdepth 1 -exec mv -t "$program" {} +
    rmdir "$program.new"
}

# Only the system's own paths: a Python in root's home could not be run by the service's user.
prepare_program() {
    env -u THRESHOLD_VENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        sh "$program/deploy/bootstrap.sh" "$role"
    "$program/.venv/bin/python" -m compileall -q "$program/admission" "$program/$role"
}

place_config() {
    install -d -m 0755 "$config"
    install -d -m 0750 -o "$user" -g "$user" "$data"
    if [ ! -e "$config/$role.toml" ]; then
        say "writing an example to $config/$role.toml"
        install -m 0640 -o root -g "$user" "$program/deploy/etc/$role.toml" "$config/$role.toml"
    fi
    if [ "$role" = kiosk ] && [ -e "$enrolment" ]; then
        chown "$user:$user" "$enrolment"
        chmod 0600 "$enrolment"
    fi
}

place_unit() {
    install -m 0644 "$program/systemd/$unit" "$units/$unit"
    if systemd_runs; then systemctl daemon-reload; fi
    systemctl --quiet enable "$unit"
}

start() {
    if [ "$start" = no ] || ! systemd_runs; then
        say "installed and enabled, not started: systemctl start $unit"
    else
        systemctl restart "$unit" || die "$unit did not start. What it said: journalctl -u $unit -n 50"
        say "running: systemctl status $unit"
    fi
    say "configuration: $config/$role.toml, data: $data, log: journalctl -u $unit"
}

# ---------------------------------------------------------------------------------------------- uninstalling

uninstall() {
    if [ -e "$units/$unit" ]; then
        if systemd_runs; then systemctl stop "$unit"; fi
        systemctl --quiet disable "$unit"
        rm -f "$units/$unit"
        if systemd_runs; then systemctl daemon-reload; fi
    fi
    if [ ! -e "$units/threshold-server.service" ] && [ ! -e "$units/threshold-kiosk.service" ]; then
        rm -rf "$program"
    fi
    say "$unit is gone. Left where they were: $config, $data and the user $user."
}

# ---------------------------------------------------------------------------------------------- the run

role=${1:-}
case $role in server | kiosk) shift ;; *) die "usage: sh deploy/install.sh server|kiosk [--no-start | --uninstall]" ;; esac
start=yes
action=install
for option in "$@"; do
    case $option in
        --no-start) start=no ;;
        --uninstall) action=uninstall ;;
        *) usage ;;
    esac
done
user=threshold-$role
unit=$user.service
data=/var/lib/$user
enrolment=$data/enrolment.json

[ "$(id -u)" -eq 0 ] || die "this must be run as root: sudo sh deploy/install-$role.sh"
command -v systemctl >/dev/null || die "there is no systemd here; Threshold's services need it (Debian: apt-get install systemd)"
umask 022
cd / # program folders come and go below
if [ "$action" = uninstall ]; then
    uninstall
    exit 0
fi
add_user
place_program
prepare_program
place_config
place_unit
start
