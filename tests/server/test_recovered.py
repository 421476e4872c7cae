"""What a restore knows of the database that it replaces, and of other copies; and what may happen to it meanwhile."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from admission.errors import ConfigError, DiskError
from server import backup, erasure, recovery, restore
from server.backup_desk import notice_restore
from server.config import Config
from server.store import copies
from server.store.engine import (
    migrate,
    transaction,
    was_put_back,
)
from server.store.instants import to_ms
from server.store.schema import badge, person, trail
from server.trail import Who
from tests.server.cut_short import MISSING
from tests.server.put_back import NOW, Either, Place, aside, leftovers, make_place, run, tables
from tests.world import World, make_world, utc_now


@pytest.fixture
def store(sqlite_store: Either) -> Either:
    return sqlite_store


@pytest.fixture
def place(store: Either, world: World, tmp_path: Path) -> Place:
    return make_place(store, world, tmp_path)


@pytest.mark.parametrize("state", ["missing", "broken"])
@pytest.mark.parametrize("point", MISSING)
def test_a_power_cut_leaves_nothing_worse_than_a_restore_that_is_run_again(
    place: Place, point: str, state: str
) -> None:
    if state == "missing":
        copies.remove(place.path)
    else:
        place.path.write_bytes(b"no database" * 1000)
    words = ["-m", "tests.server.cut_short", str(place.path), str(place.copy), point]
    ended = subprocess.run([sys.executable, *words], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    if not place.path.exists():
        said = run(place, "backup")
        assert (said.exit_code, "is gone" in said.output) == (1, True)
    put = point == "before the commit is noted"
    if put:
        assert (place.passages(), place.era()) == (2, 2)
    again = place.restored(minutes=20)
    assert again.era == (3 if put else 2)
    copies.check(place.path, thoroughly=True)
    assert leftovers(place) == []


def damage(path: Path, table: str) -> None:
    """One page is spoilt; whatever else there is can be read."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [root] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xee" * 64)


def test_one_damaged_page_lowers_no_era_and_forgets_no_erasure(place: Place) -> None:
    with transaction(place.url) as connection:
        for moment in (1, 2, 3):
            restore.raise_era(connection, 0, moment, {})
        erasure.erase(connection, "p1", "p1", "asked for it", Who("o"), NOW + timedelta(minutes=5))
    damage(place.path, "room")
    done = place.restored()
    assert (done.era, done.erased) == (5, 1)
    assert done.aside is not None
    assert done.aside.name.endswith("-broken.db")


def test_one_damaged_page_lets_no_other_event_in(place: Place, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other' / 'threshold.db'}"
    migrate(url)
    with transaction(url) as connection:
        make_world(connection, utc_now() - timedelta(days=30), people=3, kiosks=())
    other = Place(tmp_path / "other" / "threshold.db", place.copy)
    damage(other.path, "room")
    with pytest.raises(ConfigError, match="--other-event"):
        other.restored()


def test_a_restore_that_can_read_nothing_knows_the_last_era_of_the_one_before(place: Place) -> None:
    assert (place.restored().era, place.restored(minutes=11).era) == (2, 3)
    place.path.write_bytes(b"no database" * 1000)
    for folder in (place.path.parent / backup.ASIDE,):
        for path in folder.iterdir():
            path.unlink()
    assert place.restored(minutes=12).era == 4


def test_a_restore_that_can_read_nothing_knows_what_other_copies_know(place: Place) -> None:
    with transaction(place.url) as connection:
        for moment in (1, 2):
            restore.raise_era(connection, 0, moment, {})
        erasure.erase(connection, "p1", "p1", "asked for it", Who("o"), NOW + timedelta(minutes=5))
    kept = place.path.parent / "kept.db"
    kept.write_bytes(place.copy.read_bytes())
    backup.make(place.path, place.copy.parent, lambda: NOW + timedelta(minutes=10))
    place.path.write_bytes(b"no database" * 1000)
    done = place.restored(kept, minutes=12)
    assert (done.era, done.erased) == (4, 1)


def test_a_server_that_starts_notes_its_era_for_a_restore_that_cannot_read_it(place: Place) -> None:
    with transaction(place.url) as connection:
        restore.raise_era(connection, 6, 1, {})
    notice_restore(Config(data=str(place.path.parent)), lambda: NOW)
    place.path.write_bytes(b"no database" * 1000)
    assert place.restored().era == 8


def refs(place: Place) -> set[str]:
    with transaction(place.url) as connection:
        return set(connection.execute(select(person.c.ref)).scalars())


def test_somebody_erased_without_a_badge_stays_so(place: Place) -> None:
    with transaction(place.url) as connection:
        connection.execute(update(badge).where(badge.c.serial == 1).values(person=None))
        erasure.erase(connection, "p1", "p1", "asked for it", Who("o"), NOW + timedelta(minutes=5))
    assert place.restored().erased == 1
    assert "p1" not in refs(place)


def test_whoever_has_the_serial_of_somebody_erased_is_left_alone(place: Place) -> None:
    with transaction(place.url) as connection:
        before = connection.execute(select(person.c.id, person.c.ref).where(person.c.ref.in_(["p1", "p2"]))).all()
        ids = {row.ref: row.id for row in before}
        serial = connection.execute(select(badge.c.serial).where(badge.c.person == ids["p1"])).scalar_one()
        erasure.erase(connection, "p1", "p1", "asked for it", Who("o"), NOW + timedelta(minutes=5))
    with transaction(f"sqlite:///{place.copy}") as connection:  # there the number was given to somebody else
        connection.execute(update(badge).where(badge.c.serial == serial).values(person=ids["p2"]))
    assert place.restored().erased == 1
    assert refs(place) & {"p1", "p2"} == {"p2"}


def test_an_erasure_outlives_a_restore_of_a_backup_from_before_they_were_entered(place: Place, tmp_path: Path) -> None:
    with transaction(place.url) as connection:
        connection.execute(update(person).where(person.c.ref == "p60").values(ref="late"))  # the backup knows no "late"
    between = backup.make(place.path, place.copy.parent, lambda: NOW + timedelta(minutes=1)).backup.path
    with transaction(place.url) as connection:
        erasure.erase(connection, "late", "late", "asked for it", Who("o"), NOW + timedelta(minutes=5))
    first = place.restored()
    assert (first.erased, first.aside is not None) == (0, True)
    kept = tmp_path / "another disk" / "kept.db"
    kept.parent.mkdir()
    kept.write_bytes(between.read_bytes())
    for path in aside(place):
        path.unlink()
    assert place.restored(kept, minutes=12).erased == 1
    assert "late" not in refs(place)
    place.restored(minutes=14)
    done = backup.make(place.path, place.copy.parent, lambda: NOW + timedelta(minutes=20))
    assert not between.exists()
    assert done.backup.path.exists()


def test_whoever_was_entered_again_after_being_erased_stays(place: Place) -> None:
    with transaction(place.url) as connection:
        row = connection.execute(select(person).where(person.c.ref == "p1")).mappings().one()
        erasure.erase(connection, "p1", "p1", "asked for it", Who("o"), NOW + timedelta(minutes=5))
        connection.execute(insert(person), {name: row[name] for name in row if name != "id"})
    copy = backup.make(place.path, place.copy.parent, lambda: NOW + timedelta(minutes=10)).backup.path
    assert place.restored(copy).erased == 0
    assert "p1" in refs(place)


def test_a_trail_of_an_older_version_is_believed_for_badges_from_before(place: Place) -> None:
    then = NOW + timedelta(days=1)
    with transaction(place.url) as connection:
        people = select(badge.c.serial, person.c.ref).join(person, person.c.id == badge.c.person)
        serials = {row.ref: row.serial for row in connection.execute(people)}
        facts = json.dumps({"badges": [serials["p1"], serials["p2"]], "reason": "asked"})
        words = {"by": "o", "what": "erased", "about": "person", "ref": "badge 1", "facts": facts, "address": ""}
        connection.execute(insert(trail), words | {"at": to_ms(then)})
    with transaction(f"sqlite:///{place.copy}") as connection:
        connection.execute(update(badge).where(badge.c.serial == serials["p2"]).values(issued=to_ms(then) + 1))
    assert place.restored().erased == 1
    assert refs(place) & {"p1", "p2"} == {"p2"}


def test_a_damaged_database_is_set_aside_with_its_wal(place: Place, tmp_path: Path) -> None:
    damage(place.path, "room")
    torn = tmp_path / "torn" / "threshold.db"
    torn.parent.mkdir()
    with closing(sqlite3.connect(place.path)) as connection:
        connection.execute("INSERT INTO setting (name, value) VALUES ('late', '1')")
        connection.commit()
        content = {end: Path(f"{place.path}{end}").read_bytes() for end in ("", "-wal")}
    assert content["-wal"]
    for end, those in content.items():
        Path(f"{torn}{end}").write_bytes(those)
    other = Place(torn, place.copy)
    done = other.restored()
    assert done.aside is not None
    assert {end: Path(f"{done.aside}{end}").read_bytes() for end in content} == content


class Full(sqlite3.Connection):
    """A disk that holds the WAL and not what would be written back from it."""

    def execute(self, sql: str, *more: Any) -> sqlite3.Cursor:
        if "wal_checkpoint" in sql:
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *more)


def test_a_checkpoint_that_fails_is_no_failure_of_the_restore(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Full))
        assert place.restored().era == 2
    assert (place.passages(), place.era()) == (2, 2)
    assert not was_put_back(place.url)


def test_a_restore_begins_only_where_there_is_room_for_all_of_it(place: Place) -> None:
    before = tables(place.path)
    with pytest.raises(DiskError, match=r"nothing was restored: it needs \d+ MB in .+, where 20 MB are free"):
        recovery.put_back(place.path, place.copy, lambda: NOW, space=lambda _folder: (10**9, 10**9, 20_000_000))
    assert tables(place.path) == before
    assert (aside(place), leftovers(place)) == ([], [])


def test_a_server_of_a_version_that_knew_no_lock_is_in_the_way_too(place: Place) -> None:
    words = (
        f"import sqlite3; c = sqlite3.connect({str(place.path)!r}); print(c.execute('SELECT 1'), flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(ConfigError, match=f"is in use by process {other.pid}; stop that first"):
            place.restored()
        other.communicate(b"\n", 30)
    assert (place.passages(), place.era(), aside(place)) == (5, 1, [])
