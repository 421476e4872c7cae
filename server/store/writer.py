"""One thread that owns SQLite's only writing connection and commits in groups.

Many waiting jobs share one BEGIN IMMEDIATE and one fsync; each runs in a savepoint of its own, so that one failing
job takes nothing of the others with it. ``run`` returns only after the COMMIT that its job was part of.

Knows nothing of what the jobs write.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Generic, TypeVar

from sqlalchemy import Connection, Engine

from admission.errors import DiskError

T = TypeVar("T")
GROUP = 128


class _Job(Generic[T]):
    """A piece of work, and a lock that is released once its outcome is on the disk."""

    __slots__ = ("done", "error", "outcome", "work")

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self.work = work
        self.outcome: T | None = None
        self.error: Exception | None = None
        self.done = threading.Lock()
        self.done.acquire()


class Writer:
    """The writer thread. ``close`` finishes the jobs that wait and ends it."""

    def __init__(self, engine: Engine, turn: AbstractContextManager[None]) -> None:
        """``turn`` keeps other processes from writing while a group is."""
        self._turn = turn
        self._jobs: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._thread = threading.Thread(target=self._serve, name="writer", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` returned, after it was committed. Raises what it raised, with nothing of it written;
        DiskError if the commit itself failed."""
        job = _Job(work)
        self._jobs.put(job)  # type: ignore[arg-type]  # the queue does not care what a job returns
        job.done.acquire()
        if job.error is not None:
            raise job.error
        return job.outcome  # type: ignore[return-value]  # set by the writer whenever error is None

    def close(self) -> None:
        """Finishes what waits, then closes the connection."""
        self._jobs.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (first := self._jobs.get()) is not None:
            group, last = self._gather(first)
            with self._turn:
                self._commit(group)
            for job in group:
                job.done.release()
            if last:
                break
        self._connection.close()

    def _gather(self, first: _Job[object]) -> tuple[list[_Job[object]], bool]:
        group = [first]
        while len(group) < GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return group, True
            group.append(job)
        return group, False

    def _commit(self, group: list[_Job[object]]) -> None:
        connection = self._connection
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            for job in group:
                self._try(job)
            connection.exec_driver_sql("COMMIT")
            connection.commit()  # ends SQLAlchemy's own book-keeping; nothing is left to commit
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it was
            self._abandon(group, error)

    def _try(self, job: _Job[object]) -> None:
        connection = self._connection
        connection.exec_driver_sql("SAVEPOINT job")
        try:
            job.outcome = job.work(connection)
        except Exception as error:  # noqa: BLE001 - it belongs to the one who gave the job
            job.error = error
            connection.exec_driver_sql("ROLLBACK TO job")
        connection.exec_driver_sql("RELEASE job")

    def _abandon(self, group: list[_Job[object]], error: Exception) -> None:
        with suppress(Exception):  # SQLite may have rolled back by itself
            self._connection.exec_driver_sql("ROLLBACK")
        self._connection.rollback()
        for job in group:
            if job.error is None:
                job.error = DiskError(f"the database did not commit: {error}")
