"""A kiosk's data moves to its partition (deploy/read-only.sh on), and the plug is pulled at every step of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.blank import DEPLOY, Blank, needs_root

FSTAB = "/dev/sda2 / ext4 defaults,noatime 0 1\n"
DATA = "/var/lib/threshold-kiosk"
HELD = {"kiosk.db": "a store", "kiosk.db-wal": "more of it", "enrolment.json": "a name", "aside/kiosk.db": "another"}
SYNC = '#!/bin/sh\necho >>"$BLANK/syncs"\n[ "$(wc -l <"$BLANK/syncs")" != "$CUT" ] || kill -KILL 0\n'
BLKID = '#!/bin/sh\n[ "$1" = --label ] && echo "$DEVICE"\n'
TOUCH = '#!/bin/sh\ncase $1 in /usr/*) ;; *) exec /usr/bin/touch "$@" ;; esac\n'
FINDMNT = "#!/bin/sh\necho ext4\n"
START = f'{{ ! grep -q " {DATA} " /etc/fstab || mount "$DEVICE" {DATA}; }}'
"""What systemd does with fstab when the machine starts."""

pytestmark = needs_root


class Kiosk(Blank):
    """A kiosk with its data on root, and a stick in it."""

    def on(self, device: str, *, cut: int = 0, before: str = "true") -> subprocess.CompletedProcess[str]:
        (self.folder / "syncs").write_text("", encoding="utf-8")
        return self.run("sh", DEPLOY / "read-only.sh", "on", before=before, DEVICE=device, CUT=str(cut))

    def finds(self, device: str, start: str = START) -> dict[str, str]:
        """What the kiosk has in its data folder after the next start."""
        told = self.run("sh", "-c", f"cd {DATA} && grep -r '' .", before=start, DEVICE=device).stdout
        return dict(line.removeprefix("./").split(":", 1) for line in told.splitlines())

    def on_root(self) -> list[Path]:
        return list((self.folder / DATA[1:]).iterdir())


@pytest.fixture
def kiosk(tmp_path: Path) -> Kiosk:
    made = Kiosk(tmp_path / "machine")
    made.make()
    made.add_user("threshold-kiosk", 64_100)
    for name, text in (("sync", SYNC), ("blkid", BLKID), ("touch", TOUCH), ("findmnt", FINDMNT)):
        made.stand_in(name, text)
    (made.folder / "etc/fstab").write_text(FSTAB, encoding="utf-8")
    unit = made.folder / "etc/systemd/system/threshold-kiosk.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    for name, content in HELD.items():
        file = made.folder / DATA[1:] / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return made


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[str]:
    image = tmp_path / "stick"
    with image.open("wb") as file:
        file.truncate(4_000_000)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)
    device = subprocess.run(["losetup", "--find", "--show", image], check=False, capture_output=True, text=True)
    if device.returncode != 0:
        pytest.skip(f"no loop device: {device.stderr}")
    yield device.stdout.strip()
    subprocess.run(["losetup", "--detach", device.stdout.strip()], check=True)


def test_the_data_lies_on_the_partition_alone_and_the_kiosk_goes_on(kiosk: Kiosk, stick: str) -> None:
    answer = kiosk.on(stick)

    assert answer.returncode == 0, answer.stderr
    assert kiosk.finds(stick) == HELD
    assert kiosk.on_root() == []
    mine = [call for call in kiosk.calls() if "threshold-kiosk" in call]
    assert mine == ["stop threshold-kiosk.service", "start --no-block threshold-kiosk.service"]


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_plug_that_is_pulled_on_the_way_costs_nothing_and_the_second_run_ends_it(
    kiosk: Kiosk, stick: str, cut: int
) -> None:
    assert kiosk.on(stick, cut=cut).returncode < 0

    assert kiosk.finds(stick) == HELD
    again = kiosk.on(stick, before=START)
    assert again.returncode == 0, again.stderr
    assert kiosk.finds(stick) == HELD
    assert kiosk.on_root() == []


def test_what_the_kiosk_did_after_the_cut_is_not_lost_to_the_unfinished_copy(kiosk: Kiosk, stick: str) -> None:
    assert kiosk.on(stick, cut=1).returncode < 0
    (kiosk.folder / DATA[1:] / "kiosk.db").write_text("a newer store", encoding="utf-8")

    assert kiosk.on(stick, before=START).returncode == 0

    assert kiosk.finds(stick)["kiosk.db"] == "a newer store"


def test_what_a_kiosk_wrote_while_its_stick_was_away_is_not_deleted(kiosk: Kiosk, stick: str) -> None:
    assert kiosk.on(stick).returncode == 0
    (kiosk.folder / DATA[1:] / "kiosk.db").write_text("written without the stick", encoding="utf-8")

    assert kiosk.on(stick, before=START).returncode == 0

    assert [path.name for path in kiosk.on_root()] == ["kiosk.db"]


def test_nor_is_it_where_the_plug_was_pulled_before(kiosk: Kiosk, stick: str) -> None:
    assert kiosk.on(stick, cut=4).returncode < 0  # fstab names the partition
    later = kiosk.folder / DATA[1:] / "kiosk.db"
    later.write_text("written without the stick", encoding="utf-8")
    os.utime(later, (later.stat().st_mtime + 60,) * 2)

    answer = kiosk.on(stick, before=START)

    assert answer.returncode == 1
    assert "has written to" in answer.stderr
    assert later.exists()


def test_a_kiosk_whose_data_could_not_be_moved_goes_on_where_it_was(kiosk: Kiosk, stick: str) -> None:
    kiosk.stand_in("cp", "#!/bin/sh\nexit 1\n")

    assert kiosk.on(stick).returncode == 1

    assert kiosk.finds(stick) == HELD
    assert kiosk.calls()[-1] == "start --no-block threshold-kiosk.service"


def test_what_a_run_that_was_killed_has_left_mounted_is_in_nobodys_way(kiosk: Kiosk, stick: str) -> None:
    left = 'mkdir /run/threshold-data && mount "$DEVICE" /run/threshold-data'

    assert kiosk.on(stick, before=left).returncode == 0

    assert kiosk.finds(stick) == HELD


def test_a_stick_that_holds_another_kiosk_is_left_alone(kiosk: Kiosk, stick: str) -> None:
    theirs = "mount $DEVICE /mnt && echo theirs >/mnt/kiosk.db && umount /mnt"
    assert kiosk.run("true", before=theirs, DEVICE=stick).returncode == 0

    answer = kiosk.on(stick)

    assert answer.returncode == 1
    assert "hold a kiosk's data" in answer.stderr
    assert kiosk.finds(stick) == HELD


def test_an_image_that_names_the_partition_from_the_beginning_ends_the_same(kiosk: Kiosk, stick: str) -> None:
    with (kiosk.folder / "etc/fstab").open("a", encoding="utf-8") as fstab:
        fstab.write(f"LABEL=threshold-data {DATA} ext4 nofail 0 2\n")

    assert kiosk.on(stick, cut=2).returncode < 0
    assert kiosk.finds(stick) == HELD
    assert kiosk.on(stick, before=START).returncode == 0
    assert kiosk.finds(stick) == HELD
    assert kiosk.on_root() == []
