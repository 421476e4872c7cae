#!/bin/sh
# Whether there is an event to serve on this machine: status 0 if there is, or if that cannot be told from here.
#
#   sh deploy/begun.sh [SETTINGS DATA]      otherwise: those of an installed server
#
# threshold-server.service asks before it starts. Until "threshold-server init" has made an event there is nothing to
# serve, and starting again every two seconds would only fill the log.
set -eu

settings=${1:-/etc/threshold/server.toml}
data=${2:-/var/lib/threshold-server}

[ ! -e "$data/threshold.db" ] || exit 0
for beside in "$data/threshold.db.turn" "$data/threshold.db.restoring" "$data/set-aside"; do
    if [ -e "$beside" ]; then # a database was here: a restore was interrupted, or somebody has moved it away
        echo "the database is gone: threshold-server restore FILE (threshold-server backups lists them), once more if" \
            "that was interrupted; then systemctl start threshold-server"
        exit 1
    fi
done
[ -e "$settings" ] || exit 0 # the server itself says what is wrong
! grep -q '^[[:space:]]*database[[:space:]]*=' "$settings" || exit 0
grep -q "^[[:space:]]*data[[:space:]]*=[[:space:]]*[\"']$data/*[\"']" "$settings" || exit 0
echo "there is no event yet: threshold-server init, then systemctl start threshold-server"
exit 1
