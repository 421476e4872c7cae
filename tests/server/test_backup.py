"""Backups: made beside a server that writes, whole or not at all, thinned out, and gone once somebody was erased."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, update

from admission.errors import DiskError
from admission.passage import Kind
from server import backup, erasure, rotation
from server.__main__ import main
from server.backup import NothingToBackUp
from server.config import Config
from server.store import copies
from server.store.engine import PostgresStore, SqliteStore, migrate, transaction, was_put_back
from server.store.schema import event, setting
from server.store.serving import alone
from server.trail import Who
from tests.server.desk import Server, badge_of
from tests.world import World, make_world, utc_now

Either = SqliteStore | PostgresStore
NOW = utc_now().replace(microsecond=0)
LARGE = 3 * copies.PAGES * 4096


@pytest.fixture
def store(sqlite_store: Either) -> Either:
    return sqlite_store


@pytest.fixture
def source(world: World, tmp_path: Path) -> Path:
    """The small venue's database, in use."""
    return tmp_path / "threshold.db"


@pytest.fixture
def where(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


def after(minutes: float = 0) -> Callable[[], datetime]:
    return lambda: NOW + timedelta(minutes=minutes)


def names(where: Path) -> list[str]:
    return sorted(path.name for path in where.iterdir() if path.name != ".turn")


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--data", str(folder), *words])


def roomy(_folder: Path) -> tuple[int, int, int]:
    return 10**12, 0, 10**12


# Making one


def test_a_backup_is_one_whole_file_that_nobody_else_may_read(source: Path, where: Path) -> None:
    one = backup.make(source, where, after()).backup
    assert names(where) == [f"threshold-{NOW:%Y%m%dT%H%M%SZ}.db"]
    assert stat.S_IMODE(one.path.stat().st_mode) == 0o600
    copies.check(one.path, thoroughly=True)
    with closing(sqlite3.connect(one.path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        assert connection.execute("SELECT COUNT(*) FROM person").fetchone()[0] == 60
    assert names(where) == [one.path.name]


def test_a_backup_holds_what_was_committed_since_the_last_checkpoint(
    store: Either, world: World, source: Path, where: Path
) -> None:
    server = Server(store, world)
    kiosk = server.kiosk("hall-a")
    server.exchange(kiosk)
    for number in range(1, 6):
        kiosk.pass_through(Kind.ENTRY, badge_of(server, number), server.now)
    server.exchange(kiosk)
    assert Path(f"{source}-wal").stat().st_size > 0
    assert backup.make(source, where, after()).backup.contents.passages == 5


def test_a_backup_is_of_one_moment_and_ends_while_another_process_never_stops_writing(
    store: Either, source: Path, where: Path
) -> None:
    rows = [{"name": "left", "value": "0"}, {"name": "filler", "value": "x" * LARGE}, {"name": "right", "value": "0"}]
    store.write(lambda c: c.execute(insert(setting), rows))
    ended, writes = threading.Event(), [0]

    def write() -> None:
        while not ended.is_set():
            writes[0] += 1
            value = str(writes[0])
            store.write(lambda c: c.execute(update(setting).where(setting.c.name != "filler").values(value=value)))  # noqa: B023

    thread = threading.Thread(target=write)
    thread.start()
    try:
        made = [backup.make(source, where, after(5 * number)).backup for number in range(3)]
    finally:
        ended.set()
        thread.join()
    numbers = [one.contents.number for one in made]
    assert numbers == sorted(set(numbers))
    assert writes[0] > 10
    for one in made:
        copies.check(one.path, thoroughly=True)
        with copies.opened(one.path) as connection:
            left, right = connection.execute("SELECT value FROM setting WHERE name != 'filler'").fetchall()
        assert left == right


def test_a_backup_writes_nothing_to_the_database_and_is_marked_as_a_copy(source: Path, where: Path) -> None:
    before = source.read_bytes(), Path(f"{source}-wal").read_bytes(), Path(f"{source}.turn").read_bytes()
    one = backup.make(source, where, after()).backup
    assert (source.read_bytes(), Path(f"{source}-wal").read_bytes(), Path(f"{source}.turn").read_bytes()) == before
    assert copies.is_copy(one.path)
    assert not copies.is_copy(source)


def test_a_backup_put_in_place_by_hand_is_known_even_without_its_counter_and_after_a_command(
    store: Either, source: Path, where: Path
) -> None:
    one = backup.make(source, where, after()).backup
    store.close()
    copies.remove(source)
    one.path.rename(source)
    assert was_put_back(f"sqlite:///{source}")  # though its counter is that of the last commit
    with transaction(f"sqlite:///{source}"):
        pass
    assert was_put_back(f"sqlite:///{source}")


def test_a_backup_that_fails_halfway_leaves_the_older_ones_and_nothing_else(
    source: Path, where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = backup.make(source, where, after()).backup.path
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", _no_space)
        with pytest.raises(OSError, match="No space left"):
            backup.make(source, where, after(5))
    with monkeypatch.context() as broken:
        broken.setattr(copies, "check", _damaged)
        with pytest.raises(DiskError, match="damaged"):
            backup.make(source, where, after(5))
    assert names(where) == [older.name]


def _no_space(_handle: int) -> None:
    raise OSError(28, "No space left on device")


def _damaged(_path: Path) -> None:
    raise DiskError("damaged")


def test_what_a_killed_process_left_half_written_goes_with_the_next_backup(source: Path, where: Path) -> None:
    for left in ("threshold-20260101T000000Z.db.part", "threshold-20260101T000000Z.db.part-journal"):
        (where / left).write_bytes(b"half")
    one = backup.make(source, where, after()).backup
    assert names(where) == [one.path.name]


def test_a_backup_leaves_room_for_the_passages(source: Path, where: Path) -> None:
    older = backup.make(source, where, after()).backup.path
    with pytest.raises(DiskError, match=r"no backup was made: it needs \d+ MB in .+, where 200 MB are free"):
        backup.make(source, where, after(5), lambda _folder: (10**9, 8 * 10**8, backup.RESERVE))
    assert names(where) == [older.name]


# Which stay


def test_backups_are_thinned_out_and_what_is_not_ours_is_left_alone(source: Path, where: Path, tmp_path: Path) -> None:
    first = backup.make(source, where, after()).backup.path
    times = [NOW - timedelta(minutes=5) * number for number in range(1, 60)] + [NOW - timedelta(days=15)]
    for one in times:
        (where / backup.name(one)).write_bytes(first.read_bytes())
    url = f"sqlite:///{tmp_path / 'other' / 'threshold.db'}"
    migrate(url)
    with transaction(url) as connection:
        make_world(connection, utc_now() - timedelta(days=30), people=3, kiosks=())
    other = where / backup.name(NOW - timedelta(days=40))
    copies.take(tmp_path / "other" / "threshold.db", other)
    strangers = ["threshold-20250101T000000Z.db", "threshold-99999999T000000Z.db", "threshold.db", "notes.txt"]
    for name in strangers:
        (where / name).write_bytes(source.read_bytes())  # the last event's database is no backup
    done = backup.make(source, where, after(1))
    left = {one.at for one in backup.listed(where) if one.contents.event == done.backup.contents.event}
    assert left == rotation.kept([*times, NOW], done.backup.at)
    assert done.gone == len(times) + 2 - len(left) > 20
    assert {other.name, *strangers} <= set(names(where))


def test_backups_from_before_somebody_was_erased_go_with_the_next_one(store: Either, source: Path, where: Path) -> None:
    old = backup.make(source, where, after()).backup.path
    aside = source.parent / backup.ASIDE
    aside.mkdir()
    other = aside / "threshold-99999999T000000Z.db"
    for name in (backup.name(NOW), f"{backup.name(NOW, '-broken')}-wal", other.name):
        (aside / name).write_bytes(b"x")
    assert backup.make(source, where, after(5)).gone == 0
    with store.read() as connection:
        people = connection.exec_driver_sql(
            "SELECT name FROM person WHERE ref IN ('p22', 'p60') ORDER BY ref"
        ).scalars()
        stays, gone = (str(name).encode() for name in people)
    assert gone in old.read_bytes()
    store.write(lambda c: erasure.erase(c, "p60", "p60", "asked for it", Who("o"), NOW + timedelta(minutes=6)))
    done = backup.make(source, where, after(10))
    assert not old.exists()
    assert names(where) == [done.backup.path.name]
    assert done.gone == 4
    assert list(aside.iterdir()) == [other]
    content = done.backup.path.read_bytes()
    assert stays in content
    assert gone not in content


def test_whatever_may_hold_somebody_who_was_erased_goes_whatever_its_name_or_state(
    store: Either, source: Path, where: Path
) -> None:
    ahead = backup.make(source, where, after(12 * 60)).backup.path  # a clock was wrong
    torn = where / backup.name(NOW - timedelta(hours=2))
    content = ahead.read_bytes()
    torn.write_bytes(content[:100] + b"\xff" * 200 + content[300:])
    later = where / backup.name(NOW + timedelta(hours=14))
    later.write_bytes(torn.read_bytes())
    aside, left = source.parent / backup.ASIDE, backup.stage(source)
    for folder in (aside, left):
        folder.mkdir()
    part = aside / f"{backup.name(NOW - timedelta(hours=1))}.part"
    for copy in (part, left / source.name):
        copy.write_bytes(content)
    store.write(lambda c: erasure.erase(c, "p60", "p60", "asked for it", Who("o"), NOW + timedelta(minutes=1)))
    done = backup.make(source, where, after(5))
    assert names(where) == [done.backup.path.name]
    assert list(aside.iterdir()) == []
    assert not left.exists()


def test_the_copy_that_a_restore_makes_ready_now_is_left_alone(source: Path, where: Path) -> None:
    backup.stage(source).mkdir()
    with alone(source):
        backup.clear_stage(source)
        assert backup.stage(source).is_dir()
    backup.clear_stage(source)
    assert not backup.stage(source).exists()


def test_a_damaged_backup_goes_after_fourteen_days_and_what_is_not_ours_stays(source: Path, where: Path) -> None:
    content = backup.make(source, where, after()).backup.path.read_bytes()
    old, young = (where / backup.name(NOW - timedelta(days=days)) for days in (15, 13))
    for path in (old, young):
        path.write_bytes(content[:100] + b"\xff" * 200 + content[300:])
    foreign = where / backup.name(NOW - timedelta(days=16))
    foreign.write_bytes(b"no database")
    backup.make(source, where, after(5))
    assert (old.exists(), young.exists(), foreign.exists()) == (False, True, True)


def test_a_backup_deletes_no_file_that_only_looks_a_little_like_its_own(source: Path, where: Path) -> None:
    for name in ("threshold-final.db.part", "threshold-notes.db.parts-list.txt"):
        (where / name).write_bytes(b"somebody's")
    (where / "threshold-20260101T000000Z.db.part").symlink_to(where / "threshold-final.db.part")
    (where / "threshold-20260102T000000Z.db.part").mkdir()
    before = names(where)
    done = backup.make(source, where, after())
    assert names(where) == sorted([*before, done.backup.path.name])


def test_what_was_set_aside_of_another_event_outlives_an_erasure_in_this_one(
    store: Either, source: Path, where: Path, tmp_path: Path
) -> None:
    aside = source.parent / backup.ASIDE
    aside.mkdir()
    url = f"sqlite:///{tmp_path / 'other' / 'threshold.db'}"
    migrate(url)
    with transaction(url) as connection:
        make_world(connection, utc_now() - timedelta(days=30), people=3, kiosks=())
    other, ours = aside / backup.name(NOW), aside / backup.name(NOW - timedelta(minutes=1))
    copies.take(tmp_path / "other" / "threshold.db", other)
    copies.take(source, ours)
    store.write(lambda c: erasure.erase(c, "p60", "p60", "asked for it", Who("o"), NOW + timedelta(minutes=1)))
    backup.make(source, where, after(5))
    assert list(aside.iterdir()) == [other]


def test_a_clock_that_leaps_ahead_leaves_the_last_that_was_set_aside(source: Path, where: Path) -> None:
    aside = source.parent / backup.ASIDE
    aside.mkdir()
    for minutes in (0, 5):
        copies.take(source, aside / backup.name(after(minutes)()))
    assert backup.make(source, where, after(20 * 24 * 60)).gone == 1
    assert list(aside.iterdir()) == [aside / backup.name(after(5)())]


def test_two_events_of_the_same_number_begun_in_the_same_hour_are_told_apart(
    source: Path, where: Path, tmp_path: Path
) -> None:
    first = backup.make(source, where, after()).backup.contents
    with transaction(f"sqlite:///{source}") as connection:
        connection.execute(update(event).values(signing_seed=b"x" * 32))
    second = backup.make(source, where, after(5)).backup.contents
    assert first.event[:2] == second.event[:2]
    assert first.event != second.event


# The commands, and where they are used


def test_the_command_makes_lists_and_says_what_it_cannot_do(source: Path, tmp_path: Path) -> None:
    assert run(tmp_path, "backups").output == f"no backup in {tmp_path / 'backups'}\n"
    made = run(tmp_path, "backup")
    assert (made.exit_code, ", 0 passages" in made.output) == (0, True)
    listed = run(tmp_path, "backups").output
    assert "0 min old" in listed
    assert "0 passages  era 1  Test summit" in listed
    missing = run(tmp_path, "backup", "--to", str(tmp_path / "usb"))
    assert missing.exit_code == 1
    assert "is its disk mounted?" in missing.output
    assert not (tmp_path / "usb").exists()


def test_who_erases_somebody_is_told_which_backups_still_hold_them(source: Path, tmp_path: Path) -> None:
    assert "backups" not in run(tmp_path, "erase-person", "p1", "--reason", "asked", "--yes").output
    run(tmp_path, "backup")
    said = run(tmp_path, "erase-person", "p2", "--reason", "asked", "--yes").output
    assert "backups that still hold the names: 1; the next one deletes them" in said


def test_a_backup_begun_while_somebody_was_being_erased_goes_too(store: Either, source: Path, where: Path) -> None:
    store.write(lambda c: erasure.erase(c, "p1", "p1", "asked for it", Who("o"), NOW))
    between = backup.make(source, where, after(0.5)).backup.path
    backup.make(source, where, after(5))
    assert not between.exists()


@pytest.mark.parametrize("beside", ["threshold.db.turn", "threshold.db.restoring", backup.ASIDE])
def test_a_database_that_is_gone_is_no_event_that_was_never_begun(tmp_path: Path, beside: str) -> None:
    (tmp_path / beside).mkdir()
    lost = run(tmp_path, "backup")
    assert lost.exit_code == 1
    assert "is gone" in lost.output
    assert "threshold-server restore FILE" in lost.output


def test_where_there_is_nothing_to_copy_the_command_says_so_with_a_status_of_its_own(tmp_path: Path) -> None:
    nothing = run(tmp_path, "backup")
    assert (nothing.exit_code, "run threshold-server init first" in nothing.output) == (3, True)
    migrate(f"sqlite:///{tmp_path / 'threshold.db'}")
    empty = run(tmp_path, "backup")
    assert (empty.exit_code, f"{tmp_path / 'threshold.db'} holds no event yet" in empty.output) == (3, True)
    assert names(tmp_path / "backups") == []
    with pytest.raises(NothingToBackUp, match=r"pg_dump.+docs/backups.md"):
        backup.database(Config(database="postgresql://postgres@/x"))


def test_the_newest_backup_is_told_and_damaged_or_future_files_are_not(
    source: Path, where: Path, tmp_path: Path
) -> None:
    config = Config(data=str(tmp_path))
    assert backup.last_backup(config) is None
    backup.make(source, where, after())
    assert backup.last_backup(config) == NOW
    (where / backup.name(NOW + timedelta(minutes=1))).write_bytes(b"no database")
    assert backup.last_backup(config) == NOW
    assert backup.unread(where) == [where / backup.name(NOW + timedelta(minutes=1))]
    backup.make(source, where, after(60))
    assert backup.newest(where, NOW + timedelta(minutes=2)) == NOW
    assert backup.last_backup(Config(database="postgresql://postgres@/x")) is None
    assert backup.last_backup(Config(data=str(tmp_path), backups=str(tmp_path / "usb"))) is None
