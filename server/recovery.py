"""A backup in the place of the server's database: checked, brought up to date, put there whole, the era raised with it.

All is done to a copy of the backup beside the database; putting that in its place is one transaction, or one renaming.
So an interruption leaves either the database as it was, or the restored one in its new era (S3): no kiosk is ever heard
by an older state that does not know that it is one. What is replaced is set aside, never deleted here.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select

from admission.errors import ConfigError, DiskError
from server import backup, erasure, restore
from server.backup import Contents
from server.store import copies
from server.store.engine import Turn, migrate, transaction
from server.store.instants import from_ms, to_ms
from server.store.schema import badge, person
from server.store.serving import alone
from server.trail import Who

WHO = Who("the command line")
WHY = "erased before, and back with a backup"
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR}


@dataclass(frozen=True, slots=True)
class Present:
    """The database that is replaced. ``broken``: it cannot be read, or only its WAL is left; ``erased``: the serials of
    badges of people who were erased in it, and when (ms)."""

    there: bool
    broken: bool = False
    contents: Contents | None = None
    number: int = 0
    erased: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put in place: the backup's contents, the era that has begun, where the replaced database lies (None:
    there was none), how many people were erased once more, and the kiosks and rooms that have to be heard of."""

    contents: Contents
    era: int
    aside: Path | None
    erased: int
    kiosks: Sequence[str]
    rooms: Sequence[str]


def put_back(path: Path, file: Path, clock: Callable[[], datetime], *, other_event: bool = False) -> Restored:
    """Puts the backup ``file`` in the place of the database at ``path`` and begins a new era. No server may run.

    Raises ConfigError (a server runs; no database of Threshold's, or of another event) or DiskError (damaged, no room),
    with the database as it was. ``other_event``: another event's may be replaced.
    """
    if not file.is_file():
        raise ConfigError(f"there is no file {file}")
    with alone(path), _turn(path) as turn, _stage(path) as stage:
        whole = stage / path.name
        found = _copy(file, whole)
        before = _look(path)
        if not other_event and before.contents is not None and before.contents.event != found.event:
            raise ConfigError(
                f"{file} is of event {found.event[0]} ({found.name}), the database of event "
                f"{before.contents.event[0]} ({before.contents.name}); to replace that: --other-event"
            )
        number = max(turn.number(), before.number, found.number) + 1
        restored = _prepare(whole, before, found, clock())
        copies.present(whole, number)
        aside = _set_aside(path, before, clock())
        copies.put(whole, path)
        turn.note(number)
    return replace(restored, aside=aside)


def _copy(file: Path, whole: Path) -> Contents:
    """A copy of the file, with what may lie beside it, to work on; what it holds. Raises DiskError or ConfigError."""
    for suffix in ("", "-wal"):
        if (source := Path(f"{file}{suffix}")).exists():
            shutil.copyfile(source, f"{whole}{suffix}")
    try:
        with closing(sqlite3.connect(whole)) as connection:  # takes in what is beside it, and makes one file of it
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise DiskError(f"{file} is damaged, or no database: {error}") from error
    try:
        copies.check(whole, thoroughly=True)
        return backup.contents(whole)
    except (ConfigError, DiskError) as error:
        raise type(error)(str(error).replace(str(whole), str(file))) from error


def _look(path: Path) -> Present:
    """What is there. Raises DiskError if that cannot be known now: somebody has locked it, or it may not be read."""
    if not path.exists():
        left = any(Path(f"{path}{suffix}").exists() for suffix in copies.BESIDE)
        return Present(there=left, broken=left)
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_autocheckpoint=0")
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                return Present(there=True, broken=True)
            try:
                found = backup.contents_of(connection, path)
            except ConfigError:  # a database, but none with an event
                return Present(there=True)
            return Present(True, False, found, found.number, dict(_erased(connection)))
    except sqlite3.Error as error:
        kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if kind not in _BROKEN | {sqlite3.SQLITE_ERROR}:
            raise DiskError(f"{path} could not be looked at: {error}; nothing was changed") from error
        return Present(there=True, broken=kind in _BROKEN)


def _erased(connection: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    """The badges of whoever was erased, and when; none from a database that is too old to have a trail."""
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'trail'").fetchone() is None:
        return
    for at, facts in connection.execute("SELECT at, facts FROM trail WHERE what = 'erased' AND about = 'person'"):
        yield from ((int(serial), int(at)) for serial in json.loads(facts).get("badges", ()))


def _prepare(whole: Path, before: Present, found: Contents, now: datetime) -> Restored:
    """Brings the copy's tables up to date, erases again whom the present database has erased, and begins the era."""
    url = f"sqlite:///{whole}"
    migrate(url)
    with transaction(url) as connection:
        again = _erase_again(connection, before.erased)
        known = before.contents.era if before.contents is not None else 0
        facts = {"noticed": "restored by command", "passages": found.passages}
        era = restore.raise_era(connection, known, to_ms(now), facts)
        waits = restore.awaited(connection, era)
        return Restored(found, era, None, again, waits, restore.closed_rooms(connection))


def _erase_again(connection: Connection, erased: Mapping[int, int]) -> int:
    """Erases the people who hold these badges, as of when they were erased before; how many."""
    serials, found = sorted(erased), dict[str, int]()
    query = select(person.c.ref, badge.c.serial).join(badge, badge.c.person == person.c.id)
    for first in range(0, len(serials), 500):
        for row in connection.execute(query.where(badge.c.serial.in_(serials[first : first + 500]))):
            found[row.ref] = erased[row.serial]
    for ref, at in sorted(found.items()):
        erasure.erase(connection, ref, ref, WHY, WHO, from_ms(at))
    return len(found)


def _set_aside(path: Path, before: Present, now: datetime) -> Path | None:
    """Keeps what will be replaced: a copy of it, or the files themselves where it cannot be read."""
    if not before.there:
        return None
    folder = path.parent / backup.ASIDE
    folder.mkdir(mode=0o700, exist_ok=True)
    if before.broken:
        aside = folder / backup.name(now, "-broken")
        copies.move(path, aside)
        return aside
    aside = folder / backup.name(now)
    part = folder / f"{aside.name}.part"
    copies.remove(part)
    copies.take(path, part, nullcontext())  # it is our turn
    part.replace(aside)
    copies.sync(folder)
    return aside


@contextmanager
def _turn(path: Path) -> Iterator[Turn]:
    """Nobody else writes to the database meanwhile: commands of an admin wait, and then find the restored one."""
    turn = Turn(path)
    with closing(turn), turn:
        yield turn


@contextmanager
def _stage(path: Path) -> Iterator[Path]:
    """A folder in which the copy is made ready; what an interrupted restore has left in it is thrown away."""
    folder = path.with_name(f"{path.name}.restoring")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
