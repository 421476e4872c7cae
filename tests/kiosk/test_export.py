"""Reading a stopped kiosk out: the file, what it proves to the server, and the store that ends with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from admission import wire
from admission.errors import ConfigError, DiskError
from admission.wire import Exchange
from kiosk import diagnosis, dispatch
from kiosk.config import Config
from kiosk.disk import Disk
from kiosk.readout import Wanted, begin_store, read_out
from kiosk.self_test import SelfTest
from kiosk.station import Hardware, build
from kiosk.turnstile import NoTurnstile
from server import fencing, journal_desk
from server.store.engine import PostgresStore, SqliteStore
from tests.kiosk.conftest import Doors, Kiosk, Recorder, Script

Either = SqliteStore | PostgresStore
PEOPLE = [f"p{number}" for number in range(1, 61) if number != 3]


@pytest.fixture
def stopped(door: Doors) -> Kiosk:
    """A kiosk that was cut off after three entries, let seven more in, and was switched off."""
    kiosk = door("hall-a")
    for number, name in enumerate(PEOPLE[:10]):
        kiosk.line.cut = number >= 3
        assert kiosk.show(name) == "welcome"
    kiosk.disk.close()
    return kiosk


def export(kiosk: Kiosk, *, whole: bool = False, close: bool = False, store: Path | None = None) -> list[Exchange]:
    """The letters in the file, each checked like one from the network."""
    out = kiosk.folder / "journal.jsonl"
    path = store or kiosk.folder / "kiosk.db"
    count = read_out(path, kiosk.world.enrolments[kiosk.gate_name], kiosk.clock, Wanted(out, whole, close))
    key = Ed25519PrivateKey.from_private_bytes(kiosk.world.enrolments[kiosk.gate_name].seed).public_key()
    letters = []
    for line in out.read_bytes().splitlines():
        found = msgspec.json.decode(line, type=journal_desk.Line)
        wire.check(wire.UP, found.body, found.signature, key)
        letters.append(wire.decode_exchange(found.body))
    assert sum(len(letter.passages) for letter in letters) == count
    return letters


def read_journal(store: Either, kiosk: Kiosk) -> journal_desk.Told:
    """The server takes the file."""
    content = (kiosk.folder / "journal.jsonl").read_bytes()
    [told] = store.write(lambda c: journal_desk.read_journal(c, content, kiosk.time()))
    return told


def test_what_was_not_acknowledged_is_written_with_the_report(stopped: Kiosk) -> None:
    [letter] = export(stopped)
    assert (letter.first_seq, len(letter.passages), letter.head_seq) == (4, 7, 10)
    assert [report.entries for report in letter.reports] == [10]
    assert (letter.lane, letter.closed, letter.presenting, letter.cursors) == (wire.Lane.NEWS, False, None, None)


def test_all_of_it_is_written_on_demand_in_letters_that_a_server_takes(
    stopped: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "NEWS_PASSAGES", 4)
    letters = export(stopped, whole=True)
    assert [(letter.first_seq, len(letter.passages)) for letter in letters] == [(1, 4), (5, 4), (9, 2)]


def test_a_kiosk_with_nothing_unsent_still_writes_its_report(door: Doors) -> None:
    kiosk = door("hall-a")
    kiosk.disk.close()
    [letter] = export(kiosk, close=True)
    assert (letter.passages, letter.closed, letter.reports[0].room) == ((), True, "hall")


def test_the_unspent_seats_of_a_closed_journal_come_back(stopped: Kiosk, sqlite_store: Either) -> None:
    balance = stopped.standing.account("hall").balance
    assert balance > 0
    assert all(letter.closed for letter in export(stopped, close=True))
    told = read_journal(sqlite_store, stopped)
    assert (told.fresh, told.complete, told.closed) == (7, True, True)
    assert sqlite_store.write(lambda c: fencing.vouch(c, "k-hall-a")) == balance


def test_a_kiosk_that_was_fenced_first_brings_back_no_seat_that_it_has_spent(
    stopped: Kiosk, sqlite_store: Either
) -> None:
    balance = stopped.standing.account("hall").balance
    sqlite_store.write(lambda c: fencing.fence(c, "k-hall-a"))
    export(stopped, close=True)
    read_journal(sqlite_store, stopped)
    assert sqlite_store.write(lambda c: fencing.vouch(c, "k-hall-a")) <= balance


def test_a_journal_that_was_not_closed_brings_nothing_back(stopped: Kiosk, sqlite_store: Either) -> None:
    export(stopped)
    told = read_journal(sqlite_store, stopped)
    assert (told.complete, told.closed) == (True, False)
    with pytest.raises(ConfigError, match="not closed"):
        sqlite_store.write(lambda c: fencing.vouch(c, "k-hall-a"))


def test_the_store_is_closed_before_the_file_is_written(stopped: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    (stopped.folder / "journal.jsonl").mkdir()
    with pytest.raises(DiskError, match="cannot be written"):
        export(stopped, close=True)
    (stopped.folder / "journal.jsonl").rmdir()
    assert export(stopped)[0].closed


def test_a_closed_store_admits_nobody_and_lets_everybody_out(stopped: Kiosk) -> None:
    export(stopped, close=True)
    stopped.start()
    stopped.line.cut = True
    assert stopped.show("p20") == "disk_full"
    assert stopped.journal.seq == 10


def test_a_closed_store_lets_everybody_out(door: Doors) -> None:
    kiosk = door("hall-out")
    kiosk.disk.close()
    export(kiosk, close=True)
    kiosk.start()
    assert kiosk.show("p20") == "goodbye"
    assert kiosk.journal.seq == 0


def test_a_kiosk_that_starts_on_a_closed_store_begins_a_new_one(stopped: Kiosk, sqlite_store: Either) -> None:
    export(stopped, close=True)
    settings = Config(data=str(stopped.folder), machine="m")
    enrolment = stopped.world.enrolments["hall-a"]
    test = SelfTest(lambda: 0, diagnosis.Wanted("0"))
    hardware = Hardware(Script(), Recorder(), NoTurnstile(), test, lambda _status: None)
    kiosk = build(settings, enrolment, hardware)
    assert kiosk.disk.incarnation not in (0, 77)
    assert kiosk.standing.account("hall").balance == 0
    kiosk.disk.close()
    aside = stopped.folder / "kiosk.db.closed-1"
    [letter] = export(stopped, store=aside)
    assert (letter.incarnation, letter.head_seq, letter.closed) == (77, 10, True)


def test_a_store_that_was_not_closed_is_gone_on_with(stopped: Kiosk) -> None:
    export(stopped)
    disk = begin_store(stopped.folder / "kiosk.db", [1, 2])
    assert disk.incarnation == 77
    disk.close()


def test_a_damaged_store_is_not_read_out_as_an_empty_one(tmp_path: Path, door: Doors) -> None:
    kiosk = door("hall-a", heard=False)
    kiosk.disk.close()
    (kiosk.folder / "kiosk.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(DiskError, match="head count"):
        export(kiosk, close=True)
    disk = Disk(kiosk.folder / "kiosk.db", 5)
    assert disk.incarnation == 5
    disk.close()


def test_where_there_is_no_store_none_is_made(tmp_path: Path, door: Doors) -> None:
    kiosk = door("hall-a", heard=False)
    with pytest.raises(ConfigError, match="there is no store"):
        export(kiosk, store=tmp_path / "nowhere" / "kiosk.db")
    assert not (tmp_path / "nowhere").exists()


class TestCommand:
    def run(self, kiosk: Kiosk, *more: str) -> subprocess.CompletedProcess[str]:
        """The command as it ships."""
        file = kiosk.folder / "enrolment.json"
        file.write_bytes(wire.encode(kiosk.world.enrolments["hall-a"]))
        line = [sys.executable, "-m", "kiosk", "export", "--data", str(kiosk.folder), "--enrolment", str(file)]
        out = ["--out", str(kiosk.folder / "journal.jsonl")]
        return subprocess.run([*line, *out, *more], capture_output=True, text=True, timeout=60, check=False)

    def test_it_says_what_it_wrote_and_what_comes_next(self, stopped: Kiosk, sqlite_store: Either) -> None:
        done = self.run(stopped, "--close")
        assert done.returncode == 0, done.stderr
        assert "7 passages" in done.stdout
        assert "threshold-server read-journal" in done.stdout
        assert "admits nobody any more" in done.stdout
        assert read_journal(sqlite_store, stopped).closed
        assert (stopped.folder / "journal.jsonl").stat().st_mode & 0o077 == 0

    def test_while_the_kiosk_runs_it_says_so_and_writes_nothing(self, door: Doors) -> None:
        kiosk = door("hall-a")
        done = self.run(kiosk, "--close")
        assert done.returncode == 1
        assert "in use" in done.stderr
        assert "Stop it first" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (kiosk.folder / "journal.jsonl").exists()
        assert kiosk.show("p1") == "welcome"
