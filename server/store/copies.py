"""A SQLite database as a file: copied while others write to it, checked, put in the place of another one.

A copy is one file by itself, without a WAL, and is marked (:data:`server.store.engine.COPY`), so that it is known for
what it is wherever it is put. Knows nothing of what the tables hold, where copies lie or how long they are kept.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path

from admission.errors import DiskError
from server.store.engine import COPY, Turn

PAGES = 2048
"""So many (8 MiB) are copied before they are brought onto the disk: whoever commits meanwhile waits behind no more."""
BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite may keep beside a database."""


def take(source: Path, target: Path, turn: AbstractContextManager[None] | None = None) -> None:
    """Copies the database as it is at one moment into a new file ``target``, for nobody else to read.

    Returns once it is on the disk. Nobody's commit waits for it, and what is committed meanwhile is not in it.
    ``turn``: what is held while the source is let go of (None: its own turn; the caller's may be held already). Raises
    DiskError, or OSError, and leaves nothing behind.
    """
    handle = os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        with _moment(source, turn) as reading, closing(_plain(target)) as writing:
            reading.backup(writing, pages=PAGES, progress=lambda *_left: os.fdatasync(handle))
        with closing(_plain(target)) as writing:
            writing.execute("PRAGMA journal_mode=DELETE")
            writing.execute(f"PRAGMA application_id={COPY}")
        os.fsync(handle)
    except sqlite3.Error as error:
        remove(target)
        raise DiskError(f"{source} could not be copied to {target}: {error}") from error
    except BaseException:
        remove(target)
        raise
    finally:
        os.close(handle)


def is_copy(path: Path) -> bool:
    """Whether the file's head says that it is a copy; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(72)
    except OSError:
        return False
    return head[:16] == b"SQLite format 3\0" and struct.unpack(">I", head[68:72])[0] == COPY


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Reads a file that nobody writes to, and writes nothing beside it. Raises DiskError if it is no whole database."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise DiskError(f"{path} is damaged, or no database: {error}") from error


def check(path: Path, *, thoroughly: bool = False) -> None:
    """Raises DiskError if a page of the file is damaged; ``thoroughly``: also if an index does not fit its table."""
    with opened(path) as connection:
        word = "integrity_check" if thoroughly else "quick_check"
        found = str(connection.execute(f"PRAGMA {word}(1)").fetchone()[0])
    if found != "ok":
        raise DiskError(f"{path} is damaged: {found}")


def present(whole: Path, number: int) -> None:
    """Makes the copy the present database, whose last commit has this number. It may be in use by nobody."""
    with closing(sqlite3.connect(whole, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("PRAGMA application_id=0")
        connection.execute(f"PRAGMA user_version={number}")
        connection.execute("COMMIT")


def put(whole: Path, place: Path) -> None:
    """Puts the database ``whole`` where ``place`` is, or is not yet: all of it or, if interrupted, nothing.

    One that is there is written over in one transaction of its own, so that whoever has it open reads on; the caller
    holds its turn. ``whole`` may be gone afterwards. Raises DiskError.
    """
    try:
        if not place.exists():
            whole.replace(place)
            sync(place.parent)
            return
        with closing(sqlite3.connect(whole)) as reading, closing(sqlite3.connect(place, timeout=10)) as writing:
            writing.execute("PRAGMA journal_mode=WAL")
            writing.execute("PRAGMA synchronous=FULL")
            reading.backup(writing)
            with suppress(sqlite3.Error):  # it is there, in the WAL; a full disk leaves it to the next checkpoint
                writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise DiskError(f"{place} could not be written over: {error}; it is what it was") from error


def move(place: Path, aside: Path) -> None:
    """Renames a database that cannot be read, with all that lies beside it."""
    for suffix in (*BESIDE, ""):
        there = Path(f"{place}{suffix}")
        if there.exists():
            there.replace(f"{aside}{suffix}")
    sync(aside.parent)
    sync(place.parent)


def remove(path: Path) -> None:
    """Deletes a file, and what SQLite may have left beside it; what is not there does not matter."""
    for suffix in ("", *BESIDE):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def sync(folder: Path) -> None:
    """Brings the names in the folder onto the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _moment(path: Path, turn: AbstractContextManager[None] | None) -> Iterator[sqlite3.Connection]:
    """A connection that sees one moment of the database for as long as it likes, and writes nothing.

    Whoever is the last to close a database writes its WAL back into it, which only the one may whose turn it is.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    try:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("BEGIN")  # without it each commit of another process would begin the copy anew
        connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
        yield connection
    finally:
        own = Turn(path) if turn is None else None
        with closing(own) if own else nullcontext(), turn or own or nullcontext():
            connection.close()


def _plain(path: Path) -> sqlite3.Connection:
    """A connection to a file that counts only once it has been brought onto the disk by other means."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    return connection
