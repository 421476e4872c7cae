#!/bin/sh
# Puts a role of Threshold on this machine as systemd services, or brings it up to date; both may share a machine.
# Use it as install-server.sh or install-kiosk.sh, as root, on Debian 12 or 13 or Raspberry Pi OS (64 bit). It may be
# run as often as you like, also where no systemd runs yet, as while an image for a card is being made.
#
#   sh deploy/install.sh server [--no-start] [--tls NAMES | --no-tls]
#   sh deploy/install.sh kiosk  [--no-start] [--screen | --no-screen]
#   sh deploy/install.sh server|kiosk --uninstall [--purge [--yes]]
#
#   --no-start    the services are enabled, and start with the machine
#   --tls NAMES   Caddy with an authority of its own in front: every name and number under which this server is reached,
#                 with commas between (deploy/tls.sh). --no-tls takes it away. Neither: what is there stays.
#   --screen      the kiosk's page full-screen on this machine's display (deploy/screen.sh). --no-screen takes it away.
#                 Neither: what is there stays; a new kiosk gets it on a Raspberry Pi that has /dev/dri and no desktop.
#   --uninstall   takes services and program away, and leaves configuration, data and users;
#                 with --purge these go as well (deploy/uninstall.sh)
#
# What lies where:
#
#   /opt/threshold              the program and its venv; every package as deploy/lock pins it, checked by its hash
#   /etc/threshold              configuration; what is there already is kept
#   /var/lib/threshold-ROLE     data
#   /usr/local/bin              threshold-ROLE, for root: the commands, as the service's user (deploy/command.sh)
#   /etc/systemd                the units of systemd/, limits for the log, and for a kiosk the hardware watchdog
set -eu

root=$(cd "$(dirname "$0")/.." && pwd -P)
program=/opt/threshold
config=/etc/threshold
units=/etc/systemd/system
commands=/usr/local/bin

say() { printf 'threshold: %s\n' "$*"; }

die() { # one line per argument
    printf 'threshold: %s\n' "$@" >&2
    exit 1
}

usage() {
    leaving="or, to take it away: --uninstall [--purge [--yes]]"
    case $role in
        server) die "usage: sh deploy/install-server.sh [--no-start] [--tls NAMES | --no-tls]" "$leaving" ;;
        kiosk) die "usage: sh deploy/install-kiosk.sh [--no-start] [--screen | --no-screen]" "$leaving" ;;
        *) die "usage: sh deploy/install.sh server|kiosk [options]; the first lines of that file tell them" ;;
    esac
}

# systemd's own sign that it runs this machine; it does not while an image is being made.
systemd_runs() { [ -d /run/systemd/system ]; }

apt_install() { # apt_install PACKAGE
    command -v apt-get >/dev/null || return 1
    say "installing with apt: $1"
    apt-get -qq update </dev/null >/dev/null 2>&1 || true # the lists that are here may do
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$1" \
        </dev/null >/dev/null 2>&1
}

# ---------------------------------------------------------------------------------------------- the program

add_user() {
    if ! id -u "$user" >/dev/null 2>&1; then
        say "adding the user $user"
        useradd --system --user-group --home-dir "$data" --no-create-home --shell /usr/sbin/nologin "$user"
    fi
    [ "$role" = kiosk ] || return 0
    for group in gpio video; do # gpio is not everywhere, so the unit may not name it; video is for deploy/command.sh
        if getent group $group >/dev/null; then usermod --append --groups $group "$user"; fi
    done
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

move_files() { # move_files FROM TO: all but the venv, in which the place of the program is written down
    mkdir -p "$2"
    find "$1" -mindepth 1 -maxdepth 1 ! -name .venv -exec mv -t "$2" {} +
}

# What starts by itself would meet half a program. The services go on with what they have in memory.
pause() { # sets paused
    systemd_runs || return 0
    for one in threshold-backup.timer threshold-power.path; do
        if systemctl --quiet is-active $one; then
            systemctl stop $one
            paused="$paused $one"
        fi
    done
    for _ in $(seq 60); do # a backup that is being made
        [ "$(systemctl show -P ActiveState threshold-backup.service)" = activating ] || break
        sleep 1
    done
}

resume() {
    # shellcheck disable=SC2086 # a list of words
    [ -z "$paused" ] || systemctl start $paused
    paused=
}

place_program() {
    [ "$root" != "$program" ] || return 0
    put_back # what a run that was cut off has left
    say "copying the program to $program"
    fetch_program
    mkdir -p "$program" "$program.old"
    move_files "$program" "$program.old"
    touch "$program.begun"
    move_files "$program.new" "$program"
    rmdir "$program.new"
}

# A new version whose packages could not be had would leave a program that does not start: the old one comes back.
put_back() {
    rm -rf "$program.gone"
    if [ -d "$program.old" ]; then
        if [ -e "$program.begun" ] && [ -n "$(ls -A "$program.old")" ]; then
            move_files "$program" "$program.gone"
            rm -f "$program.begun" # before anything comes back: who is cut off below must not take that away again
            say "the program of before is put back in $program" >&2
        fi
        move_files "$program.old" "$program"
    fi
    rm -rf "$program.begun" "$program.old" "$program.gone"
}

keep_program() { # at once: from here on nothing is put back
    [ ! -d "$program.old" ] || mv "$program.old" "$program.gone"
    rm -rf "$program.begun" "$program.gone"
}

# Only the system's own paths: a Python in root's home could not be run by the service's user.
prepare_program() {
    env -u THRESHOLD_VENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        sh "$program/deploy/bootstrap.sh" "$role"
    "$program/.venv/bin/python" -m compileall -q "$program/admission" "$program/$role"
    if [ "$role" = kiosk ] && [ -e /dev/gpiochip0 ]; then link_pins; fi
}

# gpiozero reaches a Pi's pins through lgpio, which comes from Debian: PyPI has it for no Python from 3.13 on.
link_pins() {
    apt_pins=/usr/lib/python3/dist-packages
    [ -e "$apt_pins/lgpio.py" ] || apt_install python3-lgpio || true
    if [ ! -e "$apt_pins/lgpio.py" ]; then
        say "lamp, buzzer and relay need python3-lgpio, which apt does not have here; without them all is well"
        return 0
    fi
    ln -sf "$apt_pins/lgpio.py" "$apt_pins"/_lgpio*.so "$("$program/.venv/bin/python" -c \
        'import sysconfig; print(sysconfig.get_path("platlib"))')"
}

place_command() {
    mkdir -p "$commands"
    chmod 0755 "$program/deploy/command.sh"
    ln -sf "$program/deploy/command.sh" "$commands/threshold-$role"
}

# ---------------------------------------------------------------------------------------------- configuration

write_config() { # what --tls needs is not a comment in a new file
    install -m 0640 -o root -g "$user" "$program/deploy/etc/$role.toml" "$config/$role.toml"
    [ "$tls" = on ] || return 0
    sed -i -e 's/^# \(https = true\)$/\1/' -e 's/^# \(proxies = 1\)$/\1/' -e "s|^# \(ca = \"$config/ca.crt\"\)\$|\1|" \
        "$config/$role.toml"
}

place_config() {
    install -d -m 0755 "$config"
    install -d -m 0750 -o "$user" -g "$user" "$data"
    if [ ! -e "$config/$role.toml" ]; then
        say "writing an example to $config/$role.toml"
        write_config
    elif [ "$tls" = on ]; then
        for line in 'https = true' 'proxies = 1' "ca = \"$config/ca.crt\""; do
            grep -q "^$line" "$config/server.toml" || say "for TLS, $config/server.toml has to say: $line"
        done
    fi
    # Root changes nothing in a folder in which the service might have put a link to something else.
    if [ "$role" = kiosk ] && [ -e "$enrolment" ] && [ "$(stat -c %U "$enrolment")" != "$user" ]; then
        say "$enrolment does not belong to $user, so the kiosk may not be able to read it." \
            "Bring it again: install -T -o $user -g $user -m 0600 FILE $enrolment"
    fi
    for secret in "$config/enrolment.json" "$config/database-password"; do # handed over by systemd, which is root
        [ ! -e "$secret" ] || { chown root:root "$secret" && chmod 0600 "$secret"; }
    done
}

# ---------------------------------------------------------------------------------------------- units

unit_files() {
    case $role in
        server) echo threshold-server.service threshold-backup.service threshold-backup.timer ;;
        kiosk) echo threshold-kiosk.service threshold-power.service threshold-power.path ;;
    esac
}

place_units() {
    for file in $(unit_files); do install -m 0644 "$program/systemd/$file" "$units/$file"; done
    sync # a plug that is pulled now must not leave empty files: systemd takes such a unit for one that is forbidden
    if systemd_runs; then systemctl daemon-reload; fi
    systemctl --quiet enable "$unit" "$beside"
}

start() {
    if [ "$start" = no ] || ! systemd_runs; then
        say "installed and enabled, not started: systemctl start $unit $beside"
    else
        systemctl restart "$beside" || die "$beside did not start: systemctl status $beside"
        systemctl restart "$unit" || die "$unit did not start. What it said: journalctl -u $unit -n 50"
        if systemctl --quiet is-active "$unit"; then
            say "running: systemctl status $unit"
        else # threshold-server.service passes a start over while there is no event
            say "not running yet, as there is no event. Make one:" \
                "threshold-server init --name 'My summit' --timezone Europe/Paris && systemctl start $unit"
        fi
    fi
    say "configuration: $config/$role.toml, data: $data, log: journalctl -u $unit, commands: threshold-$role --help"
}

extras() { # TLS in front of a server, the display of a kiosk
    case $role in
        server) [ "$tls" = keep ] || THRESHOLD_START=$start sh "$program/deploy/tls.sh" "$tls" ${names:+"$names"} ;;
        kiosk) [ "$screen" = keep ] || THRESHOLD_START=$start sh "$program/deploy/screen.sh" "$screen" ;;
    esac
}

# For a new kiosk of which nothing was said. Elsewhere than on a Raspberry Pi the console may be somebody's.
choose_screen() {
    [ "$role" = kiosk ] && [ "$screen" = keep ] && [ ! -e "$units/$unit" ] || return 0
    [ -e /dev/dri ] && [ ! -e /etc/systemd/system/display-manager.service ] || return 0
    if grep -qsa '^Raspberry Pi' /proc/device-tree/model; then screen=on; fi
}

# ---------------------------------------------------------------------------------------------- the run

role=${1:-}
case $role in server | kiosk) shift ;; *) usage ;; esac
start=yes tls=keep names='' screen=keep
case " $* " in *' --uninstall '*) exec sh "$root/deploy/uninstall.sh" "$role" "$@" ;; esac
while [ $# -gt 0 ]; do
    case $role$1 in
        *--no-start) start=no ;;
        server--tls)
            tls=on names=${2:-}
            case $names in
                '' | -*) die "--tls wants the names of this server, like --tls checkin.example.org,192.168.1.5" ;;
            esac
            shift
            ;;
        server--no-tls) tls=off ;;
        kiosk--screen) screen=on ;;
        kiosk--no-screen) screen=off ;;
        *) usage ;;
    esac
    shift
done
user=threshold-$role
unit=$user.service
case $role in server) beside=threshold-backup.timer ;; *) beside=threshold-power.path ;; esac
data=/var/lib/$user
enrolment=$data/enrolment.json

[ "$(id -u)" -eq 0 ] || die "this must be run as root: sudo sh deploy/install-$role.sh"
command -v systemctl >/dev/null \
    || die "there is no systemd here; Threshold's services need it (Debian: apt-get install systemd)"
[ -w /opt ] || die "root is read-only, so nothing can be installed. First: sh $program/deploy/read-only.sh off"
umask 022
cd / # program folders come and go below
choose_screen
add_user
paused=
trap 'put_back; resume' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
pause
place_program
prepare_program
keep_program
place_command
sh "$program/deploy/upkeep.sh" "$role"
place_config
place_units
start
trap - EXIT
resume
extras
