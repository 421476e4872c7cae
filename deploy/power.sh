#!/bin/sh
# Does what a steward asked for at the kiosk: turns this machine off, or starts it again.
#
#   sh deploy/power.sh FILE      the file holds one word: off, or again
#
# threshold-power.service runs it as root. The file is the kiosk's, which is trusted with this one choice and no more:
# a link is not followed, a pipe is not waited for, no more than a word is read. Whatever the file holds, it is removed
# before anything is done, so that a machine that starts again does not find it.
set -eu

say() { printf '%s\n' "$*"; }

[ $# -eq 1 ] || { say "usage: sh deploy/power.sh FILE" >&2; exit 2; }
request=$1

word=$(dd if="$request" iflag=nofollow,nonblock bs=16 count=1 2>/dev/null) || word=
rm -rf -- "$request"
case $word in
    off)
        say "a steward turns this kiosk off"
        systemctl poweroff
        ;;
    again)
        say "a steward starts this kiosk again"
        systemctl reboot
        ;;
    *)
        say "neither off nor again, but $(printf '%s' "$word" | tr -c '[:alnum:]' '?'): nothing is done" >&2
        exit 1
        ;;
esac
