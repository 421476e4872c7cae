#!/bin/sh
# threshold-server and threshold-kiosk of an installed machine, for root: the command with the machine's settings, as
# the service's own user, so that no file of root's lies where the service has to write.
#
#   sudo threshold-server doctor
#   sudo threshold-server import /home/me/summit
#
# Installed as links in /usr/local/bin; which of the two is meant is in the link's name. So that files can be read from
# and written to the folder of whoever calls, file permissions do not count, as for root: the user is the effective one
# only, since access(2) asks about the real one.
set -eu

name=${0##*/}
role=${name#threshold-}
program=/opt/threshold/.venv/bin/$name
config=/etc/threshold
secret=$config/database-password

case $role in
    server | kiosk) ;;
    *) printf '%s\n' "this is run as threshold-server or threshold-kiosk" >&2 && exit 2 ;;
esac
if [ "$(id -u)" -ne 0 ]; then
    [ "$(id -un)" = "$name" ] || { printf '%s\n' "$name: only root may: sudo $name $*" >&2 && exit 1; }
    exec "$program" --config "$config/$role.toml" "$@"
fi
if [ "$role" = server ] && [ -s "$secret" ]; then # the service itself gets it from systemd
    PGPASSWORD=$(cat "$secret")
    export PGPASSWORD
fi
exec setpriv --ruid=0 --euid="$name" --regid="$name" --init-groups --inh-caps=+dac_override --ambient-caps=+dac_override \
    "$program" --config "$config/$role.toml" "$@"
