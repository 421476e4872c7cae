#!/bin/sh
# Writes deploy/lock/{test,demo,server,kiosk}.txt anew from pyproject.toml: every package, pinned, with hashes.
#
#   sh deploy/lock.sh [--upgrade]      without --upgrade, pins that still fit are kept
#
# One lock serves Python 3.11 and later on Linux, x86-64 and aarch64. The three smaller locks are constrained by
# the one for the tests, so that what runs at a venue is what was tested and one venv can serve several profiles.
set -eu

cd "$(dirname "$0")/.."

say() { printf 'lock: %s\n' "$*"; }
die() { printf 'lock: %s\n' "$*" >&2; exit 1; }

uv=${THRESHOLD_VENV:-.venv}/bin/uv
[ -x "$uv" ] || uv=$(command -v uv) || die "uv is not here; put it into the venv with: .venv/bin/python -m pip install uv"
python=${THRESHOLD_VENV:-.venv}/bin/python
[ -x "$python" ] || python=python3

compile() { # compile LOCK [uv arguments]: reads what the build needs from standard input
    lock=$1
    shift
    "$uv" --no-config pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
        --generate-hashes --only-binary :all: --no-emit-index-url --no-annotate \
        --custom-compile-command 'sh deploy/lock.sh' --output-file "deploy/lock/$lock.txt" \
        "$@" pyproject.toml -
}

# The project itself is built without isolation, so its build backend is pinned like everything else; editables is
# what that backend needs to install the project in place.
build_needs() {
    echo editables
    "$python" -c '
import tomllib
with open("pyproject.toml", "rb") as file:
    print("\n".join(tomllib.load(file)["build-system"]["requires"]))
'
}

check_wheels() { # every pin has a wheel that fits (or is pure Python), so no kiosk ever needs a compiler
    for platform in aarch64 x86_64; do
        for version in 3.11 3.12 3.13; do
            say "looking for wheels: $platform, Python $version"
            "$uv" --no-config pip compile --quiet --no-deps --only-binary :all: --output-file /dev/null \
                --python-platform "$platform-manylinux_2_36" --python-version "$version" deploy/lock/test.txt \
                || die "a package has no wheel for $platform and Python $version: pin another version in pyproject.toml"
        done
    done
}

[ $# -eq 0 ] || [ "$*" = --upgrade ] || die "usage: sh deploy/lock.sh [--upgrade]"
mkdir -p deploy/lock
needs=$(build_needs)
say "test"
printf '%s\n' "$needs" | compile test --extra server --extra kiosk --extra demo --extra test "$@"
say "demo"
printf '%s\n' "$needs" | compile demo --extra server --extra kiosk --extra demo --constraint deploy/lock/test.txt
for extra in server kiosk; do
    say "$extra"
    printf '%s\n' "$needs" | compile "$extra" --extra "$extra" --constraint deploy/lock/test.txt
done
check_wheels
