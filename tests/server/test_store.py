"""The contract of the store: the same on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, func, insert, make_url, select, update
from sqlalchemy.exc import IntegrityError

from admission.errors import ConfigError
from server.store import engine, versions
from server.store.engine import PostgresStore, SqliteStore, migrate, open_store, transaction
from server.store.schema import event, metadata, quarantine, room

Either = SqliteStore | PostgresStore


def _put(connection: Connection, seq: int) -> int:
    row = {"device": "k", "incarnation": 1, "seq": seq, "raw": b"x", "hash": b"h", "why": "", "received": 0}
    connection.execute(insert(quarantine), row)
    return seq


def _count(store: Either) -> int:
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(quarantine)).scalar_one())


def test_the_migrations_make_the_schema_that_the_queries_expect(store: Either) -> None:
    with store.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []


def test_a_venue_of_an_older_schema_is_kept_when_rooms_get_overflow_rooms(database: str) -> None:
    settings = Config()
    settings.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    settings.attributes["url"] = make_url(database).render_as_string(hide_password=False)
    command.upgrade(settings, "0004")
    event_row = "INSERT INTO event (id, number, name, timezone, epoch, show_names, signing_seed, cookie_secret) VALUES "
    room_row = 'INSERT INTO room (id, name, inside, "limit", reserve, exits, position, "only", edition) VALUES '
    put = (
        f"{event_row} (1, 7, 'Old', 'UTC', 0, true, 'a', 'b')",
        f"{room_row} ('hall', 'Hall', 'venue', 100, 2, 'none', 1, 5, 3)",
        f"{room_row} ('venue', 'Venue', null, null, 0, 'none', 0, null, 1)",
        "INSERT INTO gate (id, name, room, direction) VALUES ('door', 'Door', 'hall', 'in')",
        "INSERT INTO book (room, recount, closed) VALUES ('hall', 4, 5)",
    )
    with transaction(database) as connection:
        for row in put:
            connection.exec_driver_sql(row)
    migrate(database)
    with transaction(database) as connection:
        hall = connection.execute(select(room).where(room.c.id == "hall")).one()
        assert (hall.name, hall.inside, hall.limit, hall.only) == ("Hall", "venue", 100, 5)
        assert (hall.edition, hall.overflow) == (3, None)
        assert connection.execute(select(event.c.show_names, event.c.languages)).one() == (True, "")
        assert connection.exec_driver_sql("SELECT room FROM gate").scalar_one() == "hall"
        connection.execute(update(room).where(room.c.id == "venue").values(overflow="hall"))
    with pytest.raises(IntegrityError), transaction(database) as connection:
        connection.execute(update(room).where(room.c.id == "hall").values(overflow="nowhere"))


def test_what_a_job_wrote_is_there_when_write_returns(store: Either) -> None:
    assert store.write(lambda connection: _put(connection, 3)) == 3
    assert _count(store) == 1


def test_a_job_that_fails_writes_nothing_and_its_error_comes_back(store: Either) -> None:
    def fail(connection: Connection) -> None:
        _put(connection, 1)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        store.write(fail)
    assert _count(store) == 0


def test_a_failing_job_takes_no_other_job_of_its_group_with_it(store: Either) -> None:
    gate = threading.Barrier(20)

    def work(number: int) -> bool:
        def job(connection: Connection) -> None:
            _put(connection, number)
            if number % 3 == 0:
                raise ValueError("no")

        gate.wait()
        try:
            store.write(job)
        except ValueError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        kept = sum(pool.map(work, range(20)))
    assert kept == 13
    assert _count(store) == 13


def test_change_numbers_never_repeat_however_many_writers_there_are(store: Either) -> None:
    store.write(versions.start)
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: store.write(lambda c: versions.bump(c, versions.BADGES)), range(40)))
    assert sorted(numbers) == list(range(2, 42))


def test_readers_cannot_write_to_sqlite(sqlite_store: Either) -> None:
    with sqlite_store.read() as connection, pytest.raises(Exception, match="readonly"):
        _put(connection, 1)


def test_a_command_beside_the_server_waits_for_its_turn(sqlite_store: Either, tmp_path: Path) -> None:
    began, finish = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        _put(connection, 1)
        began.set()
        finish.wait(10)

    url = f"sqlite:///{tmp_path / 'threshold.db'}"
    with ThreadPoolExecutor(2) as pool:
        server = pool.submit(sqlite_store.write, slow)
        began.wait(10)
        command = pool.submit(lambda: _beside(url))
        assert not command.done()
        finish.set()
        server.result(10)
        command.result(10)
    assert _count(sqlite_store) == 2


def _beside(url: str) -> None:
    with transaction(url) as connection:
        _put(connection, 2)


@pytest.mark.parametrize("url", ["mysql://x/y", "no database", "sqlite://"])
def test_an_address_that_is_no_database_is_explained(url: str) -> None:
    with pytest.raises(ConfigError, match="database"):
        open_store(url)
