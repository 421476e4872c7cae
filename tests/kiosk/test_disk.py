"""The kiosk's file: what was acknowledged survives a killed process, a damaged file and a full disk.

A killed process shows that nothing waits in the program's memory; that the disk itself keeps an fsync is assumed.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from admission import bitmap
from admission.errors import DiskError
from admission.passage import GENESIS, Kind, Passage, chain, decode
from admission.seats import Account
from admission.wire import BadgeNews
from kiosk.disk import Disk
from kiosk.journal import Journal
from kiosk.standing import Standing

PROJECT = Path(__file__).parents[2]
NAME = "kiosk.db"

APPENDING = """
import sys
from pathlib import Path
from kiosk.disk import Disk
from kiosk.journal import Journal
from tests.kiosk.test_disk import admit
journal = Journal(Disk(Path(sys.argv[1]), 1))
while True:
    print(admit(journal), flush=True)
"""

SQUEEZED = """
import resource, sys
from pathlib import Path
from admission.errors import DiskError
from kiosk.disk import Disk
from kiosk.journal import Journal
from tests.kiosk.test_disk import admit
journal = Journal(Disk(Path(sys.argv[1]), 1))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    while True:
        print(admit(journal), flush=True)
except DiskError:
    print("refused", flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(admit(journal), flush=True)
"""


def admit(journal: Journal) -> int:
    """Appends the next passage with the account after it, as a door does; its number."""
    number = journal.seq + 1
    entry = Passage(
        kind=Kind.ENTRY, badge=number << 32, gate="hall-a", room="hall", boot="boot-1", boot_ms=number, at=None
    )
    return journal.append(entry, ("hall", Account(granted=10**6, entries=number)))


def audit(path: Path) -> int:
    """The number of the last passage in the store, read afresh: no gap, an intact chain, visits that agree."""
    disk = Disk(path, 99)
    journal, head = Journal(disk), GENESIS
    with disk.reading() as connection:
        rows = connection.execute("SELECT seq, body, hash FROM journal ORDER BY seq").fetchall()
        visits = connection.execute("SELECT count(*) FROM visit").fetchone()[0]
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    for number, body, link in rows:
        head = chain(head, body)
        assert link == head
        assert decode(body).badge == number << 32
    assert (journal.seq, journal.head, visits) == (len(rows), head, len(rows))
    disk.close()
    return len(rows)


def account_in(path: Path) -> Account:
    """The hall's account as kept."""
    disk = Disk(path, 99)
    account = Standing(disk).account("hall")
    disk.close()
    return account


def begun(path: Path, passages: int) -> Disk:
    """A store with so many passages, open."""
    disk = Disk(path, 5)
    journal = Journal(disk)
    for _ in range(passages):
        admit(journal)
    return disk


def child(script: str, path: Path) -> subprocess.Popen[str]:
    """Another process that works on the store."""
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_process_that_is_killed_in_mid_stream_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path, last = tmp_path / NAME, 0
    for _ in range(10):
        with child(APPENDING, path) as process:
            assert process.stdout is not None
            for _ in range(random.randint(1, 120)):
                process.stdout.readline()
            process.kill()
            lines = process.stdout.read().splitlines(keepends=True)
        told = [int(line) for line in lines if line.endswith("\n")]
        held = audit(path)
        assert held >= max([*told, last + 1])
        assert account_in(path).entries == held
        last = held


class TestDamage:
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda raw: raw[::-1],
            lambda raw: raw[: len(raw) // 2],
            lambda raw: raw[:100],
            lambda raw: raw[:4096] + bytes(8192) + raw[12288:],
        ],
        ids=["garbage", "half", "a header", "a hole"],
    )
    def test_a_damaged_store_is_put_aside_and_another_begins(
        self, tmp_path: Path, spoil: Callable[[bytes], bytes]
    ) -> None:
        path = tmp_path / NAME
        begun(path, 200).close()
        damaged = spoil(path.read_bytes())
        path.write_bytes(damaged)
        disk = Disk(path, 6)
        assert disk.incarnation == 6
        assert (tmp_path / f"{NAME}.damaged-1").read_bytes() == damaged
        journal = Journal(disk)
        assert (journal.seq, admit(journal)) == (0, 1)
        disk.close()
        assert audit(path) == 1

    def test_a_second_damaged_store_does_not_replace_the_first(self, tmp_path: Path) -> None:
        path = tmp_path / NAME
        for number in (1, 2):
            path.write_bytes(b"%d is no database " % number * 400)
            Disk(path, 6).close()
        kept = [(tmp_path / f"{NAME}.damaged-{number}").read_bytes()[:1] for number in (1, 2)]
        assert kept == [b"1", b"2"]

    def test_a_file_of_no_length_is_a_new_store(self, tmp_path: Path) -> None:
        (tmp_path / NAME).touch()
        disk = Disk(tmp_path / NAME, 6)
        assert (disk.incarnation, admit(Journal(disk))) == (6, 1)
        disk.close()

    def test_the_incarnation_stays_with_the_store(self, tmp_path: Path) -> None:
        begun(tmp_path / NAME, 1).close()
        disk = Disk(tmp_path / NAME, 6)
        assert disk.incarnation == 5
        disk.close()

    def test_a_store_that_is_put_aside_can_still_be_read(self, tmp_path: Path) -> None:
        begun(tmp_path / NAME, 20).put_aside("rolled-back")
        assert audit(tmp_path / f"{NAME}.rolled-back-1") == 20
        disk = Disk(tmp_path / NAME, 6)
        assert (disk.incarnation, Journal(disk).seq) == (6, 0)
        disk.close()


class TestSecondProcess:
    def test_it_is_refused_and_the_store_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / NAME
        disk = begun(path, 30)
        files = sorted(file.name for file in tmp_path.iterdir())
        with child(APPENDING, path) as second:
            out, err = second.communicate(timeout=60)
        assert (out, second.returncode) == ("", 1)
        assert "DiskError" in err
        assert "in use; is another kiosk process running?" in err
        assert sorted(file.name for file in tmp_path.iterdir()) == files
        admit(Journal(disk))
        disk.close()
        assert audit(path) == 31


class TestFolder:
    def test_a_folder_that_cannot_be_is_said_so(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(DiskError, match="cannot write to"):
            Disk(tmp_path / "file" / "folder" / NAME, 1)

    def test_a_folder_in_place_of_the_file_is_said_so_and_stays(self, tmp_path: Path) -> None:
        (tmp_path / NAME).mkdir()
        with pytest.raises(DiskError, match=f"cannot open .*{NAME}"):
            Disk(tmp_path / NAME, 1)
        assert [file.name for file in tmp_path.iterdir()] == [NAME]


@dataclass(frozen=True)
class SmallDisk:
    """A disk of one megabyte."""

    folder: Path

    def fill(self) -> None:
        """Leaves no room."""
        with (self.folder / "ballast").open("ab", buffering=0) as out:
            try:
                while True:
                    out.write(bytes(4096))
            except OSError:
                return

    def clear(self) -> None:
        """Makes room again."""
        (self.folder / "ballast").unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A real file system that can be filled, where this user may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("this user cannot mount a small disk")
    yield SmallDisk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


def append_until_refused(journal: Journal) -> int:
    """The number of the last passage that the disk took."""
    try:
        while True:
            admit(journal)
    except DiskError:
        return journal.seq


class TestFullDisk:
    def test_nothing_is_half_written_and_numbers_go_on_once_there_is_room(self, small_disk: SmallDisk) -> None:
        path = small_disk.folder / NAME
        journal = Journal(disk := begun(path, 3))
        for _ in range(3):
            small_disk.fill()
            last = append_until_refused(journal)
            small_disk.clear()
            assert admit(journal) == last + 1
        disk.close()
        assert audit(path) == last + 1
        assert account_in(path).entries == last + 1

    def test_news_that_could_not_be_kept_is_asked_for_again(self, small_disk: SmallDisk) -> None:
        disk = begun(small_disk.folder / NAME, 3)
        standing = Standing(disk)
        records = tuple((bytes([number] * 16), bytes(900)) for number in range(100))
        empty = bitmap.pack(())
        news = BadgeNews(
            upto=9, whole=True, more=False, highest=100, revoked=empty, replaced=(), records=records, lists=()
        )
        small_disk.fill()
        with pytest.raises(DiskError):
            standing.learn_badges(news)
        assert standing.cursors.badges == 0
        small_disk.clear()
        standing.learn_badges(msgspec.structs.replace(news, upto=10))
        assert standing.cursors.badges == 10
        disk.close()

    def test_a_full_disk_is_no_reason_to_put_a_sound_store_aside(self, small_disk: SmallDisk) -> None:
        begun(small_disk.folder / NAME, 20).close()
        small_disk.fill()
        try:
            Disk(small_disk.folder / NAME, 6).close()
        except DiskError:
            small_disk.clear()
        assert [file.name for file in small_disk.folder.glob("*damaged*")] == []
        assert audit(small_disk.folder / NAME) == 20

    def test_a_disk_that_refuses_to_grow_a_file_raises_and_recovers(self, tmp_path: Path) -> None:
        with child(SQUEEZED, tmp_path / NAME) as process:
            out, err = process.communicate(timeout=60)
        *told, refused, after = out.split()
        assert (refused, err) == ("refused", "")
        assert [int(word) for word in (*told, after)] == list(range(1, len(told) + 2))
        assert audit(tmp_path / NAME) == len(told) + 1
