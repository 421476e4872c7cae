#!/bin/sh
# Brings the catalogues of the server's pages up to date with the code: extract, merge, compile.
#
#   sh deploy/translate.sh            then translate what is empty in server/web/translations/*/LC_MESSAGES/messages.po
set -eu

cd "$(dirname "$0")/.."
babel=${THRESHOLD_VENV:-.venv}/bin/pybabel
catalogues=server/web/translations
pot=$(mktemp)
trap 'rm -f "$pot"' EXIT

"$babel" -q extract -F deploy/babel.cfg -k phrase -k marked -k _ -k gettext -k ngettext:1,2 -k lazy_gettext \
    --no-location --sort-output --project Threshold --version "" --copyright-holder "the Threshold authors" -o "$pot" server
for language in fr ar; do
    to=$catalogues/$language/LC_MESSAGES/messages.po
    if [ -f "$to" ]; then
        "$babel" -q update --no-fuzzy-matching --ignore-obsolete --omit-header -i "$pot" -o "$to" -l "$language"
    else
        "$babel" -q init -i "$pot" -d "$catalogues" -l "$language"
    fi
done
"$babel" -q compile -d "$catalogues" --statistics
