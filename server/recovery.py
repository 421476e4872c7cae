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
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, select

from admission.errors import ConfigError, DiskError
from server import backup, erasure, restore, trail
from server.backup import Contents
from server.store import copies
from server.store.engine import Turn, migrate, transaction
from server.store.instants import from_ms, to_ms
from server.store.schema import badge, person
from server.store.serving import alone
from server.trail import Who

T = TypeVar("T")
WHO = Who("the command line")
WHY = "erased before, and back with a backup"
UNKNOWN = "erased before; the backup that was put back does not know them"
RESERVE = 20_000_000
"""Bytes that are free besides what a restore writes: it ends with a commit, or has not begun."""
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR}


@dataclass(frozen=True, slots=True)
class Erased:
    """Somebody who was erased: when (ms), what stands for them ("" in the trail of an older version), the serials of
    their badges."""

    at: int
    trace: str
    serials: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Present:
    """The database that is replaced. ``broken``: it is damaged, or only its WAL is left; what of it can be read still
    counts. ``number``: of its last commit."""

    there: bool
    broken: bool = False
    contents: Contents | None = None
    number: int = 0
    erased: Sequence[Erased] = ()


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


def put_back(
    path: Path,
    file: Path,
    clock: Callable[[], datetime],
    *,
    other_event: bool = False,
    space: backup.Space = shutil.disk_usage,
) -> Restored:
    """Puts the backup ``file`` in the place of the database at ``path`` and begins a new era. No server may run.

    Raises ConfigError (a server runs; no database of Threshold's, or of another event) or DiskError (damaged, no room),
    with the database as it was. ``other_event``: another event's may be replaced; ``space``: see backup.make.
    """
    if not file.is_file():
        raise ConfigError(f"there is no file {file}")
    with alone(path), _turn(path) as turn, _stage(path) as stage:
        _check_space(path, file, space)
        whole = stage / path.name
        found = _copy(file, whole)
        before = _look(path)
        if not other_event and before.contents is not None and before.contents.event != found.event:
            raise ConfigError(
                f"{file} is of event {found.event[0]} ({found.name}), the database of event "
                f"{before.contents.event[0]} ({before.contents.name}); to replace that: --other-event"
            )
        number = max(turn.number(), before.number, found.number) + 1
        restored = _prepare(whole, found, _known(turn, before, found, (*_beside(path), file.parent)), clock())
        copies.present(whole, number)
        aside = _set_aside(path, before, clock())
        copies.put(whole, path)
        turn.note(number)
        turn.note_era(restored.era)
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
    """What is there. Raises DiskError if that cannot be known now: somebody has locked it, or it may not be read.

    Nothing is written, not even when it is closed: a damaged one is set aside as it is, with its WAL.
    """
    if not path.exists():
        left = any(Path(f"{path}{suffix}").exists() for suffix in copies.BESIDE)
        return Present(there=left, broken=left)
    try:
        opened = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise DiskError(f"{path} could not be looked at: {error}; nothing was changed") from error
    with closing(opened) as connection:
        whole = _whatever(
            lambda: connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok", path, otherwise=False
        )
        found = _whatever(lambda: backup.contents_of(connection, path), path, otherwise=None)
        erased: list[Erased] = []  # as far as they can be read
        _whatever(lambda: erased.extend(_erased(connection)), path, otherwise=None)
    return Present(True, not whole, found, found.number if found is not None else 0, erased)


def _whatever(read: Callable[[], T], path: Path, otherwise: T) -> T:
    """What can be read of a database that may be damaged, or have none of the tables. Raises DiskError if it is whole,
    for all that is known, and cannot be read now."""
    try:
        return read()
    except ConfigError:  # a database, but none with an event
        return otherwise
    except sqlite3.Error as error:
        kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if kind not in _BROKEN | {sqlite3.SQLITE_ERROR}:
            raise DiskError(f"{path} could not be looked at: {error}; nothing was changed") from error
        return otherwise


def _erased(connection: sqlite3.Connection) -> Iterator[Erased]:
    """Whoever was erased; nobody in a database that is too old to have a trail."""
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'trail'").fetchone() is None:
        return
    for at, text in connection.execute("SELECT at, facts FROM trail WHERE what = 'erased' AND about = 'person'"):
        with suppress(ValueError, TypeError):  # a row that is damaged
            facts = json.loads(text)
            yield Erased(int(at), str(facts.get("trace", "")), tuple(int(one) for one in facts.get("badges", ())))


def _beside(path: Path) -> tuple[Path, Path]:
    """Where copies of the database lie, if nothing else was set."""
    return path.parent / "backups", path.parent / backup.ASIDE


def _known(turn: Turn, before: Present, found: Contents, folders: Sequence[Path]) -> tuple[int, Sequence[Erased]]:
    """The last era that is known of the backup's event, and whoever was erased from it: from the database that is
    there, what was noted beside it, and all copies in these folders, for it may not be readable."""
    was = before.contents
    same = was is not None and was.event == found.event
    eras = [turn.era(), was.era if was is not None else 0]
    erased = [one for one in before.erased if same or one.trace]
    for folder in set(folders):
        with suppress(OSError):  # a disk that fails is no reason not to restore
            for one in backup.listed(folder):
                if one.contents.event == found.event:
                    eras.append(one.contents.era)
                    with suppress(DiskError), copies.opened(one.path) as connection:
                        erased.extend(_erased(connection))
    return max(eras), erased


def _prepare(whole: Path, found: Contents, known: tuple[int, Sequence[Erased]], now: datetime) -> Restored:
    """Brings the copy's tables up to date, erases again whom others know to be erased, and begins the era."""
    url = f"sqlite:///{whole}"
    with copies.opened(whole) as plain:
        done = list(_erased(plain))
    migrate(url)
    with transaction(url) as connection:
        again = _erase_again(connection, known[1], done)
        facts = {"noticed": "restored by command", "passages": found.passages}
        era = restore.raise_era(connection, known[0], to_ms(now), facts)
        waits = restore.awaited(connection, era)
        return Restored(found, era, None, again, waits, restore.closed_rooms(connection))


def _erase_again(connection: Connection, known: Sequence[Erased], done: Sequence[Erased]) -> int:
    """Erases those people, as of when they were erased before, unless the copy has been through it; how many."""
    new = [one for one in dict.fromkeys(known) if one not in done]
    found = _by_trace(connection, new, done) | _by_serial(connection, new)
    for ref, at in sorted(found.items()):
        erasure.erase(connection, ref, ref, WHY, WHO, from_ms(at))
    trace = erasure.tracer(connection)
    told = {(one.trace, one.at) for one in done} | {(trace(ref), at) for ref, at in found.items()}
    _tell(connection, {(one.trace, one.at): one for one in new if one.trace and (one.trace, one.at) not in told})
    return len(found)


def _tell(connection: Connection, those: Mapping[tuple[str, int], Erased]) -> None:
    """Says in the trail of whom the copy does not know that they were erased: others may, and are put back one day."""
    for one in those.values():
        mark = f"badge {one.serials[-1]}" if one.serials else "cut"
        facts = {"badges": list(one.serials), "trace": one.trace, "reason": UNKNOWN}
        trail.note(connection, WHO, one.at, "erased", "person", mark, facts)


def _by_trace(connection: Connection, known: Sequence[Erased], done: Sequence[Erased]) -> dict[str, int]:
    """Who they are, and when they were last erased. Whoever was entered again after that is somebody else."""
    last, past = ({one.trace: one.at for one in sorted(those, key=lambda it: it.at)} for those in (known, done))
    trace = erasure.tracer(connection)
    refs = connection.execute(select(person.c.ref)).scalars().all() if last else ()
    traces = {ref: trace(ref) for ref in refs}
    return {ref: last[it] for ref, it in traces.items() if last.get(it, 0) > past.get(it, 0)}


def _by_serial(connection: Connection, known: Sequence[Erased]) -> dict[str, int]:
    """The same, from trails of an older version: whoever held the badge by then. A serial may have come again since."""
    times = {serial: one.at for one in known if not one.trace for serial in one.serials}
    serials, found = sorted(times), dict[str, int]()
    query = select(person.c.ref, badge.c.serial, badge.c.issued).join(badge, badge.c.person == person.c.id)
    for first in range(0, len(serials), 500):
        for row in connection.execute(query.where(badge.c.serial.in_(serials[first : first + 500]))):
            if row.issued <= times[row.serial]:
                found[row.ref] = times[row.serial]
    return found


def _check_space(path: Path, file: Path, space: backup.Space) -> None:
    """Raises DiskError unless there is room for the copy, and if there is a database, for what is set aside and for
    writing the one over the other, which takes the copy's size twice more."""
    sizes = [[Path(f"{it}{end}") for end in ("", "-wal")] for it in (file, path)]
    new, old = (sum(one.stat().st_size for one in those if one.exists()) for those in sizes)
    needed, free = (3 * new + old if path.exists() else new) + RESERVE, space(path.parent)[2]
    if free < needed:
        raise DiskError(
            f"nothing was restored: it needs {needed // 10**6} MB in {path.parent}, where {free // 10**6} MB are free; "
            "make room, and try again"
        )


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
    folder = backup.stage(path)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
