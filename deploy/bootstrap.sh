#!/bin/sh
# Makes this machine ready for one profile: the Debian packages that are missing, and a venv with exactly what the
# profile's lock file pins, with the project in it. Says nothing and changes nothing when all is there.
#
#   sh deploy/bootstrap.sh demo | test | test-fast | server | kiosk
#
#   THRESHOLD_PYTHON   the Python to build the venv with (otherwise: the first on PATH that is recent enough)
#   THRESHOLD_VENV     where the venv lies, seen from the project's root (otherwise: .venv)
#
# One venv serves every profile that was ever asked for here; it is built anew only when a lock file, Python's
# version or the place of the project has changed, and the old one comes back if that fails.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd -P)
cd "$root"
venv=${THRESHOLD_VENV:-.venv}
stamp=$venv/threshold.stamp
PATH=$PATH:/usr/sbin:/sbin # ldconfig lies there, and not every user has it on PATH

say() { printf 'threshold: %s\n' "$*"; }

die() { # one line per argument
    printf 'threshold: %s\n' "$@" >&2
    exit 1
}

# ---------------------------------------------------------------------------------------------- Python

# Prints: version, whether it will do, whether it can make a venv, the interpreter behind any venv that is active.
probe='
import importlib.util, sys
version = "%d.%d" % sys.version_info[:2]
good = sys.version_info >= (3, 11) and sys.maxsize > 2**32
whole = importlib.util.find_spec("ensurepip") is not None
print(version, "good" if good else "bad", "whole" if whole else "part", getattr(sys, "_base_executable", sys.executable))
'

find_python() { # sets python, version, python_is_whole
    seen=
    for candidate in "${THRESHOLD_PYTHON:-python3}" python3.13 python3.12 python3.11; do
        about=$("$candidate" -c "$probe" 2>/dev/null) || continue
        version=${about%% *}
        case $about in
            *' good whole '*) python_is_whole=yes python=${about#* * * } && return ;;
            *' good part '*) python_is_whole=no python=${about#* * * } && return ;;
        esac
        seen=${seen:-$candidate is $version}
    done
    die "Python 3.11 or later (64 bit) is needed; here ${seen:-there is no ${THRESHOLD_PYTHON:-python3} that runs}." \
        "Debian 12 and 13 and Raspberry Pi OS (64 bit, bookworm or later) bring it: apt-get install python3" \
        "If it lies elsewhere, name it: THRESHOLD_PYTHON=/path/to/python3.12 sh deploy/..."
}

# ---------------------------------------------------------------------------------------------- Debian's packages

need() { # need PACKAGE CHECK...: notes the package when the check fails
    package=$1
    shift
    "$@" || missing="$missing $package"
}

has_library() {
    case $libraries in *"	$1 ("*) ;; *) return 1 ;; esac
}

has_command() { command -v "$1" >/dev/null; }

# The browser without a screen starts in a third of the time; older Debians have only the whole one.
offers_shell() { has_command apt-cache && apt-cache show chromium-headless-shell >/dev/null 2>&1; }

has_browser() {
    has_command chromium-headless-shell && return 0
    ! offers_shell || return 1
    has_command chromium || has_command chromium-browser
}

browser() { if offers_shell; then echo chromium-headless-shell; else echo chromium; fi; }

has_file() { [ -e "$1" ]; }

has_postgresql() {
    for initdb in /usr/lib/postgresql/*/bin/initdb; do
        [ ! -x "$initdb" ] || return 0
    done
    return 1
}

can_make_venv() { [ "$python_is_whole" = yes ] || is_current; }

find_missing() { # sets missing
    missing=
    libraries=$(ldconfig -p 2>/dev/null) || libraries=
    need "${python##*/}-venv" can_make_venv
    need fonts-dejavu-core has_file /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
    need fonts-noto-core has_file /usr/share/fonts/truetype/noto/NotoSans-Regular.ttf
    need fonts-droid-fallback has_file /usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf
    need fonts-nanum has_file /usr/share/fonts/truetype/nanum/NanumGothic.ttf
    [ "$profile" != server ] || return 0
    need fonts-noto-cjk has_file /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc
    need libzbar0 has_library libzbar.so.0
    need libgl1 has_library libGL.so.1 # OpenCV's wheel brings all of its libraries but this,
    need libglib2.0-0 has_library libgthread-2.0.so.0 # this
    need libxcb1 has_library libxcb.so.1 # and this
    case $profile in test*) need poppler-utils has_command pdftoppm ;; esac
    [ "$profile" = test ] || return 0
    need "$(browser)" has_browser
    need postgresql has_postgresql
}

explain_and_die() { # explain_and_die WHY...
    die "these Debian packages are missing:$missing" "$@"
}

become_root() { # sets as_root
    as_root=
    [ "$(id -u)" -ne 0 ] || return 0
    has_command sudo || explain_and_die "and there is no sudo here. As root: apt-get install$missing" "Then run this again."
    say "sudo is needed to install:$missing"
    sudo -v || explain_and_die "and sudo does not let you install them." \
        "Ask somebody who may: apt-get install$missing" "Then run this again."
    as_root=sudo
}

# Installing PostgreSQL on Debian also makes and starts a cluster for the whole machine. The tests start their own.
no_cluster=/etc/postgresql-common/createcluster.d/threshold-bootstrap.conf

forbid_cluster() {
    $as_root mkdir -p "${no_cluster%/*}"
    echo 'create_main_cluster = false' | $as_root tee "$no_cluster" >/dev/null
}

apt_install() {
    # shellcheck disable=SC2086 # both are lists of words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 $missing </dev/null >"$scratch" 2>&1
}

install_missing() {
    has_command apt-get || explain_and_die "and there is no apt-get here. Threshold runs on Debian and Raspberry Pi OS;" \
        "elsewhere, install by hand what provides the same and run this again."
    become_root
    say "installing with apt:$missing"
    $as_root apt-get -qq update </dev/null >"$scratch" 2>&1 \
        || say "apt-get update failed; going on with the package lists that are here"
    case $missing in *postgresql*) forbid_cluster ;; esac
    apt_install || {
        tail -n 15 "$scratch" >&2
        explain_and_die "and apt-get could not install them; its last words are above." \
            "Is there a network? Are the sources in /etc/apt reachable? Try: apt-get update && apt-get install$missing"
    }
    find_python # a Python that was in parts is whole now
    installed=$missing
    find_missing
    [ -z "$missing" ] || explain_and_die "although apt-get has just installed:$installed" \
        "Put in place what these packages provide and run this again."
}

# ---------------------------------------------------------------------------------------------- the venv

hash_of() { sha256sum <"$1" | cut -d ' ' -f 1; }

stamped() { [ -f "$stamp" ] && grep -qxF -- "$1" "$stamp"; }

lock_line() { printf 'lock %s %s\n' "$1" "$(hash_of "deploy/lock/$1.txt")"; }

project_line() { printf 'project %s\n' "$(hash_of pyproject.toml)"; }

installed_locks() { [ ! -f "$stamp" ] || sed -n 's/^lock \([a-z]*\) .*/\1/p' "$stamp"; }

fits() { # the venv is whole and ours, though it may lack a profile
    [ -x "$venv/bin/python" ] && stamped "python $version" && stamped "root $root" || return 1
    for one in $(installed_locks); do
        [ -f "deploy/lock/$one.txt" ] && stamped "$(lock_line "$one")" || return 1
    done
}

is_current() { fits && stamped "$(lock_line "$lock")" && stamped "$(project_line)"; }

create_venv() {
    if [ -e "$venv" ]; then
        [ -f "$venv/pyvenv.cfg" ] || die "$venv is there but is no venv: move it away or set THRESHOLD_VENV."
        rm -rf "$venv.old"
        mv "$venv" "$venv.old"
        set_aside=yes
    fi
    say "making a venv with Python $version in $venv"
    "$python" -m venv "$venv" || die "$python could not make a venv in $venv (its own words are above)." \
        "Is the disk full? May you write there?"
    printf 'python %s\nroot %s\n' "$version" "$root" >"$stamp"
}

pip_install() { "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check "$@"; }

install_lock() {
    say "installing $(grep -c '==' "deploy/lock/$1.txt") packages from deploy/lock/$1.txt (minutes, on a slow line)"
    pip_install --require-hashes --only-binary :all: -r "deploy/lock/$1.txt" || die \
        "pip could not install what deploy/lock/$1.txt pins; its own words are above." \
        "No network? Connect and run this again. A proxy or an index of your own? Tell pip (pip config, HTTPS_PROXY)." \
        "No matching distribution? Ready-made packages exist for x86-64 and aarch64 only." \
        "Hashes that do not match? Then what came is not what was tested: find out why before going on."
    lock_line "$1" >>"$stamp"
}

install_project() {
    pip_install --no-deps --no-build-isolation --editable "$root" \
        || die "pip could not install the project itself from $root; its own words are above."
    sed -i '/^project /d' "$stamp"
    project_line >>"$stamp"
}

fill_venv() {
    locks="$(installed_locks) $lock"
    fits || create_venv
    for one in $locks; do
        [ -f "deploy/lock/$one.txt" ] || continue # a profile that no longer exists
        stamped "$(lock_line "$one")" || install_lock "$one"
    done
    stamped "$(project_line)" || install_project
    set_aside=no
    rm -rf "$venv.old"
    say "ready: $venv"
}

# ---------------------------------------------------------------------------------------------- the run

scratch=
as_root=
set_aside=no

clean_up() {
    status=$?
    [ ! -e "$no_cluster" ] || $as_root rm -f "$no_cluster"
    if [ -n "$scratch" ]; then rm -f "$scratch"; fi
    if [ "$set_aside" = yes ]; then
        rm -rf "$venv"
        mv "$venv.old" "$venv"
        say "the venv of before is back in $venv" >&2
    fi
    exit "$status"
}

[ $# -eq 1 ] || die "usage: sh deploy/bootstrap.sh demo|test|test-fast|server|kiosk"
profile=$1
case $profile in
    demo | test | server | kiosk) lock=$profile ;;
    test-fast) lock='test' ;;
    *) die "there is no profile $profile: it is demo, test, test-fast, server or kiosk" ;;
esac
[ -f "deploy/lock/$lock.txt" ] || die "deploy/lock/$lock.txt is missing: is this a whole checkout? (git status)"

find_python
find_missing
if [ -z "$missing" ] && is_current; then exit 0; fi

# Two runs at once (a demo and the tests) must not build the same venv: the second waits and finds it built.
exec 9<"$root"
flock 9
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
scratch=$(mktemp)
find_missing
if [ -n "$missing" ]; then install_missing; fi
is_current || fill_venv
