#!/bin/sh
# Everything that has to hold before a change goes in: style, types, import contracts, tests.
#
#   sh deploy/test.sh [--fast | --long] [pytest's arguments]
#
# --fast needs neither Chromium nor PostgreSQL, and leaves out the tests that do; --long runs only the tests that are left
# out otherwise, as each takes most of a minute: real processes over bad links, lost disks and cloned cards, and every
# page. Every step runs even when one before it has failed; the exit status is 0 only if all passed.
set -eu

cd "$(dirname "$0")/.."
profile='test'
choice='not long'
case ${1:-} in
    --fast)
        profile=test-fast
        choice='not browser and not postgres and not long'
        shift
        ;;
    --long)
        choice=long
        shift
        ;;
esac
set -- -m "$choice" "$@"
sh deploy/bootstrap.sh "$profile"

bin=${THRESHOLD_VENV:-.venv}/bin
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
colour=no
if [ -t 1 ]; then colour=yes; fi # pytest itself sees only a pipe
summary=
status=0

step() { # step NAME COMMAND...: runs it and notes how it went
    name=$1
    shift
    printf '\n-- %s\n' "$name"
    began=$(date +%s)
    result=passed
    "$@" || { result=FAILED status=1; }
    summary=$summary$(printf '%-13s %s in %s s' "$name" "$result" $(($(date +%s) - began)))'
'
}

# The status of a pipe is that of its last command, so pytest's own is kept in a file.
# shellcheck disable=SC2317 # step calls it
run_pytest() {
    {
        code=0
        "$bin/python" -m pytest -n 3 --dist loadgroup --color "$colour" "$@" || code=$?
        echo "$code" >"$scratch/code"
    } 2>&1 | tee "$scratch/pytest"
    [ "$(cat "$scratch/code")" = 0 ]
}

if [ "$choice" != long ]; then
    step 'ruff check' "$bin/ruff" check .
    step 'ruff format' "$bin/ruff" format --check .
    step mypy "$bin/mypy"
    step lint-imports "$bin/lint-imports"
fi
step pytest run_pytest "$@"

printf '\n-- summary\n%s' "$summary"
tail -n 1 "$scratch/pytest"
exit "$status"
