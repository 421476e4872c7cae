#!/bin/sh
# Brings the catalogues up to date with the code: extract, merge, compile. The server's pages have one, the doors have
# another.
#
#   sh deploy/translate.sh      then translate what is empty in server/web/translations/*/LC_MESSAGES/messages.po
#                               and kiosk/face/translations/*/LC_MESSAGES/door.po, and run it again
set -eu

cd "$(dirname "$0")/.."
babel=${THRESHOLD_VENV:-.venv}/bin/pybabel
pot=$(mktemp)
trap 'rm -f "$pot"' EXIT

extract() { # extract FOLDER OPTION...
    folder=$1
    shift
    "$babel" -q extract -F deploy/babel.cfg "$@" --no-location --sort-output --project Threshold --version "" \
        --copyright-holder "the Threshold authors" -o "$pot" "$folder"
}

merge() { # merge CATALOGUES DOMAIN LANGUAGE...
    catalogues=$1
    domain=$2
    shift 2
    for language in "$@"; do
        to=$catalogues/$language/LC_MESSAGES/$domain.po
        if [ -f "$to" ]; then
            "$babel" -q update --no-fuzzy-matching --ignore-obsolete --omit-header -D "$domain" -i "$pot" -o "$to" \
                -l "$language"
        else
            "$babel" -q init -D "$domain" -i "$pot" -d "$catalogues" -l "$language"
        fi
    done
    "$babel" -q compile -f -D "$domain" -d "$catalogues" --statistics # -f: without a header, all of it counts as fuzzy
}

extract server -k phrase -k marked -k _ -k gettext -k ngettext:1,2 -k lazy_gettext
merge server/web/translations messages fr ar
extract kiosk/face/words.py -k _
merge kiosk/face/translations door fr es ar zh ru hi
