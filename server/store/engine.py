"""What differs between SQLite and PostgreSQL, and nothing else: how to open, write, read and migrate.

``Store.write`` runs a function in a transaction and returns after its commit; ``Store.read`` gives a connection that
only reads. The queries are in the modules beside this one and are the same for both.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from enum import Enum, auto
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, bindparam, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.sql import ClauseElement

from admission.errors import ConfigError
from server.store.writer import Writer

T = TypeVar("T")
COPY = 0x54684370
"""The ``application_id`` of a backup ("ThCp"): a commit of a command does not make it the present database."""


class Use(Enum):
    """What a SQLite connection is for."""

    WRITER = auto()
    READER = auto()
    COMMAND = auto()


class Readable(Protocol):
    """Something to read from."""

    def read(self) -> AbstractContextManager[Connection]:
        """A connection for reading."""


class Store(Readable, Protocol):
    """Where the server keeps everything."""

    engine: Engine

    def write(self, work: Callable[[Connection], T], *, patient: bool = False) -> T:
        """Runs ``work`` in one transaction; returns after the commit. Raises what it raised, nothing written.

        ``patient``: it is long, and may wait until those have written for whom somebody waits at a door.
        """

    def close(self) -> None:
        """Finishes what waits and lets go of the database."""


class Turn:
    """Lets one process at a time write to, and so checkpoint, a SQLite file: an advisory lock on a file beside it.

    SQLite before 3.51.3 can corrupt a WAL that two connections write or checkpoint at the same moment
    (sqlite.org/wal.html#walresetbug); commands of an admin do run beside the server.

    The file also holds the number of the last commit, which the database holds as its ``user_version``: one that is
    behind the file was put back from a copy. The database is on the disk before the number is, so that a power cut
    leaves the file behind, never ahead. Behind it stands an era that the database was in, for when that is lost.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError, also where a link lies in the file's place: root opens it too, in a folder of another's."""
        self._file = os.open(f"{path}.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def number(self) -> int:
        """The number of the last commit; 0 if none is known."""
        return int.from_bytes(os.pread(self._file, 8, 0), "big")

    def note(self, number: int) -> None:
        """A commit with this number is on the disk. Not worth an fsync, but for the first."""
        first = self.number() == 0
        os.pwrite(self._file, number.to_bytes(8, "big"), 0)
        if first:
            os.fsync(self._file)

    def era(self) -> int:
        """The last era that was noted; 0 if none is known."""
        return int.from_bytes(os.pread(self._file, 8, 8), "big")

    def note_era(self, era: int) -> None:
        """The database on the disk is in this era."""
        if era > self.era():
            os.pwrite(self._file, era.to_bytes(8, "big"), 8)
            os.fsync(self._file)

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._file)

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_error: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)


class SqliteStore:
    """One writing connection in one thread, many readers that never write nor checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = _sqlite_engine(path, Use.WRITER)
        self.engine = _sqlite_engine(path, Use.READER)
        self._writer = Writer(self._writing, Turn(path))

    def write(self, work: Callable[[Connection], T], *, patient: bool = False) -> T:
        """See Store."""
        return self._writer.run(work, patient=patient)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """See Store."""
        with self.engine.connect() as connection:
            yield connection

    def close(self) -> None:
        """See Store."""
        self.engine.dispose()
        self._writer.close()
        self._writing.dispose()


class PostgresStore:
    """Any number of workers and machines; short transactions; rows are locked where two could decide at once."""

    def __init__(self, url: str) -> None:
        self.plain_url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self.engine = create_engine(url, pool_size=20, max_overflow=20, pool_pre_ping=True)

    def write(self, work: Callable[[Connection], T], *, patient: bool = False) -> T:  # noqa: ARG002 - many write at once
        """See Store. Whatever two transactions did to each other is tried again: work is a function of the rows."""
        for attempt in range(5):
            try:
                with self.engine.begin() as connection:
                    return work(connection)
            except (DBAPIError, psycopg.Error) as error:  # the hot statements run on the driver's own cursor
                state = getattr(getattr(error, "orig", error), "sqlstate", "")
                if attempt == 4 or state not in {"40P01", "40001", "23505"}:
                    raise
        raise AssertionError("unreachable")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """See Store."""
        with self.engine.connect() as connection:
            yield connection

    def close(self) -> None:
        """See Store."""
        self.engine.dispose()


class Reader:
    """Reads beside the server, for as long as it likes, in nobody's way."""

    def __init__(self, url: str) -> None:
        """Raises ConfigError for an address that is no database, or where none is."""
        parsed = _parse(url)
        if parsed.get_backend_name() == "sqlite":
            self._engine = _sqlite_engine(_existing(parsed), Use.READER)
        else:
            self._engine = create_engine(parsed)

    def close(self) -> None:
        """Lets go of the database."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """See Readable."""
        with self._engine.connect() as connection:
            yield connection


def open_store(url: str) -> SqliteStore | PostgresStore:
    """Opens the database at ``url`` (sqlite:///path or postgresql://...), whose schema ``migrate`` has made.

    Raises ConfigError for any other kind of database.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteStore(Path(str(parsed.database)))
    return PostgresStore(parsed.render_as_string(hide_password=False))


@contextmanager
def transaction(url: str) -> Iterator[Connection]:
    """One transaction of a command that runs beside the server, or without one. Commits at the end of the block."""
    parsed = _parse(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(parsed)
        with engine.begin() as connection:
            yield connection
        engine.dispose()
        return
    path = _existing(parsed)
    turn = Turn(path)
    with closing(turn), turn:
        engine = _sqlite_engine(path, Use.COMMAND)
        with engine.begin() as connection:
            yield connection
            number = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one()) + 1
            connection.exec_driver_sql(f"PRAGMA user_version = {number}")
        turn.note(number)
        engine.dispose()


def file_of(url: str) -> Path | None:
    """The SQLite file at ``url``, which need not be there; None for PostgreSQL. Raises ConfigError."""
    parsed = _parse(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def was_put_back(url: str) -> bool:
    """Whether the SQLite file at ``url`` is a backup, an older copy of itself, or was carried here from elsewhere.

    The next commit makes the latter two the present one; a backup is one until ``unmark``.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() != "sqlite":
        return False
    path = _existing(parsed)
    turn = Turn(path)
    with closing(turn), turn, closing(sqlite3.connect(path)) as connection:
        number = int(connection.execute("PRAGMA user_version").fetchone()[0])
        marked = int(connection.execute("PRAGMA application_id").fetchone()[0]) == COPY
        return marked or turn.number() > number or (number > 0 and turn.number() == 0)


def unmark(connection: Connection) -> None:
    """From this transaction's commit on the database is no backup, but the present one."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA application_id = 0")


def identity_of(connection: Connection) -> str:
    """What names this database among its copies; empty on SQLite, where ``was_put_back`` knows."""
    if connection.dialect.name == "sqlite":
        return ""
    # The timeline is that of the WAL which is written now: the last checkpoint's is an earlier one for some time after
    # a standby was promoted.
    query = (
        "SELECT s.system_identifier || '/' || ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int "
        "|| '/' || d.oid FROM pg_control_system() s, pg_database d WHERE d.datname = current_database()"
    )
    return str(connection.exec_driver_sql(query).scalar_one())


def migrate(url: str) -> None:
    """Brings the schema to the newest revision, all of it or, if interrupted, not at all; makes an empty database if
    there is none."""
    parsed = _parse(url)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = parsed.render_as_string(hide_password=False)
    if parsed.get_backend_name() != "sqlite":
        command.upgrade(config, "head")
        return
    path = Path(str(parsed.database))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)  # it holds the keys of the badges
    turn = Turn(path)
    with closing(turn), turn:  # no number is noted: whether this is an older copy is looked at after it
        command.upgrade(config, "head")


def _existing(parsed: URL) -> Path:
    path = Path(str(parsed.database))
    if not path.exists():
        raise ConfigError(f"there is no database at {path}; run threshold-server init first")
    return path


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"database: {error}") from error
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return parsed
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    raise ConfigError(f"database {url!r}: write sqlite:///path/to/file or postgresql://user@host/name")


@lru_cache(maxsize=256)
def _compiled(statement: ClauseElement, dialect: str, engine: Engine) -> str:
    # "named" suits sqlite3, "pyformat" psycopg: both take the same dictionary.
    kind: Any = type(engine.dialect)
    compiled = statement.compile(dialect=kind(paramstyle="named" if dialect == "sqlite" else "pyformat"))
    hidden = [name for name, value in compiled.params.items() if value is not None]
    if hidden:
        raise TypeError(f"a literal in a statement of the exchange ({hidden}): write it with literal_column")
    return str(compiled)


def execute(connection: Connection, statement: ClauseElement, values: Mapping[str, object]) -> Any:
    """Runs a Core statement of plain columns on the driver's own cursor, compiled once per engine.

    For the few statements of the exchange: a third of the CPU of ``connection.execute``. The statement is a module
    constant with named bind parameters; rows come back as plain tuples.
    """
    cursor = connection.connection.cursor()
    cursor.execute(_compiled(statement, connection.dialect.name, connection.engine), values)
    return cursor


def given(name: str) -> Any:
    """A bind parameter of such a statement; ``named`` gives it its value."""
    return bindparam(f"p_{name}")


def named(values: Mapping[str, object]) -> dict[str, object]:
    """The values of a statement's parameters, by their names."""
    return {f"p_{name}": value for name, value in values.items()}


def _sqlite_engine(path: Path, use: Use) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 10}, pool_size=16, max_overflow=32
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-16000")
        if use is not Use.WRITER:
            connection.execute("PRAGMA wal_autocheckpoint=0")
        if use is Use.READER:
            connection.execute("PRAGMA query_only=ON")
        else:
            connection.execute("PRAGMA secure_delete=ON")  # what is deleted, a name perhaps, is overwritten
        if use is Use.COMMAND:
            connection.isolation_level = None

    if use is Use.COMMAND:
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine
