"""A backup in the place of the database: only while no server runs, whole or not at all, and in a new era at once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from admission.errors import ConfigError, DiskError
from server import backup, erasure, restore
from server.restore import check_home
from server.store import copies
from server.store.engine import (
    Turn,
    identity_of,
    migrate,
    open_store,
    transaction,
    was_put_back,
)
from server.store.schema import incident, person, setting
from server.store.serving import alone, serving
from server.trail import Who
from tests.server.cut_short import BEFORE, POINTS
from tests.server.put_back import NOW, Either, Place, aside, leftovers, make_place, run, tables
from tests.world import World, make_world, utc_now


@pytest.fixture
def store(sqlite_store: Either) -> Either:
    return sqlite_store


@pytest.fixture
def place(store: Either, world: World, tmp_path: Path) -> Place:
    return make_place(store, world, tmp_path)


def test_a_restored_database_is_the_backups_in_a_new_era_that_grants_nothing_yet(place: Place) -> None:
    done = place.restored()
    assert (done.contents.passages, place.passages()) == (2, 2)
    assert (done.era, place.era()) == (2, 2)
    assert "k-hall-a" in done.kiosks
    assert "hall" in done.rooms
    with transaction(place.url) as connection:
        assert restore.is_recovering(connection)
        kinds = connection.execute(select(incident.c.kind)).scalars().all()
    assert kinds.count("restore") == 1
    assert leftovers(place) == []


def test_a_server_that_starts_on_it_begins_no_second_era_and_runs_on_as_always(place: Place) -> None:
    place.restored()
    assert not was_put_back(place.url)
    store = open_store(place.url)
    assert not store.write(lambda c: check_home(c, identity_of(c), 1, put_back=False))
    store.write(lambda c: c.execute(insert(setting), {"name": "x", "value": "1"}))
    store.close()
    assert not was_put_back(place.url)
    assert place.era() == 2


def test_what_was_there_is_set_aside_and_can_be_put_back_in_turn(place: Place) -> None:
    first = place.restored()
    assert first.aside is not None
    assert aside(place) == [first.aside]
    assert place.passages() == 2
    second = place.restored(first.aside, minutes=11)
    assert (place.passages(), second.era) == (5, 3)
    assert len(aside(place)) == 2


def test_the_era_is_above_every_one_that_the_replaced_database_knew(place: Place) -> None:
    with transaction(place.url) as connection:
        for moment in (1, 2, 3):
            restore.raise_era(connection, 0, moment, {})
    assert place.restored().era == 5


def test_a_lost_database_is_replaced_and_the_counter_beside_it_heeded(place: Place) -> None:
    number = int.from_bytes(Path(f"{place.path}.turn").read_bytes(), "big")
    copies.remove(place.path)
    done = place.restored()
    assert (done.aside, place.passages()) == (None, 2)
    assert int.from_bytes(Path(f"{place.path}.turn").read_bytes(), "big") > number
    assert not was_put_back(place.url)


def test_on_another_machine_nothing_but_the_backup_is_needed(place: Place, tmp_path: Path) -> None:
    elsewhere = Place(tmp_path / "new" / "machine" / "threshold.db", place.copy)
    assert elsewhere.restored().era == 2
    assert elsewhere.passages() == 2
    assert not was_put_back(elsewhere.url)


@pytest.mark.parametrize("damage", ["torn", "noise", "empty"])
def test_a_broken_database_is_set_aside_as_it_is(place: Place, damage: str) -> None:
    whole = place.path.read_bytes()
    half = len(whole) // 2 // 4096 * 4096
    content = {"torn": whole[:half], "noise": b"no database" * 1000, "empty": b""}[damage]
    place.path.write_bytes(content)
    Path(f"{place.path}-wal").unlink(missing_ok=True)
    done = place.restored()
    assert place.passages() == 2
    assert done.aside is not None
    if damage != "empty":
        assert done.aside.read_bytes() == content


def test_a_wal_that_belonged_to_a_broken_database_is_not_taken_into_the_restored_one(place: Place) -> None:
    with closing(sqlite3.connect(place.path)) as connection:
        connection.execute("INSERT INTO setting (name, value) VALUES ('late', '1')")
        connection.commit()
        wal, main_file = Path(f"{place.path}-wal").read_bytes(), place.path.read_bytes()
    Path(f"{place.path}-wal").write_bytes(wal)
    place.path.write_bytes(b"no database" * 1000 + main_file[11_000:])
    place.restored()
    with transaction(place.url) as connection:
        assert "late" not in connection.execute(select(setting.c.name)).scalars().all()
    assert len(aside(place)) > 0


def test_a_wal_without_its_database_is_not_taken_into_the_restored_one(place: Place) -> None:
    with closing(sqlite3.connect(place.path)) as connection:
        connection.execute("INSERT INTO setting (name, value) VALUES ('late', '1')")
        connection.commit()
        wal = Path(f"{place.path}-wal").read_bytes()
    copies.remove(place.path)
    Path(f"{place.path}-wal").write_bytes(wal)
    place.restored()
    with transaction(place.url) as connection:
        assert "late" not in connection.execute(select(setting.c.name)).scalars().all()
    copies.check(place.path, thoroughly=True)
    assert [path.read_bytes() for path in aside(place)] == [wal]


def test_a_database_that_somebody_has_locked_is_not_taken_for_a_broken_one(place: Place) -> None:
    with closing(sqlite3.connect(place.path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DiskError, match="locked; nothing was changed"):
            place.restored()
        other.execute("ROLLBACK")
    assert (place.passages(), place.era(), aside(place)) == (5, 1, [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write where it should not")
def test_root_does_not_leave_files_that_the_server_cannot_use(place: Place) -> None:
    os.chown(place.path.parent, 65_534, -1)
    for words in (["backup"], ["restore", str(place.copy)]):
        refused = run(place, *words)
        assert refused.exit_code == 1
        assert "sudo -u nobody" in refused.output


def test_a_restore_is_refused_while_a_server_runs_and_a_server_while_one_is_restored(place: Place) -> None:
    before = tables(place.path)
    with serving(place.url):
        with serving(place.url):
            pass  # a second one, after the first was killed and its worker not yet
        refused = run(place, "restore", str(place.copy))
    assert refused.exit_code == 1
    assert "is in use by a running server; stop that first" in refused.output
    assert tables(place.path) == before
    with alone(place.path), pytest.raises(ConfigError, match="is being replaced by a backup"), serving(place.url):
        pass


def test_another_events_database_is_replaced_only_if_that_is_said(place: Place, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other' / 'threshold.db'}"
    migrate(url)
    with transaction(url) as connection:
        make_world(connection, utc_now() - timedelta(days=30), people=3, kiosks=())
    other = Place(tmp_path / "other" / "threshold.db", place.copy)
    with pytest.raises(ConfigError, match=r"is of event 7 .+--other-event"):
        other.restored()
    assert other.passages() == 0
    assert aside(other) == []
    assert run(other, "restore", str(place.copy), "--other-event").exit_code == 0
    assert other.passages() == 2


@pytest.mark.parametrize("wrong", ["torn", "page", "noise", "foreign", "missing"])
def test_what_is_no_whole_backup_of_threshold_is_refused_and_nothing_touched(
    place: Place, tmp_path: Path, wrong: str
) -> None:
    file, whole = tmp_path / "given.db", place.copy.read_bytes()
    if wrong == "torn":
        file.write_bytes(whole[: len(whole) // 2 // 4096 * 4096])
    elif wrong == "page":
        file.write_bytes(whole[: 40 * 4096] + b"\xff" * 4096 + whole[41 * 4096 :])
    elif wrong == "noise":
        file.write_bytes(b"no database" * 1000)
    elif wrong == "foreign":
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE event (id)")
    before = tables(place.path)
    with pytest.raises((ConfigError, DiskError), match=str(file)):
        place.restored(file)
    assert tables(place.path) == before
    assert aside(place) == []
    assert leftovers(place) == ([] if wrong == "missing" else ["given.db"])


def test_a_database_that_was_carried_here_with_its_wal_is_taken_whole(place: Place, tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    with closing(sqlite3.connect(place.path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("INSERT INTO setting (name, value) VALUES ('late', '1')")
        connection.commit()
        for suffix in ("", "-wal"):
            (card / f"threshold.db{suffix}").write_bytes(Path(f"{place.path}{suffix}").read_bytes())
    elsewhere = Place(tmp_path / "new" / "threshold.db", card / "threshold.db")
    assert elsewhere.restored().contents.passages == 5
    with transaction(elsewhere.url) as connection:
        assert "late" in connection.execute(select(setting.c.name)).scalars().all()
    assert sorted(path.name for path in card.iterdir()) == ["threshold.db", "threshold.db-wal"]


def test_whoever_was_erased_since_the_backup_is_erased_in_it_too_as_of_then(place: Place) -> None:
    then = NOW + timedelta(minutes=5)
    with transaction(place.url) as connection:
        erasure.erase(connection, "p1", "p1", "asked for it", Who("o"), then)
    done = place.restored()
    assert done.erased == 1
    with transaction(place.url) as connection:
        refs = connection.execute(select(person.c.ref)).scalars().all()
    assert "p1" not in refs
    assert "p2" in refs
    assert backup.contents(place.restored(minutes=11).aside or Path()).cut == int(then.timestamp() * 1000)


def test_whoever_reads_meanwhile_reads_on(place: Place) -> None:
    with closing(sqlite3.connect(place.path)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT COUNT(*) FROM passage").fetchone() == (5,)
        place.restored()
        assert reader.execute("SELECT COUNT(*) FROM passage").fetchone() == (5,)
        reader.rollback()
        assert reader.execute("SELECT COUNT(*) FROM passage").fetchone() == (2,)
    copies.check(place.path, thoroughly=True)


@pytest.mark.parametrize("point", POINTS)
def test_a_power_cut_leaves_the_old_database_or_the_new_one_in_its_era(place: Place, point: str) -> None:
    with transaction(f"sqlite:///{place.path}") as connection:
        connection.execute(insert(setting), {"name": "filler", "value": "x" * 8_000_000})
    copy = place.path.parent / "large.db"
    copies.take(place.path, copy)
    with transaction(f"sqlite:///{place.path}") as connection:
        connection.execute(insert(setting), {"name": "late", "value": "1"})
    words = ["-m", "tests.server.cut_short", str(place.path), str(copy), point]
    ended = subprocess.run([sys.executable, *words], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert not was_put_back(place.url)
    with transaction(place.url) as connection:
        put = "late" not in connection.execute(select(setting.c.name)).scalars().all()
    if point in BEFORE:  # in the midst of it nobody knows on which side of the commit it was
        assert put is (point == "before the commit is noted")
    assert place.era() == (2 if put else 1)
    again = place.restored(copy, minutes=20)  # what is left over is in nobody's way
    assert again.era == (3 if put else 2)
    copies.check(place.path, thoroughly=True)


def test_the_command_says_what_was_done_and_what_has_to_be_done_now(place: Place) -> None:
    said = run(place, "restore", str(place.copy))
    assert said.exit_code == 0
    for words in ("restored with 2 passages; this is era 2", "set aside: ", "leave every kiosk on", "k-hall-a", "hall"):
        assert words in said.output
    assert "set aside by a restore" in run(place, "backups").output


def test_a_command_that_writes_meanwhile_waits_and_finds_the_restored_database(place: Place) -> None:
    turn = Turn(place.path)
    with closing(turn):
        with turn:
            words = [sys.executable, "-m", "server", "--data", str(place.path.parent), "restore", str(place.copy)]
            waiting = subprocess.Popen(words, stdout=subprocess.PIPE)
            with pytest.raises(subprocess.TimeoutExpired):
                waiting.wait(4)
        assert waiting.wait(30) == 0
        if waiting.stdout is not None:
            waiting.stdout.close()
    assert place.era() == 2
