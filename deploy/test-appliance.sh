#!/bin/sh
# The appliance test: a real Debian with systemd as PID 1, Threshold put on it by its own scripts, a badge held up to a
# replayed camera, the power cut, and everything that was green still there. docs/appliance-test.md says more.
#
#   sh deploy/test-appliance.sh [--in container|vm] [--suite bookworm|trixie] [--arch amd64|arm64]
#                               [--working-tree] [--without-fsync] [--fresh] [--keep]
#
#   --in container   systemd-nspawn with a disk of its own (the default): at full speed, so its times are real
#   --in vm          a virtual machine with Debian's own kernel; without KVM it takes very long
#   --arch           another one than this machine's is emulated, and only in a virtual machine
#   --working-tree   install the files as they lie here; otherwise what is committed
#   --without-fsync  the kiosk's fsync does nothing: the test has to fail, which shows that it can
#   --fresh          make the base system anew
#   --keep           leave the machine's disk and its console's log where they are, and say where
#
#   THRESHOLD_APPLIANCE_CACHE   where base systems are kept (otherwise: ~/.cache/threshold-appliance)
#   THRESHOLD_APPLIANCE_ACCEL   kvm or tcg (otherwise: kvm where a guest comes up with it)
#   THRESHOLD_APPLIANCE_MIRROR  Debian's archive (otherwise: http://deb.debian.org/debian)
#
# As root, on Debian 12 or 13, with a network. The exit status is 0 only if every check held.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd -P)
cache=${THRESHOLD_APPLIANCE_CACHE:-$HOME/.cache/threshold-appliance}
mirror=${THRESHOLD_APPLIANCE_MIRROR:-http://deb.debian.org/debian}

say() { printf 'threshold: %s\n' "$*"; }

die() { # one line per argument
    printf 'threshold: %s\n' "$@" >&2
    exit 1
}

usage() {
    die "usage: sh deploy/test-appliance.sh [--in container|vm] [--suite bookworm|trixie] [--arch amd64|arm64]" \
        "       [--working-tree] [--without-fsync] [--fresh] [--keep]"
}

# ---------------------------------------------------------------------------------------------- what it needs

lacks='' packages=''

need() { # need COMMAND PACKAGE WHY
    command -v "$1" >/dev/null && return
    lacks="$lacks
  $1 ($2) $3" packages="$packages $2"
}

check_needs() {
    [ "$(id -u)" -eq 0 ] || die "this must be run as root: a Debian is built, and its files belong to many users."
    need mmdebstrap mmdebstrap "builds the Debian"
    need mke2fs e2fsprogs "makes its disk"
    need git git "hands over what is committed"
    if [ "$bed" = vm ]; then
        need "$emulator" "$emulator_package" "is the machine"
        need ssh openssh-client "talks to it"
    else
        need systemd-nspawn systemd-container "is the machine"
        need slirp4netns slirp4netns "gives it a network"
    fi
    if [ "$arch" != "$here" ]; then
        need "qemu-$machine-static" qemu-user-static "runs the other architecture's installers"
        need arch-test arch-test "finds out whether they run"
    fi
    [ -z "$lacks" ] || die "the appliance test needs what is not here:$lacks" \
        "Install it and run this again: apt-get install --no-install-recommends$packages"
}

check_place() {
    mkdir -p "$cache"
    free=$(df -Pk "$cache" | awk 'NR == 2 { print int($4 / 1048576) }')
    [ "$free" -ge 8 ] || die "in $cache are $free GB free; the appliance test needs 8." \
        "Name another place: THRESHOLD_APPLIANCE_CACHE=/where/there/is/room"
}

# ---------------------------------------------------------------------------------------------- the base system

# What a fresh Debian with git and python3 has, and a kernel and an ssh server for the virtual machine.
fresh_debian=systemd,systemd-sysv,dbus,udev,kmod,iproute2,procps,openssh-server,ca-certificates,git,python3
fresh_debian=$fresh_debian,initramfs-tools,zstd

# A network, a name server (that of QEMU's and slirp4netns' inner network), a key for us, and no password.
furnish() { # furnish TREE
    printf 'threshold-appliance\n' >"$1/etc/hostname"
    printf '127.0.0.1 localhost threshold-appliance\n' >"$1/etc/hosts"
    printf 'nameserver 10.0.2.3\n' >"$1/etc/resolv.conf"
    printf '[Match]\nName=en* eth*\n[Network]\nDHCP=ipv4\n' >"$1/etc/systemd/network/10-wired.network"
    printf 'deb %s %s main\n' "$mirror" "$suite" >"$1/etc/apt/sources.list"
    : >"$1/etc/machine-id" # made at the first boot, as on a new card
    systemctl --quiet --root="$1" enable systemd-networkd
    install -d -m 0700 "$1/root/.ssh"
    install -m 0600 "$cache/key.pub" "$1/root/.ssh/authorized_keys"
    trust_our_network "$1"
}

# A network that opens TLS has its own authority: what this machine trusts besides Debian's, the guest trusts too.
trust_our_network() {
    for one in /usr/local/share/ca-certificates/*.crt; do
        [ -e "$one" ] || return 0
        install -m 0644 "$one" "$1/usr/local/share/ca-certificates/"
    done
    chroot "$1" update-ca-certificates >/dev/null 2>&1
    printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$1/etc/pip.conf"
}

build_base() { # a disk, a kernel with its initial RAM disk; all or nothing
    say "building $suite for $arch in $base (a minute or two; once)"
    rm -rf "$base" "$base.new"
    mkdir -p "$base.new"
    mmdebstrap --quiet --variant=minbase --architectures="$arch" --format=directory \
        --include="$fresh_debian,linux-image-cloud-$arch" "$suite" "$base.new/tree" "$mirror" \
        || die "mmdebstrap could not build $suite for $arch; its own words are above." \
            "Is $mirror reachable? For another architecture, does binfmt_misc know qemu-user-static?"
    furnish "$base.new/tree"
    cp "$base.new"/tree/boot/vmlinuz-* "$base.new/kernel"
    cp "$base.new"/tree/boot/initrd.img-* "$base.new/initrd"
    mke2fs -q -t ext4 -L threshold -d "$base.new/tree" "$base.new/disk" 6G
    rm -rf "$base.new/tree"
    mv "$base.new" "$base"
}

# ---------------------------------------------------------------------------------------------- the run

case $(uname -m) in
    x86_64) here=amd64 ;;
    aarch64) here=arm64 ;;
    *) die "the appliance test runs on x86-64 and aarch64 only; this is $(uname -m)" ;;
esac
bed=container suite=bookworm arch=$here fresh=no keep='' tree='' fsync=''
while [ $# -gt 0 ]; do
    case $1 in
        --in | --suite | --arch)
            [ $# -ge 2 ] || usage
            case $1 in --in) bed=$2 ;; --suite) suite=$2 ;; --arch) arch=$2 ;; esac
            shift
            ;;
        --fresh) fresh=yes ;;
        --keep) keep=--keep ;;
        --working-tree) tree=--working-tree ;;
        --without-fsync) fsync=--without-fsync ;;
        *) usage ;;
    esac
    shift
done
case $bed in vm | container) ;; *) usage ;; esac
case $suite in bookworm | trixie) ;; *) usage ;; esac
case $arch in
    amd64) machine=x86_64 emulator_package=qemu-system-x86 ;;
    arm64) machine=aarch64 emulator_package=qemu-system-arm ;;
    *) usage ;;
esac
emulator=qemu-system-$machine
if [ "$bed" = container ] && [ "$arch" != "$here" ]; then
    die "a container runs this machine's own architecture, $here: leave --arch out, or take --in vm"
fi
base=$cache/$suite-$arch

check_needs
check_place
sh "$root/deploy/bootstrap.sh" test-fast
[ -e "$cache/key" ] || ssh-keygen -q -t ed25519 -N '' -C threshold-appliance -f "$cache/key"
exec 9>"$cache/lock" # two runs at once must not build the same base
flock 9
if [ "$fresh" = yes ] || [ ! -d "$base" ]; then build_base; fi
flock -u 9
exec 9>&-

cd "$root"
# In a mount namespace of its own: nobody else holds on to the guest's disk, and it goes with the last process.
# shellcheck disable=SC2086 # each is one word or none
exec unshare --mount --propagation private -- "${THRESHOLD_VENV:-.venv}/bin/python" -m tests.appliance \
    --in "$bed" --arch "$arch" --base "$base" --key "$cache/key" $keep $tree $fsync
