#!/bin/sh
# Takes a role of Threshold off this machine. Use it as install-server.sh --uninstall or install-kiosk.sh --uninstall.
#
#   sh deploy/uninstall.sh server|kiosk --uninstall [--purge [--yes]]
#
# Services, commands and, with the last role, the program go; configuration, data and the user stay. --purge deletes
# these too: on a server everything that it knows of the event with its backups, on a kiosk its key and every passage
# that the server has not heard of. It asks first; --yes says yes beforehand. Debian packages stay, and so does what
# the settings keep elsewhere, as other things may lie there too: it is named, for you to delete.
set -eu

program=/opt/threshold
config=/etc/threshold
units=/etc/systemd/system

say() { printf 'threshold: %s\n' "$*"; }

die() { # one line per argument
    printf 'threshold: %s\n' "$@" >&2
    exit 1
}

usage() { die "usage: sh deploy/install-$role.sh --uninstall [--purge [--yes]]"; }

systemd_runs() { [ -d /run/systemd/system ]; }

setting() { # setting NAME: what the settings say, or nothing
    sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*[\"']\([^\"']*\)[\"'].*/\1/p" "$config/$role.toml" 2>/dev/null \
        | head -n 1
}

kept_elsewhere() { # prints what the purge does not reach, a line each
    for name in data backups enrolment; do
        place=$(setting $name)
        case $place in
            '') ;;
            "$data" | "$data"/*) case $place in */..*) echo "$place ($name in $role.toml)" ;; esac ;;
            *) [ ! -e "$place" ] || echo "$place ($name in $role.toml)" ;;
        esac
    done
    if [ -d "$data/" ]; then # a link goes, what it leads to does not
        find "$data/" -mindepth 1 -maxdepth 1 -xtype d -type l -printf '%l (to which a link in the data folder leads)\n'
    fi
    url=$(setting database | sed 's|//[^/@]*@|//|')
    [ -z "$url" ] || echo "the database $url"
}

tell_kept() {
    [ -n "$elsewhere" ] || return 0
    say "this is NOT deleted, and may hold names; delete it yourself:"
    printf '%s\n' "$elsewhere" | sed 's/^/  /'
}

agree() {
    [ "$yes" = no ] || return 0
    tell_kept
    [ -t 0 ] || die "--purge deletes $data and all that is in it; if that is meant: --uninstall --purge --yes"
    printf 'This deletes %s and all that is in it. To go on, type %s: ' "$data" "$role"
    read -r answer || answer=
    [ "$answer" = "$role" ] || die "nothing was deleted and nothing uninstalled"
}

remove_unit() {
    [ -e "$units/$1" ] || return 0
    if systemd_runs; then systemctl stop "$1"; fi
    case $1 in threshold-backup.service | threshold-power.service) ;; *) systemctl --quiet disable "$1" ;; esac
    rm -f "$units/$1"
    if systemd_runs; then systemctl reset-failed "$1" 2>/dev/null || true; fi # one that failed would be listed for ever
}

remove_services() {
    case $role in
        server)
            if grep -qs '^# Threshold: written by' /etc/caddy/Caddyfile; then sh "$here/tls.sh" off; fi
            for unit in threshold-backup.timer threshold-backup.service threshold-server.service; do remove_unit $unit; done
            ;;
        kiosk)
            if [ -e "$units/threshold-screen.service" ]; then sh "$here/screen.sh" off; fi
            for unit in threshold-power.path threshold-power.service threshold-kiosk.service; do remove_unit $unit; done
            rm -f /etc/systemd/system.conf.d/threshold.conf
            ;;
    esac
    rm -f "/usr/local/bin/threshold-$role"
    if systemd_runs; then systemctl daemon-reload; fi
}

other_role_is_here() { [ -e "$units/threshold-server.service" ] || [ -e "$units/threshold-kiosk.service" ]; }

remove_program() {
    ! other_role_is_here || return 0
    rm -f /etc/systemd/journald.conf.d/threshold.conf
    rm -rf "$program" "$program.new" "$program.old" "$program.begun" "$program.gone"
}

delete_data() {
    folder=$(readlink -m "$data") # it may be a link to a folder on another disk
    case $folder in /*/*) ;; *) die "$data leads to $folder, which is not deleted" ;; esac
    if [ -d "$folder" ]; then
        find "$folder" -mindepth 1 -delete || true
        [ -z "$(find "$folder" -mindepth 1 ! -type d -print -quit)" ] \
            || die "not everything in $folder could be deleted; why is said above. The rest of the purge is not done."
        rmdir "$folder" 2>/dev/null || say "$folder is empty now, but disks are mounted: take their lines out of /etc/fstab"
    fi
    if [ -L "$data" ]; then rm "$data"; fi
}

purge() {
    delete_data
    rm -f "$config/$role.toml"
    case $role in
        server) rm -f "$config/database-password" "$config/ca.crt" ;;
        kiosk) rm -f "$config/enrolment.json" "$config/screen.env" ;;
    esac
    rmdir "$config" 2>/dev/null || true # the other role's is there, or something that was put there by hand
    if id -u "$user" >/dev/null 2>&1; then userdel "$user"; fi
}

role=${1:-}
case $role in server | kiosk) shift ;; *) die "usage: sh deploy/uninstall.sh server|kiosk --uninstall [--purge [--yes]]" ;; esac
here=$(cd "$(dirname "$0")" && pwd -P)
purge=no yes=no
for option in "$@"; do
    case $option in
        --uninstall) ;;
        --purge) purge=yes ;;
        --yes) yes=yes ;;
        *) usage ;;
    esac
done
[ "$yes" = no ] || [ "$purge" = yes ] || usage
user=threshold-$role
data=/var/lib/$user

[ "$(id -u)" -eq 0 ] || die "this must be run as root: sudo sh deploy/install-$role.sh --uninstall"
command -v systemctl >/dev/null || die "there is no systemd here, so Threshold's services are not either"
[ -w /etc ] || die "the root file system is read-only, so nothing can be taken away. First: sh $program/deploy/read-only.sh off"
if [ "$role" = kiosk ] && grep -qs '^# threshold: ' /etc/fstab; then
    die "this machine's root is to be read-only from its next start on. First: sh $program/deploy/read-only.sh off"
fi
elsewhere=$(kept_elsewhere)
[ "$purge" = no ] || agree
cd /
remove_services
remove_program
if [ "$purge" = yes ]; then
    purge
    say "$user is gone, with its configuration and all that was in $data"
    tell_kept
else
    say "$user.service is gone. Left where they were: $config, $data and the user $user."
fi
