#!/bin/sh
# threshold-server and threshold-kiosk of an installed machine, for root: the command with the machine's settings, as
# the service's own user, so that no file of root's lies where the service has to write.
#
#   sudo threshold-server doctor
#   sudo threshold-server import /tmp/my-summit
#   sudo threshold-server print-badges --out /tmp/badges.pdf
#
# Installed as links in /usr/local/bin; which of the two is meant is in the link's name. The command is that user and
# has no more rights: what it is given it must be able to read, and where it is to write it must be able to write, as in
# /tmp or in the data folder. Home folders are closed to it. What it writes is that user's alone to read, and root's.
# To have it: sudo -u threshold-server cat /tmp/badges.pdf >badges.pdf
#
# This is no wall between root and a service that somebody has taken over: that one may reach into another program of
# its user, and through it to the terminal that root called it from.
set -eu

name=${0##*/}
role=${name#threshold-}
program=/opt/threshold/.venv/bin/$name
config=/etc/threshold
secret=$config/database-password
data=/var/lib/$name

die() {
    printf '%s\n' "$@" >&2
    exit 1
}

as_user() { setpriv --reuid="$name" --regid="$name" --init-groups "$@"; }

check_read() { # from the root folder, for find complains of a folder to which it cannot come back
    whole=$(realpath -s "$1")
    [ -z "$(cd / && as_user find "$whole" -maxdepth 1 ! -readable -print -quit 2>&1)" ] || die \
        "$name: this runs as the user $name, who cannot read $1 or what is in it." \
        "Copy it to /tmp or $data, readable for that user, and name it there."
}

check_write() { # check_write FOLDER
    [ ! -d "$1" ] || as_user test -w "$1" -a -x "$1" || die \
        "$name: this runs as the user $name, who cannot write to the folder $1." \
        "Name a place in /tmp, in $data, or in a folder that belongs to that user."
}

# Said beforehand: badges that were issued but could not be saved would have to be issued again.
check_files() {
    before=
    for word in "$@"; do
        case $word in --*=*) before=${word%%=*} word=${word#*=} ;; esac
        case $before in
            --to) check_write "$word" ;;
            --out | --json | archive) check_write "$(dirname "$word")" ;;
            *) case $word in -*) ;; *) [ ! -e "$word" ] || check_read "$word" ;; esac ;;
        esac
        before=$word
    done
}

case $role in
    server | kiosk) ;;
    *) printf '%s\n' "this is run as threshold-server or threshold-kiosk" >&2 && exit 2 ;;
esac
if [ "$(id -u)" -ne 0 ]; then
    [ "$(id -un)" = "$name" ] || die "$name: only root may: sudo $name $*"
    exec "$program" --config "$config/$role.toml" "$@"
fi
check_files "$@"
if [ "$role" = server ] && [ -s "$secret" ]; then # the service itself gets it from systemd
    PGPASSWORD=$(cat "$secret")
    export PGPASSWORD
fi
exec setpriv --reuid="$name" --regid="$name" --init-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
    "$program" --config "$config/$role.toml" "$@"
