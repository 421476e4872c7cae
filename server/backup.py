"""Backups of a SQLite database: made while the server runs, found again, thinned out, gone once people are erased.

A backup holds every name and every key of the event. Whatever else is in the folder, backups of another event too, is
never deleted. Time is passed in; what to do with a backup is in :mod:`server.recovery`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from admission.errors import ConfigError, DiskError
from server import rotation
from server.config import Config
from server.store import copies
from server.store.engine import file_of
from server.store.instants import from_ms
from server.store.serving import serving

STALE = timedelta(minutes=20)
"""With a timer of five minutes, three have failed by then."""
RESERVE = 200_000_000
"""Bytes that a backup leaves free: passages are written to the same disk, and come first."""
SLACK = timedelta(minutes=1)
"""An erasure is dated when it was asked for, and committed a moment later: a backup in between still holds them."""
ASIDE = "set-aside"
"""The folder beside the database for what a restore has replaced."""
_NAME = re.compile(r"threshold-(\d{8}T\d{6}Z)\.db")
_PART = re.compile(_NAME.pattern + r"\.part(?:-wal|-shm|-journal)?")
_ASIDE = re.compile(r"threshold-(\d{8}T\d{6}Z)(?:-broken)?\.db(?:\.part)?(?:-wal|-shm|-journal)?")
_STAMP = "%Y%m%dT%H%M%SZ"
Space = Callable[[Path], tuple[int, int, int]]


class NothingToBackUp(ConfigError):
    """There is no SQLite database with an event: nothing is lost, and nothing can be done here."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds. ``event``: its number, and epoch (ms) and a hash of the signing key, which no other event
    shares; ``number``: of its last commit; ``cut``: when somebody was last erased (ms), or 0."""

    event: tuple[int, int, str]
    name: str
    era: int
    passages: int
    number: int
    cut: int


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup in its folder, with its size in bytes."""

    path: Path
    at: datetime
    size: int
    contents: Contents


@dataclass(frozen=True, slots=True)
class Done:
    """A backup that was made, and how many files went because of it."""

    backup: Backup
    gone: int


def database(config: Config) -> Path:
    """The file that is backed up. Raises NothingToBackUp on PostgreSQL or before there is one, ConfigError if it was
    lost."""
    path = file_of(config.url)
    if path is None:
        raise NothingToBackUp(
            "this server's database is PostgreSQL, which is backed up with its own tools (pg_dump, or pg_basebackup "
            "with an archive of the WAL); docs/backups.md gives the commands"
        )
    if not path.exists() and any(one.exists() for one in (Path(f"{path}.turn"), stage(path), path.parent / ASIDE)):
        raise ConfigError(
            f"the database {path} is gone, and what was beside it is there: put a backup in its place, again if that "
            "was interrupted (threshold-server backups, then threshold-server restore FILE)"
        )
    if not path.exists():
        raise NothingToBackUp(f"there is no database at {path} yet; run threshold-server init first")
    return path


def folder(config: Config) -> Path | None:
    """Where the backups lie: the setting's folder, or else beside the database; None on PostgreSQL."""
    path = file_of(config.url)
    if path is None:
        return None
    return Path(config.backups) if config.backups else path.parent / "backups"


def last_backup(config: Config) -> datetime | None:
    """When the newest backup was begun; None if there is none, or on PostgreSQL."""
    where = folder(config)
    return None if where is None else newest(where)


def newest(where: Path, upto: datetime | None = None) -> datetime | None:
    """The same, of a folder, whatever event it is of; none later than ``upto``, as a clock that was wrong may have made
    it. Looks at names, and at the head of one file."""
    found = sorted(((at, path) for path, at in _named(where)), reverse=True)
    return next((at for at, path in found if (upto is None or at <= upto) and copies.is_copy(path)), None)


def listed(where: Path) -> list[Backup]:
    """The backups in the folder that can be read, of whatever event, the newest first."""
    found = [one for path, at in _named(where) if (one := _read(path, at)) is not None]
    return sorted(found, key=lambda one: one.at, reverse=True)


def unread(where: Path) -> list[Path]:
    """Files that are named like backups and cannot be read as such."""
    return sorted(path for path, at in _named(where) if _read(path, at) is None)


def contents(path: Path) -> Contents:
    """What a database that nobody writes to holds. Raises DiskError if it cannot be read, ConfigError if it is none of
    Threshold's, or without an event."""
    with copies.opened(path) as connection:
        return contents_of(connection, path)


def contents_of(connection: sqlite3.Connection, path: Path) -> Contents:
    """The same, of an open one. ``path``: for the words of an error."""
    tables = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not {"event", "passage", "alembic_version"} <= tables:
        raise ConfigError(f"{path} is not a database of Threshold's server")
    row = connection.execute("SELECT number, epoch, name, era, signing_seed FROM event").fetchone()
    if row is None:
        raise NothingToBackUp(f"{path} holds no event yet; run threshold-server init first")
    # Passages are only ever appended, and one process writes at a time: the last one's number is their count.
    [passages] = connection.execute("SELECT COALESCE(MAX(id), 0) FROM passage").fetchone()
    [number] = connection.execute("PRAGMA user_version").fetchone()
    ended = "(what = 'erased' AND about = 'person') OR (what = 'cut' AND about = 'retention')"
    query = f"SELECT COALESCE(MAX(at), 0) FROM trail WHERE {ended}"  # noqa: S608 - a constant
    [cut] = connection.execute(query).fetchone() if "trail" in tables else (0,)
    key = hashlib.sha256(repr(row[4]).encode()).hexdigest()[:16]
    return Contents((row[0], row[1], key), row[2], row[3], passages, number, cut)


def make(source: Path, where: Path, clock: Callable[[], datetime], space: Space = shutil.disk_usage) -> Done:
    """Makes a backup in the folder, on the disk and checked; then thins out older ones, and those that hold anybody who
    was erased since.

    Raises ConfigError or DiskError, with what was there before untouched. ``space``: the bytes of a folder's disk, in
    all, used and free.
    """
    with _alone(where):
        for left, _ in _named(where, _PART):  # its maker is dead: this process is alone
            left.unlink()
        _check_space(source, where, space)
        at = clock().astimezone(UTC).replace(microsecond=0)
        whole, part = where / name(at), where / f"{name(at)}.part"
        try:
            copies.take(source, part)
            copies.check(part)
            found = contents(part)
            part.replace(whole)
        except NothingToBackUp as error:
            raise NothingToBackUp(str(error).replace(str(part), str(source))) from error
        finally:
            copies.remove(part)
        copies.sync(where)
        gone = _thin(where, at, found) + _clear_aside(source.parent / ASIDE, at, found)
        clear_stage(source)
        return Done(Backup(whole, at, whole.stat().st_size, found), gone)


def name(at: datetime, what: str = "") -> str:
    """The name of a backup that was begun at this instant."""
    return f"threshold-{at.astimezone(UTC):{_STAMP}}{what}.db"


def stage(source: Path) -> Path:
    """The folder beside the database in which a restore makes a copy ready."""
    return source.with_name(f"{source.name}.restoring")


def clear_stage(source: Path) -> None:
    """Throws away what an interrupted restore has left there, names and all, unless one is at it now."""
    if stage(source).is_dir():
        with suppress(ConfigError, OSError), serving(f"sqlite:///{source}"):
            shutil.rmtree(stage(source), ignore_errors=True)


def _thin(where: Path, made: datetime, of: Contents) -> int:
    """Deletes what is not kept of this event's backups, and those whose event cannot be told any more, by their dates;
    how many."""
    found = [(path, at, _read(path, at)) for path, at in _named(where) if copies.is_copy(path)]
    ours = [one for _, at, one in found if one is not None and at != made and one.contents.event == of.event]
    spared = rotation.kept((one.at for one in ours), made, _erased(of))
    old = [one.path for one in ours if one.at not in spared or _may_hold(one.at, made, of, one.contents)]
    damaged = [(path, at) for path, at, one in found if one is None]
    old += [path for path, at in damaged if at < made - rotation.LONGEST or _may_hold(at, made, of, None)]
    for path in old:
        copies.remove(path)
    return len(old)


def _clear_aside(where: Path, now: datetime, of: Contents) -> int:
    """Deletes what a restore has set aside and is too old, but for the last, or may hold somebody who was erased; how
    many files."""
    found: dict[Path, tuple[datetime, list[Path]]] = {}
    for path, at in _named(where, _ASIDE):
        found.setdefault(where / re.sub(r"\.db.*", ".db", path.name), (at, []))[1].append(path)
    newest, too_old = max((at for at, _ in found.values()), default=now), now - rotation.LONGEST
    old = [
        file
        for whole, (at, files) in found.items()
        if at < min(too_old, newest) or _may_hold(at, now, of, _held(whole))
        for file in files
    ]
    for path in old:
        path.unlink()
    return len(old)


def _may_hold(at: datetime, now: datetime, of: Contents, held: Contents | None) -> bool:
    """Whether a copy from then may hold somebody who was erased from this event. It does if it knows of fewer erasures,
    whatever its date says; one that cannot be read (None) is judged by its date, and is no use with one to come."""
    cut = _erased(of)
    if cut is None or (held is not None and held.event != of.event):
        return False
    return at <= cut or (at > now if held is None else held.cut < of.cut)


def _held(path: Path) -> Contents | None:
    """What a copy holds; None if that cannot be read."""
    try:
        return contents(path)
    except (ConfigError, DiskError, OSError):
        return None


def _read(path: Path, at: datetime) -> Backup | None:
    held = _held(path) if copies.is_copy(path) else None
    return None if held is None else Backup(path, at, path.stat().st_size, held)


def _named(where: Path, pattern: re.Pattern[str] = _NAME) -> Iterator[tuple[Path, datetime]]:
    """The files whose names are ours, and the instants in them; no links, nor folders."""
    for path in where.iterdir() if where.is_dir() else ():
        if (found := pattern.fullmatch(path.name)) and path.is_file() and not path.is_symlink():
            with suppress(ValueError):  # digits that are no date: not ours
                yield path, datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC)


def _erased(of: Contents) -> datetime | None:
    """Whatever was begun up to this instant may hold somebody who was erased since."""
    return from_ms(of.cut) + SLACK if of.cut else None


def _check_space(source: Path, where: Path, space: Space) -> None:
    needed = sum(path.stat().st_size for path in (source, Path(f"{source}-wal")) if path.exists())
    free = space(where)[2]
    if free < needed + RESERVE:
        raise DiskError(
            f"no backup was made: it needs {needed // 10**6} MB in {where}, where {free // 10**6} MB are free and "
            f"{RESERVE // 10**6} MB have to stay so for the passages; make room, or set backups to another disk"
        )


@contextmanager
def _alone(where: Path) -> Iterator[None]:
    """While no other process makes a backup in the folder; one that does is waited for."""
    handle = os.open(where / ".turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def ready(where: Path, *, ours: bool) -> None:
    """The folder is there. ``ours``: it may be made; another that is missing is a disk that is not mounted, and what
    were written then would lie on the wrong one. Raises ConfigError."""
    if ours:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not where.is_dir():
        raise ConfigError(f"the folder for backups, {where}, is not there; is its disk mounted? Or make the folder")
