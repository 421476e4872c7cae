"""A database that was put back from a copy is noticed when the server starts, before a kiosk is heard."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from server import restore
from server.store import schema, versions
from server.store.engine import PostgresStore, SqliteStore, identity_of, open_store, transaction, was_put_back
from server.store.schema import event
from tests.world import World

Either = SqliteStore | PostgresStore


@pytest.fixture
def path(sqlite_store: Either, tmp_path: Path) -> Path:
    """A database with a few commits, closed again."""
    sqlite_store.write(versions.start)
    sqlite_store.close()
    return tmp_path / "threshold.db"


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)


def _change(path: Path) -> None:
    with transaction(f"sqlite:///{path}") as connection:
        versions.bump(connection, versions.BADGES)


def _put_back(copy: Path, path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.write_bytes(copy.read_bytes())


def test_a_database_that_was_only_closed_and_opened_is_no_copy(path: Path) -> None:
    _change(path)
    store = open_store(f"sqlite:///{path}")
    store.write(lambda connection: versions.bump(connection, versions.BADGES))
    store.close()
    assert not was_put_back(f"sqlite:///{path}")


def test_an_older_copy_in_its_place_is_noticed_until_the_next_commit(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    _copy(path, copy)
    _change(path)
    _put_back(copy, path)
    assert was_put_back(f"sqlite:///{path}")
    _change(path)
    assert not was_put_back(f"sqlite:///{path}")


def test_a_copy_that_was_carried_to_another_place_is_noticed(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    _copy(path, elsewhere)
    assert was_put_back(f"sqlite:///{elsewhere}")


def test_a_power_cut_that_takes_the_number_and_not_the_commit_is_no_restore(path: Path) -> None:
    turn = Path(f"{path}.turn")
    before = turn.read_bytes()
    _change(path)
    turn.write_bytes(before)
    assert not was_put_back(f"sqlite:///{path}")


def test_a_copy_begins_a_new_era_in_which_nothing_is_granted_yet(store: Either, world: World) -> None:
    assert store.write(lambda c: restore.check_home(c, identity_of(c), 1, put_back=True))
    with store.read() as connection:
        assert connection.execute(select(event.c.era)).scalar_one() == 2
        assert set(restore.awaited(connection, 2)) == {one.device for one in world.enrolments.values()}
        assert restore.is_recovering(connection)
        assert "hall" in restore.closed_rooms(connection)
        kinds = connection.execute(select(schema.incident.c.kind)).scalars().all()
    assert kinds == ["restore"]


def test_another_copy_of_a_postgres_database_is_noticed_by_its_identity(store: Either, world: World) -> None:
    assert not store.write(lambda c: restore.check_home(c, "a", 1, put_back=False))
    assert not store.write(lambda c: restore.check_home(c, "a", 1, put_back=False))
    assert store.write(lambda c: restore.check_home(c, "b", 1, put_back=False))
