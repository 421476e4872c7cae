"""The kiosk's one SQLite file and its one connection. What is committed here survives pulling the plug.

WAL with synchronous=FULL: every commit is an fsync. sqlite-utils makes the tables; the hot statements run on its
connection. Knows nothing of what the tables mean: see :mod:`kiosk.journal` and :mod:`kiosk.standing`.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import sqlite_utils

from admission.errors import DiskError

log = logging.getLogger(__name__)

CLOSED = "closed"
"""The fact in a store that was read out for good: it spends no more."""


class Disk:
    """The open file. ``incarnation`` names this store: another one is made whenever a store is begun anew."""

    def __init__(self, path: Path, new_incarnation: int) -> None:
        """Opens the store, or begins one under ``new_incarnation``. A damaged file is kept aside, never deleted.

        Raises DiskError if the folder cannot be written, or another process holds the store.
        """
        self._lock = threading.RLock()
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._open_sound()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise DiskError(f"{path} is in use; is another kiosk process running? Stop it first") from error
            raise DiskError(f"cannot open {path}: {error}") from error
        except OSError as error:
            raise DiskError(f"cannot write to {path.parent}: {error.strerror}") from error
        self.incarnation = int(self.fact("incarnation") or 0)
        if not self.incarnation:
            self.incarnation = new_incarnation
            with self.transaction():
                self.set_fact("incarnation", str(new_incarnation))

    @property
    def held(self) -> AbstractContextManager[bool]:
        """To be held where an account is read and then written: nobody else changes it meanwhile."""
        return self._lock

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction; committed and on the disk when the block ends, or rolled back. Raises DiskError."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise DiskError(f"the disk did not keep this: {error}") from error
            except BaseException:
                self._roll_back()
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for reading, while nobody else uses it. Raises DiskError."""
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise DiskError(f"the disk cannot be read: {error}") from error

    def fact(self, name: str) -> str | None:
        """A single value kept under a name."""
        with self.reading() as connection:
            row = connection.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_fact(self, name: str, value: str) -> None:
        """Keeps a single value; within a transaction."""
        self._connection.execute(
            "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._connection.close()

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

    def _open_sound(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.OperationalError:  # locked, full or read-only: says nothing against what the file holds
            raise
        except sqlite3.DatabaseError as error:
            log.error("the store is damaged: %s", error)
            self.put_aside("damaged")
            return self._open()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            _claim(connection)
            if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("quick_check failed")
            _make_tables(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def put_aside(self, why: str) -> None:
        """Closes the file and renames it; the next start begins a new store. What it holds is never deleted."""
        with suppress(AttributeError):  # a file that could not be opened has no connection
            self.close()
        number = 1
        while (aside := self._path.with_name(f"{self._path.name}.{why}-{number}")).exists():
            number += 1
        log.error("the store is kept as %s and a new one is begun", aside.name)
        self._path.rename(aside)
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self._path}{suffix}").rename(f"{aside}{suffix}")


def _claim(connection: sqlite3.Connection) -> None:
    # Before the first look into the file: the WAL index then lies in memory, and no second process gets in.
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON")  # a record that is to be forgotten does not stay in a free page
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("COMMIT")


def _make_tables(connection: sqlite3.Connection) -> None:
    database = sqlite_utils.Database(connection)
    tables: dict[str, dict[str, type]] = {
        "fact": {"name": str, "value": str},
        "journal": {"seq": int, "body": bytes, "hash": bytes},
        "visit": {"serial": int, "room": str, "kind": str, "seq": int, "boot": str, "boot_ms": int},
        "account": {
            "room": str,
            "era": int,
            "granted": int,
            "returned": int,
            "entries": int,
            "exits": int,
            "forced": int,
        },
        "annulled": {"seq": int},
        "record": {"lookup": bytes, "box": bytes},
        "replaced": {"old": int, "new": int},
    }
    keys = {"fact": "name", "journal": "seq", "visit": ("serial", "room"), "account": "room", "record": "lookup"}
    keys["annulled"] = "seq"
    for name, columns in tables.items():
        database.table(name).create(columns, pk=keys.get(name, "old"), if_not_exists=True)
