"""Where the files of the log are made: up to two threads beside the pages, in a folder beside the database.

A file is written under another name, brought onto the disk, and then renamed: half of one is never taken home. Whoever
makes one holds a lock that ends with its process, so that a server that begins anew tells what died from what lives.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from sqlalchemy import make_url

from server import event, exports, log
from server.exports import Format, Order
from server.filters import parse_filters
from server.formats import opened
from server.log import Record
from server.store.engine import PostgresStore, SqliteStore, Store

journal = logging.getLogger(__name__)
FREE_BYTES, FREE_SHARE = 10**9, 0.05
"""A file is given up where less of its disk is free: the doors write to the same one."""
TELL_EVERY = timedelta(milliseconds=400)
Progress = Callable[[int, int], None]
"""How many rows of how many. Raises Stopped when nobody wants the file any more."""


class Stopped(Exception):
    """Nobody wants the file any more."""


class Maker(Protocol):
    """Writes the archive to a path, ``audit``: with the audit trail, and says how many passages are in it."""

    def __call__(self, store: Store, path: Path, made: datetime, progress: Progress, *, audit: bool) -> int: ...


class NearlyFull(Exception):
    """Whatever is written now may be missing to the doors soon."""


@dataclass(slots=True)
class _Told:
    """When it was last told how far a file has come."""

    at: datetime | None = None


class Workshop:
    """Makes what is ordered. ``wake`` after an order; ``begin`` once, when the server starts. ``space``: how many
    bytes the disk of a folder has in all, has used, and has free."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        archive: Maker,
        space: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage,
    ) -> None:
        self._store, self._clock, self._archive, self._space = store, clock, archive, space
        self._lock = threading.Lock()
        self._threads = 0
        self.folder = folder_of(store)

    def begin(self) -> None:
        """What a server that died was making has failed; what waits is made."""
        with self._store.read() as connection:
            unused = not exports.newest(connection, 1)
            running, waits = exports.running(connection), bool(exports.waiting(connection))
        if unused:
            self.clear()
            return
        self.folder.mkdir(mode=0o700, exist_ok=True)
        for number in running:
            with self._held(number) as mine:
                if mine:
                    self._fail(number, exports.DIED)
                    self._throw_away(number)
        self.clear()
        if waits or running:
            self.wake()

    def wake(self) -> None:
        """Something may wait: sees to it that somebody makes it."""
        with self._lock:
            if self._threads >= exports.AT_ONCE:
                return
            self._threads += 1
        threading.Thread(target=self._serve, name="exports", daemon=True).start()

    def clear(self) -> None:
        """Deletes what is older than a day, and whatever file lies here that no order names (any more)."""
        there = list(self.folder.glob("threshold-*"))  # before the orders are read: a file is there before its name
        with self._store.read() as connection:
            old = exports.has_outdated(connection, self._clock())
            names, made = exports.wanted(connection)
        if old:
            for name in self._store.write(lambda connection: exports.outdated(connection, self._clock())):
                self.delete(name)
        for path in there:
            if path.name not in names and _number(path) not in made:
                self.delete(path.name)

    def withdraw(self) -> None:
        """Deletes every file and stops what is being made: for when somebody who may be in them is erased."""
        for name in self._store.write(lambda connection: exports.withdraw(connection, self._clock())):
            self.delete(name)
        self.clear()

    def delete(self, name: str) -> None:
        """Deletes a file."""
        delete(self.folder, name)

    def path(self, name: str) -> Path | None:
        """Where a file lies; None if it is not there (any more)."""
        path = self.folder / Path(name).name
        return path if name and path.is_file() else None

    # ---- making ----

    def _serve(self) -> None:
        try:
            while self._make_one():
                pass
        except Exception:  # noqa: BLE001 - whatever it was, the next order begins a new thread
            journal.exception("exports: the thread that makes them has ended")
        finally:
            with self._lock:
                self._threads -= 1
        with self._store.read() as connection:
            again = bool(exports.waiting(connection))
        if again:  # it was ordered while this thread looked for the last time
            self.wake()

    def _make_one(self) -> bool:
        """Makes the oldest order that waits; False if there is none."""
        with self._store.read() as connection:
            waiting = exports.waiting(connection)
        for number in waiting:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            with self._held(number) as mine:
                order = self._store.write(lambda c, n=number: exports.claim(c, n)) if mine else None  # type: ignore[misc]
                if order is not None:
                    self._make(order)
                    return True
        return False

    def _make(self, order: Order) -> None:
        part = self.folder / f"{order.id}.{order.format.suffix}.part"
        try:
            self._write(order, part)
            self._keep(order, part)
        except Stopped:
            journal.info("export %s was stopped", order.id)
        except NearlyFull:
            journal.warning("export %s was given up: the disk is nearly full", order.id)
            self._fail(order.id, exports.LOW_DISK)
        except OSError as error:
            journal.warning("export %s: %s", order.id, error)
            self._fail(order.id, exports.FULL_DISK if error.errno == errno.ENOSPC else exports.BROKEN_DISK)
        except Exception:  # noqa: BLE001 - whatever it was, somebody waits for the file and has to be told
            journal.exception("export %s failed", order.id)
            self._fail(order.id, exports.BROKEN)
        finally:
            self._throw_away(order.id)

    def _throw_away(self, number: int) -> None:
        """What is left of a file that is not whole."""
        for left in self.folder.glob(f"{number}.*.part*"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    def _keep(self, order: Order, part: Path) -> None:
        """Brings the file onto the disk and gives it its name."""
        with part.open("rb") as file:
            os.fsync(file.fileno())
        with self._store.read() as connection:
            zone = event.read(connection).zone
        what = "archive" if order.format.archive else "log"
        name = f"threshold-{what}-{self._clock().astimezone(zone):%Y%m%d-%H%M}-{order.id}.{order.format.suffix}"
        size = part.stat().st_size
        part.replace(self.folder / name)
        _sync(self.folder)
        if not self._store.write(lambda c: exports.finish(c, order.id, (name, size), self._clock())):
            self.delete(name)
        later = threading.Timer((exports.KEPT + timedelta(minutes=1)).total_seconds(), self.clear)
        later.daemon = True
        later.start()

    def _fail(self, number: int, problem: str) -> None:
        self._store.write(lambda connection: exports.fail(connection, number, problem, self._clock()))

    def _write(self, order: Order, part: Path) -> None:
        progress = self._progress(order.id)
        self._check_space()
        if order.format.archive:
            audit = order.format is Format.WITH_AUDIT
            self._archive(self._store, part, self._clock(), progress, audit=audit)
            return
        with self._store.read() as connection:
            zone = event.read(connection).zone
            wanted = parse_filters(order.fields, zone)
            last = log.newest(connection)
            total = log.count(connection, wanted, last)
        progress(0, total)

        def reading(work: Callable[..., list[Record]]) -> list[Record]:
            with self._store.read() as connection:
                return work(connection)

        part.touch(mode=0o600)
        seen = 0
        with opened(order.format, part) as append:
            for records in log.parts(reading, wanted, last, zone):
                append(records)
                seen += len(records)
                progress(seen, total)

    def _progress(self, number: int) -> Progress:
        told = _Told()

        def progress(rows: int, total: int) -> None:
            now = self._clock()
            if told.at is not None and abs(now - told.at) < TELL_EVERY:
                return
            told.at = now
            self._check_space()
            if not self._store.write(lambda connection: exports.tell(connection, number, rows, total), patient=True):
                raise Stopped

        return progress

    def _check_space(self) -> None:
        total, _used, free = self._space(self.folder)
        if free < max(FREE_BYTES, FREE_SHARE * total):
            raise NearlyFull

    @contextmanager
    def _held(self, number: int) -> Iterator[bool]:
        """Whether this process may make that order: a lock that ends with the process."""
        path = self.folder / f"{number}.turn"
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
            path.unlink(missing_ok=True)


def delete(folder: Path, name: str) -> None:
    """Deletes a file of the folder, if it is there."""
    (folder / Path(name).name).unlink(missing_ok=True)


def folder_of(store: Store) -> Path:
    """Where the files lie: beside a SQLite database; for PostgreSQL in the system's folder for temporary files, one
    for each database, so that each machine that serves pages has the files that it made."""
    if isinstance(store, SqliteStore):
        return store.path.parent / "exports"
    return folder_at(store.plain_url if isinstance(store, PostgresStore) else str(store.engine.url))


def folder_at(address: str) -> Path:
    """The same, by the address of the database."""
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        return Path(str(url.database)).parent / "exports"
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    name = sha256(plain.encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"threshold-exports-{os.getuid()}-{name}"


def _number(path: Path) -> int:
    """The number of the order that the file was made for; -1 if it is no such file."""
    number = path.stem.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else -1


def _sync(folder: Path) -> None:
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
