#!/bin/sh
# TLS in front of the server of this machine: Debian's Caddy with an authority of its own. Part of install-server.sh.
#
#   sh deploy/tls.sh on NAMES    NAMES: every name and number of this server, with commas between
#   sh deploy/tls.sh off         Caddy stops; its package and its authority stay, so that on brings the same one back
#
# Writes /etc/caddy/Caddyfile from deploy/etc/Caddyfile, and the authority's certificate, which kiosks pin, to
# /etc/threshold/ca.crt. A Caddy that serves something else already is left alone: put the site of deploy/etc/Caddyfile
# into its configuration by hand. What server.toml has to say is told in docs/tls.md. Of Caddy's folder nothing is taken
# but one certificate of an authority, and that is read as Caddy's own user.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
caddyfile=/etc/caddy/Caddyfile
before=$caddyfile.before-threshold
authority=/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt
copy=/etc/threshold/ca.crt
mark='# Threshold: written by deploy/tls.sh and written anew when that is run again.'
PATIENCE_S=30

say() { printf 'threshold: %s\n' "$*"; }

die() { # one line per argument
    printf 'threshold: %s\n' "$@" >&2
    exit 1
}

usage() { die "usage: sh deploy/tls.sh on NAMES | off   (NAMES: checkin.example.org,192.168.1.5)"; }

systemd_runs() { [ -d /run/systemd/system ]; }

is_ours() { head -n 1 "$caddyfile" 2>/dev/null | grep -qxF "$mark"; }

# Debian's own example, as the package brought it, serves nothing that anybody would miss.
is_example() {
    sum=$(md5sum <"$caddyfile" | cut -d ' ' -f 1)
    dpkg-query -W -f='${Conffiles}\n' caddy 2>/dev/null | grep -qF "$caddyfile $sum"
}

install_caddy() {
    ! command -v caddy >/dev/null || return 0
    say "installing with apt: caddy"
    apt-get -qq update </dev/null >/dev/null 2>&1 || true # the lists that are here may do
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 caddy \
        </dev/null >/dev/null || die "apt could not install caddy: is there a network? Try: apt-get update && apt-get install caddy"
}

write_caddyfile() {
    { echo "$mark" && sed "s/@NAME@/$(printf '%s' "$names" | sed 's/,/, /g')/" "$here/etc/Caddyfile"; } >"$wanted"
    # Looking at it, Caddy makes an authority: a throw-away one, not one in root's home.
    words=$(XDG_DATA_HOME=$scratch XDG_CONFIG_HOME=$scratch caddy validate --config "$wanted" --adapter caddyfile 2>&1) || {
        printf '%s\n' "$words" | tail -n 3 >&2
        die "Caddy does not take these names: $names" "Its own words are above."
    }
    changed=no
    if ! cmp -s "$wanted" "$caddyfile"; then
        if [ -e "$caddyfile" ] && ! is_ours; then cp -p "$caddyfile" "$before"; fi
        install -D -m 0644 "$wanted" "$caddyfile"
        changed=yes
    fi
}

start_caddy() {
    systemctl --quiet enable caddy
    if [ "${THRESHOLD_START:-yes}" = no ] || ! systemd_runs; then
        say "Caddy is enabled, not started. Its authority is made at its first start; run install-server.sh again then"
        return 0
    fi
    if [ "$changed" = yes ]; then systemctl restart caddy; else systemctl start caddy; fi \
        || die "Caddy did not start. What it said: journalctl -u caddy -n 50" \
            "Does something else listen on port 80 or 443? See: ss -ltnp"
    copy_authority
}

# As Caddy's user, so that a link of its making shows no more than it may see itself. Writes $taken.
take_authority() {
    timeout $PATIENCE_S setpriv --reuid=caddy --regid=caddy --clear-groups --no-new-privs head -c 20000 "$authority" \
        2>>"$scratch/why" \
        | "$here/../.venv/bin/python" -c '
import sys
from admission import roots
pem = roots.read(sys.stdin.buffer.read())
sys.exit("more than one") if pem.count("BEGIN") != 1 else sys.stdout.write(pem)' \
            >"$taken" 2>>"$scratch/why"
}

copy_authority() {
    for _ in $(seq $PATIENCE_S); do
        if [ -s "$authority" ]; then break; fi
        sleep 1
    done
    [ -s "$authority" ] || die "Caddy has made no authority in $PATIENCE_S s: journalctl -u caddy -n 50"
    take_authority || die "$(tail -n 1 "$scratch/why")" \
        "$authority is not the one certificate of an authority that Caddy makes: not copied." \
        "Look at it: openssl x509 -noout -text -in $authority"
    install -d -m 0755 "${copy%/*}"
    if [ -e "$copy" ] && ! cmp -s "$taken" "$copy"; then
        say "$copy holds another authority, which kiosks may have pinned: it is kept as $copy.before"
        cp -p "$copy" "$copy.before"
    fi
    install -m 0644 "$taken" "$copy"
    say "TLS for $names; kiosks pin $copy, staff may add it to their browsers"
}

turn_off() {
    is_ours || { say "Caddy was not set up from here; nothing to do" && return 0; }
    if systemd_runs; then systemctl stop caddy; fi
    systemctl --quiet disable caddy
    rm -f "$caddyfile"
    if [ -e "$before" ]; then mv "$before" "$caddyfile"; fi
    say "Caddy is off. In /etc/threshold/server.toml take back: https, proxies, ca"
}

action=${1:-} names=${2:-}
case $action in
    on) [ $# -eq 2 ] || usage ;;
    off) [ $# -eq 1 ] || usage ;;
    *) usage ;;
esac
case $names in *[!A-Za-z0-9.:,-]* | *,,* | ,* | *,) die "not names with commas between: $names" ;; esac
[ "$action" = off ] || [ -n "$names" ] || usage
[ "$(id -u)" -eq 0 ] || die "this must be run as root: sudo sh deploy/tls.sh $*"
umask 022
if [ "$action" = off ]; then
    turn_off
    exit 0
fi
install_caddy
if [ -e "$caddyfile" ] && ! is_ours && ! is_example; then
    die "$caddyfile was written by somebody else and is left alone." \
        "Put the site of $here/etc/Caddyfile into it by hand (docs/tls.md), or move it away and run this again."
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
wanted=$scratch/Caddyfile taken=$scratch/root.crt
write_caddyfile
start_caddy
