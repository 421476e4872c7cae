"""The one writer of SQLite: what is long and urgent to nobody waits behind those who wait at a door."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from tests.together.conftest import wait_for

LONG = 6


def queued(store: SqliteStore | PostgresStore) -> int:
    """How many jobs nobody has looked at."""
    assert isinstance(store, SqliteStore)
    return store._writer._jobs.qsize()


def test_who_waits_at_a_door_waits_for_one_long_job_at_most(sqlite_store: SqliteStore | PostgresStore) -> None:
    done: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def first(_connection: object) -> None:
        begun.set()
        go.wait(10)

    with ThreadPoolExecutor(LONG + 2) as pool:
        jobs = [pool.submit(sqlite_store.write, first)]
        assert begun.wait(10)
        jobs += [pool.submit(sqlite_store.write, lambda _: done.append("long"), patient=True) for _ in range(LONG)]
        wait_for(lambda: queued(sqlite_store) == LONG, "the long ones wait")
        jobs.append(pool.submit(sqlite_store.write, lambda _: done.append("door")))
        wait_for(lambda: queued(sqlite_store) == LONG + 1, "somebody is at a door")
        go.set()
        for job in jobs:
            job.result(10)
    assert done.index("door") <= 1
    assert done.count("long") == LONG


def test_a_store_that_is_closed_finishes_the_patient_ones(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    assert isinstance(store, SqliteStore)
    done: list[int] = []
    begun, go = threading.Event(), threading.Event()

    def first(_connection: object) -> None:
        begun.set()
        go.wait(10)

    with ThreadPoolExecutor(LONG + 2) as pool:
        pool.submit(store.write, first)
        assert begun.wait(10)
        for number in range(LONG):
            pool.submit(store.write, lambda _, number=number: done.append(number), patient=True)
        wait_for(lambda: queued(store) == LONG, "all wait")
        ending = pool.submit(store.close)
        wait_for(lambda: queued(store) == LONG + 1, "it is told to end")
        go.set()
        ending.result(10)
    assert sorted(done) == list(range(LONG))
