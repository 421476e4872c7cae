"""One thread that owns SQLite's only writing connection and commits in groups.

Many waiting jobs share one BEGIN IMMEDIATE and one fsync; when one of them fails, each is run again by itself.
``run`` returns only after the COMMIT that its job was part of.

Knows nothing of what the jobs write.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from admission.errors import DiskError

T = TypeVar("T")
GROUP = 128


class Turn(Protocol):
    """See server.store.engine.Turn."""

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...

    def note(self, number: int) -> None:
        """A commit with this number is on the disk."""


class _Job(Generic[T]):
    """A piece of work, and a lock that is released once its outcome is on the disk."""

    __slots__ = ("done", "error", "outcome", "patient", "work")

    def __init__(self, work: Callable[[Connection], T], *, patient: bool) -> None:
        self.work = work
        self.patient = patient
        self.outcome: T | None = None
        self.error: Exception | None = None
        self.done = threading.Lock()
        self.done.acquire()


class Writer:
    """The writer thread. ``close`` finishes the jobs that wait and ends it."""

    def __init__(self, engine: Engine, turn: Turn) -> None:
        """``turn`` keeps other processes from writing while a group is, and remembers the number of the commit."""
        self._turn = turn
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._later: deque[_Job[Any]] = deque()
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._raw: Any = self._connection.connection.driver_connection
        self._thread = threading.Thread(target=self._serve, name="writer", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[Connection], T], *, patient: bool = False) -> T:
        """What ``work`` returned, after it was committed. Raises what it raised, with nothing of it written;
        DiskError if the commit itself failed. ``patient``: long, and nobody at a door waits for it."""
        job = _Job(work, patient=patient)
        self._jobs.put(job)
        job.done.acquire()
        if job.error is not None:
            raise job.error
        return job.outcome  # type: ignore[return-value]  # set by the writer whenever error is None

    def close(self) -> None:
        """Finishes what waits, then closes the connection."""
        self._jobs.put(None)
        self._thread.join()

    def _serve(self) -> None:
        ended = False
        while not ended or self._later:
            group, ended = self._gather(ended)
            self._finish(group)
            if self._later:  # one of them between two groups: whoever waits at a door waits for one at most
                self._finish([self._later.popleft()])
        self._connection.close()

    def _finish(self, group: list[_Job[Any]]) -> None:
        if not group:
            return
        with self._turn:
            self._commit(group)
        for job in group:
            job.done.release()

    def _say(self, word: str) -> None:
        """Straight to the driver: SQLAlchemy takes longer over these words than SQLite."""
        self._raw.execute(word)

    def _gather(self, ended: bool) -> tuple[list[_Job[Any]], bool]:
        """What waits now, but for the patient ones, which are put by; whether no more will come. Waits for a job if
        there is nothing else to do."""
        group: list[_Job[Any]] = []
        idle = not ended and not self._later
        while len(group) < GROUP:
            try:
                job = self._jobs.get(block=idle)
            except queue.Empty:
                break
            idle = False
            if job is None:
                return group, True
            (self._later if job.patient else group).append(job)
        return group, ended

    def _commit(self, group: list[_Job[Any]]) -> None:
        """The whole group under one fsync; if one job fails, each by itself, so that it takes no other with it.

        Jobs are functions of the rows that they find, so a second run is a first one.
        """
        try:
            self._transact(group)
        except Exception as error:  # noqa: BLE001 - told apart below, job by job
            self._roll_back()
            if len(group) == 1:
                broken = isinstance(error, sqlite3.OperationalError | OperationalError)
                group[0].error = DiskError(f"the database failed: {error}") if broken else error
                return
            for job in group:
                self._commit([job])

    def _transact(self, group: list[_Job[Any]]) -> None:
        self._say("BEGIN IMMEDIATE")
        for job in group:
            job.outcome = job.work(self._connection)
        try:
            number = int(self._raw.execute("PRAGMA user_version").fetchone()[0]) + 1
            self._say(f"PRAGMA user_version = {number}")
            self._say("COMMIT")
        except sqlite3.Error as error:
            raise DiskError(f"the database did not commit: {error}") from error
        self._turn.note(number)
        self._connection.commit()  # ends SQLAlchemy's own book-keeping; nothing is left to commit

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            self._say("ROLLBACK")
        self._connection.rollback()
