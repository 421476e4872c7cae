#!/bin/sh
# A kiosk whose plug may be pulled at any time: the root file system is only read, and the kiosk's data has a partition
# of its own. As root, on an installed kiosk.
#
#   sh deploy/read-only.sh on [--device PARTITION | --new-partition]
#   sh deploy/read-only.sh off          writable at once, and after the next start: before an update, for instance
#   sh deploy/read-only.sh status
#
# on needs a partition with the label threshold-data, and counts from the next start on. --device makes PARTITION, which
# must hold nothing yet, that partition (a stick will do: /dev/sda1); --new-partition makes one in the largest free space
# of the disk that root is on, if there are 256 MB. Raspberry Pi OS fills its card at the first start: to keep space
# free, take the word resize out of cmdline.txt on the card before that. What the kiosk has written so far moves there.
#
# In /etc/fstab root and /boot become ro, and what must be written while the machine runs lies in memory: logs, the
# state of systemd and of the network. Swap and timers that would write are turned off. off undoes all of it but the
# data partition, which stays. With --root DIR only the files under DIR are changed (for an image, and for the tests).
set -eu

user=threshold-kiosk
data=/var/lib/$user
label=threshold-data
data_line="LABEL=$label $data ext4 noatime,nodev,nosuid,noexec,nofail,x-systemd.device-timeout=20s 0 2"
LEAST_MB=256
quiet_units='apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer man-db.timer logrotate.timer e2scrub_all.timer
fake-hwclock.service fake-hwclock-save.timer dphys-swapfile.service rpi-zram-writeback.timer'

say() { printf 'threshold: %s\n' "$*"; }

die() { # one line per argument
    printf 'threshold: %s\n' "$@" >&2
    exit 1
}

usage() { die "usage: sh deploy/read-only.sh on [--device PARTITION | --new-partition] | off | status"; }

here_and_now() { [ -z "$root" ]; } # not an image

# ---------------------------------------------------------------------------------------------- fstab

original() { # the fstab without what this script has put into it
    awk '
        /^# threshold: begin/ { ours = 1 }
        /^# threshold: was / { sub(/^# threshold: was /, ""); print; getline; next }
        !ours { print }
        /^# threshold: end/ { ours = 0 }
    ' "$fstab"
}

has_line() { original | awk -v at="$1" '$1 !~ /^#/ && $2 == at { found = 1 } END { exit !found }'; }

memory_lines() { # what is written while the machine runs
    for place in /tmp:1777 /var/tmp:1777 /var/log:0755 /var/lib/systemd:0755 /var/lib/dhcp:0755 /var/lib/dhcpcd:0755 \
        /var/lib/NetworkManager:0700 /var/lib/chrony:0755 /var/lib/logrotate:0755; do
        at=${place%:*}
        if [ -d "$root$at" ] && ! has_line "$at"; then
            echo "tmpfs $at tmpfs nosuid,nodev,size=64M,mode=${place#*:} 0 0"
        fi
    done
}

read_only() { # the fstab as it is to be
    original | awk '
        $1 !~ /^#/ && ($2 == "/" || $2 ~ /^\/boot(\/(firmware|efi))?$/) {
            print "# threshold: was " $0
            count = split($4, given, ",")
            options = ""
            for (i = 1; i <= count; i++) if (given[i] != "rw" && given[i] != "ro") options = options given[i] ","
            $4 = options "ro"
        }
        { print }
    '
    has_line "$data" || echo "$data_line"
    echo "# threshold: begin, put here by read-only.sh on; taken away by read-only.sh off"
    memory_lines
    echo "# threshold: units $1"
    echo "# threshold: end"
}

replace_fstab() { # from standard input, whole or not at all
    cat >"$fstab.new"
    chmod --reference="$fstab" "$fstab.new"
    sync
    mv "$fstab.new" "$fstab"
    sync
}

is_on() { grep -q '^# threshold: begin' "$fstab"; }

# ---------------------------------------------------------------------------------------------- the data partition

largest_gap() { # prints start and size in sectors of the largest free space of disk $1, if it is large enough
    sfdisk --list-free "$1" | awk -v least=$((LEAST_MB * 2048)) '
        $1 ~ /^[0-9]+$/ && $3 > most { start = $1; most = $3 }
        END { if (most >= least) print start, most }
    '
}

make_partition() { # sets device
    command -v sfdisk >/dev/null || die "sfdisk is missing: apt-get install fdisk"
    source=$(findmnt --noheadings --output SOURCE /)
    disk=$(lsblk --noheadings --paths --output PKNAME "$source" | head -n 1)
    [ -n "$disk" ] || die "root lies on $source, which is no partition of a disk: give a partition with --device"
    gap=$(largest_gap "$disk")
    [ -n "$gap" ] || die "$disk has no free space of $LEAST_MB MB: give a partition with --device, of a stick for instance" \
        "(Raspberry Pi OS: keep space free by taking the word resize out of cmdline.txt before the first start)"
    before=$(lsblk --noheadings --paths --raw --output NAME "$disk")
    echo "start=${gap% *}, size=${gap#* }, type=L" | sfdisk --quiet --append --no-reread --no-tell-kernel "$disk" >/dev/null \
        || die "no partition could be made on $disk; sfdisk's own words are above"
    partx --update "$disk"
    if command -v udevadm >/dev/null; then udevadm settle || true; fi
    device=$(lsblk --noheadings --paths --raw --output NAME "$disk" | grep -vxF "$before") \
        || die "a partition was made on $disk, but the kernel does not see it yet: restart, then --device PARTITION"
    say "made the partition $device"
}

format() { # only what holds nothing
    [ -b "$device" ] || die "$device is no partition: see lsblk"
    ! findmnt --source "$device" >/dev/null || die "$device is in use: see findmnt $device"
    holds=$(blkid --probe --output value --match-tag TYPE "$device") || holds=$(blkid --probe --output value --match-tag PTTYPE "$device") || holds=
    [ -z "$holds" ] || die "$device holds something already ($holds) and is left alone." \
        "If that may be deleted: wipefs --all $device, then run this again. If it is Threshold's: e2label $device $label"
    say "making a file system on $device"
    mkfs.ext4 -q -L $label "$device"
}

find_device() { # sets device
    device=$(blkid --label $label) && return 0
    if [ "$how" = new ]; then make_partition; else device=$given; fi
    [ -n "$device" ] || die "there is no partition with the label $label." \
        "Give one that holds nothing (--device /dev/sda1), or have one made in free space (--new-partition)."
    format
}

holds_store() { [ -e "$1/kiosk.db" ] || [ -e "$1/enrolment.json" ]; }

mount_there() { # mount_there PLACE WHAT [OPTION...]
    there=$1
    mkdir -p "$there"
    ! mountpoint -q "$there" || umount "$there" # a run that was killed has left it
    mount ${3:+"$3"} "$2" "$there" || die "$2 cannot be mounted at $there: is it ext4? See blkid $2"
}

unmount_there() {
    umount "$there"
    rmdir "$there"
    there=
}

# A folder named copying on the partition says that this is under way. While fstab does not name the partition, what
# lies there does not count: the plug may have been pulled, and the kiosk has gone on with what is on root.
copy_data() {
    mount_there /run/threshold-data "$device"
    copying=$there/copying
    if [ -e "$copying" ] && ! has_line $data; then
        holds_store $data || die "$device holds a copy that was not finished, and there is nothing to copy any more." \
            "Look at it (mount $device /mnt); if it may be deleted: wipefs --all $device, then --device $device"
        find "$there" -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf {} +
    fi
    if holds_store $data; then
        ! holds_store "$there" || die "both $data and $device hold a kiosk's data." \
            "Delete what is not wanted; the seats and passages of what is deleted are known to this kiosk alone."
        forget_partition
        mkdir "$copying"
        cp -a $data/. "$copying"
        sync
        find "$copying" -mindepth 1 -maxdepth 1 -exec mv -t "$there" {} +
        sync
    fi
    chown $user:$user "$there"
    chmod 0750 "$there"
    unmount_there
}

forget_partition() { # in fstab: an image that was made with --root names it from the beginning
    ! has_line $data || awk -v at=$data '$1 ~ /^#/ || $2 != at' "$fstab" | replace_fstab
}

name_partition() { # in fstab, where off leaves it
    has_line $data || { cat "$fstab" && echo "$data_line"; } | replace_fstab
}

# What was copied lies on root still, beneath the partition: without the stick the kiosk would take it up again. Its
# name goes first, so that a kiosk that meets half of it does not act under it.
clear_root() {
    mount_there /run/threshold-root "${data%/*}" --bind
    newer=$(find "$there/$user" -type f -newer $data/copying -print -quit)
    [ -z "$newer" ] || die "the kiosk has written to $data on root since it was copied, when $device was away." \
        "Nothing is deleted. Unmount $data, look at both, and keep the one that is wanted."
    rm -f "$there/$user/enrolment.json"
    sync
    find "$there/$user" -mindepth 1 -delete
    sync
    unmount_there
}

go_on() { # whatever became of it, the door opens
    status=$?
    [ -z "$there" ] || umount "$there" || true
    [ "$stopped" = no ] || systemctl start --no-block $user.service || say "the kiosk does not start: systemctl status $user"
    exit $status
}

# At every moment the whole of the kiosk's data lies where the next start looks for it.
place_data() {
    there='' stopped=no device=$label
    trap go_on EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    if ! mountpoint -q $data; then
        find_device
        stopped=yes
        systemctl stop $user.service
        copy_data
        name_partition
        mount -o noatime,nodev,nosuid,noexec "$device" $data
    fi
    [ -d $data/copying ] || return 0
    clear_root
    rmdir $data/copying
    sync
}

# ---------------------------------------------------------------------------------------------- on, off, status

check_machine() {
    has_line / || die "$fstab has no line for /, so it cannot be made read-only there"
    here_and_now || return 0
    [ "$(findmnt --noheadings --output FSTYPE /)" != overlay ] \
        || die "root is an overlay (raspi-config can do that): turn it off there first, or keep it and leave this"
    [ -e /etc/systemd/system/$user.service ] || die "there is no kiosk here yet: sh deploy/install-kiosk.sh"
    [ ! -e /etc/systemd/system/threshold-server.service ] \
        || die "this machine is the server too, which keeps its database on root: only a kiosk alone can be read-only"
    [ -w /etc ] || die "root is read-only already; to change something: sh deploy/read-only.sh off"
}

silence() { # prints what was turned off, now or by an earlier run
    for one in $quiet_units; do
        if grep -qs "^# threshold: units .*\b$one" "$fstab"; then
            echo "$one"
        elif here_and_now && systemctl --quiet is-enabled "$one" 2>/dev/null; then
            systemctl --quiet disable --now "$one" >&2 && echo "$one"
        fi
    done | tr '\n' ' '
}

# NetworkManager keeps the name servers in /run too. Other programs rewrite the file in /etc, which stays as it is now.
link_resolv() {
    [ -d "$root/var/lib/NetworkManager" ] && [ -f "$root/etc/resolv.conf" ] && [ ! -L "$root/etc/resolv.conf" ] || return 0
    mv "$root/etc/resolv.conf" "$root/etc/resolv.conf.before-threshold"
    ln -s /run/NetworkManager/resolv.conf "$root/etc/resolv.conf"
}

turn_on() {
    check_machine
    if here_and_now; then place_data; fi
    units=$(silence)
    wanted=$(read_only "${units% }")
    mkdir -p "$root/etc/systemd/journald.conf.d"
    printf '%s\n' '# Threshold: root is read-only, so the log lies in memory.' '[Journal]' 'Storage=volatile' \
        >"$root/etc/systemd/journald.conf.d/threshold-volatile.conf"
    link_resolv
    touch "$root/usr/lib/clock-epoch" # systemd starts no earlier than this on a machine that keeps no time
    printf '%s\n' "$wanted" | replace_fstab
    say "root is read-only from the next start on: systemctl reboot"
}

turn_off() {
    if here_and_now && [ ! -w /etc ]; then
        mount -o remount,rw / || die "root cannot be made writable; is the card at its end? See: dmesg | tail"
    fi
    is_on || { say "root is writable; nothing to do" && return 0; }
    units=$(sed -n 's/^# threshold: units //p' "$fstab")
    original >"$fstab.was"
    replace_fstab <"$fstab.was"
    rm -f "$fstab.was" "$root/etc/systemd/journald.conf.d/threshold-volatile.conf" "$root/usr/lib/clock-epoch"
    if [ -e "$root/etc/resolv.conf.before-threshold" ]; then
        mv "$root/etc/resolv.conf.before-threshold" "$root/etc/resolv.conf"
    fi
    if here_and_now; then
        for place in /boot /boot/firmware /boot/efi; do ! mountpoint -q $place || mount -o remount,rw $place; done
        # shellcheck disable=SC2086 # a list of words
        [ -z "$units" ] || systemctl --quiet enable $units
    fi
    say "root is writable, and stays so; what lies in memory lies there until the next start"
}

tell() {
    if [ -w "$root/etc" ]; then say "root is writable now"; else say "root is read-only now"; fi
    if is_on; then say "from the next start on it is read-only"; else say "from the next start on it is writable"; fi
    if awk -v at=$data '$1 !~ /^#/ && $2 == at { found = 1 } END { exit !found }' "$fstab"; then
        say "the kiosk's data has a partition of its own"
    else
        say "the kiosk's data lies on root"
    fi
}

action='' root='' how='' given=''
while [ $# -gt 0 ]; do
    case $1 in
        on | off | status) action=$action$1 ;;
        --new-partition) how=new ;;
        --device | --root)
            [ $# -ge 2 ] || usage
            if [ "$1" = --root ]; then root=${2%/}; else given=$2; fi
            shift
            ;;
        *) usage ;;
    esac
    shift
done
fstab=$root/etc/fstab
case $action in on | off | status) ;; *) usage ;; esac
[ -z "$how$given" ] || [ "$action" = on ] || usage
[ -f "$fstab" ] || die "$fstab is missing: is this a machine with Debian or Raspberry Pi OS?"
[ "$action" = status ] || ! here_and_now || [ "$(id -u)" -eq 0 ] || die "this must be run as root: sudo sh deploy/read-only.sh $action"
umask 022
case $action in
    on) turn_on ;;
    off) turn_off ;;
    status) tell ;;
esac
