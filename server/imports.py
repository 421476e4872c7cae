"""Imports people, rooms, sessions, gates and rights: all or nothing, every problem said at once, again as an update.

What will change can be looked at before (``look``) and is then written exactly so, or not at all (``run`` with the
preview's mark). Rows that a new file no longer has are kept: leaving somebody out of a list is no way to delete them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from admission.errors import ConfigError
from server import badges, columns, counting, event
from server.badges import Random
from server.checks import broken, check
from server.columns import FILES
from server.phrase import marked as _
from server.phrase import phrase
from server.sheet import Problem, Row, read
from server.store import schema, versions
from server.wanted import KEYS, Difference, Values, differences

Sheets = Mapping[str, list[Row]]


class ImportRefused(ConfigError):
    """Nothing was imported; ``problems`` says all that has to be corrected."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(phrase("nothing was imported; {count} to correct:\n{lines}", count=len(problems), lines=lines))


class Moved(ConfigError):
    """Nothing was imported: the database is no longer what it was when the import was looked at."""


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows of each file were new and how many changed, and whose badges no longer say what they should."""

    added: Mapping[str, int]
    changed: Mapping[str, int]
    reprint: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would do: how each file differs, whose badges would have to be printed again, and a mark that is
    another one as soon as any of this is. ``problems``: what has to be corrected first; nothing else is known then."""

    problems: tuple[Problem, ...]
    files: Mapping[str, Difference]
    reprint: tuple[str, ...]
    mark: str

    @property
    def empty(self) -> bool:
        """Whether there is nothing to import."""
        return not any(one.added or one.changed for one in self.files.values())


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of the folder that an import knows, by kind. Raises ConfigError if there is none."""
    files = {kind: folder / f"{kind}.csv" for kind in FILES}
    found = {kind: path.read_bytes() for kind, path in files.items() if path.is_file()}
    if not found:
        raise ConfigError(f"{folder} holds none of: {', '.join(path.name for path in files.values())}")
    return found


def kind_of(name: str, raw: bytes) -> str | None:
    """Which of the tables a file is: by its name, else by the columns that its first line names; None if neither
    says."""
    stem = name.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".csv")
    if stem in FILES:
        return stem
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    header = raw[:4000].decode(encoding, "ignore").splitlines()[:1]
    cells = {
        cell.strip(' "').lower() for line in header for cell in line.replace(";", ",").replace("\t", ",").split(",")
    }
    for kind, known in columns.columns(columns.ANY_ZONE).items():
        if {one.name for one in known if one.required} <= cells <= {one.name for one in known} | {""}:
            return kind
    return None


def look(connection: Connection, files: Mapping[str, bytes]) -> Preview:
    """What ``run`` would do with these files now. Writes nothing."""
    sheets, problems = _read(connection, files)
    if problems:
        return Preview(tuple(problems), {}, (), "")
    found = differences(connection, sheets)
    return Preview((), found, _stale_badges(connection, found), _mark(found))


def run(connection: Connection, files: Mapping[str, bytes], random: Random, mark: str | None = None) -> Imported:
    """Imports the files ({"people": bytes, ...}) in this transaction. ``mark``: that of the preview it has to equal.

    Raises ImportRefused with every problem of every file, Moved if the preview would be another one now; then nothing
    was written.
    """
    sheets, problems = _read(connection, files)
    if problems:
        raise ImportRefused(problems)
    found = differences(connection, sheets)
    if mark is not None and mark != _mark(found):
        raise Moved(phrase("something was changed since you looked at this; look again at what will change"))
    stale = _stale_badges(connection, found)
    for kind in FILES:
        if kind in found:
            _WRITERS.get(kind, _write)(connection, kind, found[kind])
    _seal_renamed(connection, found, random)
    versions.bump(connection, versions.PROGRAMME)
    versions.bump(connection, versions.BADGES)  # the lists of sessions travel with the badges
    counts = {kind: (len(one.added), len(one.changed)) for kind, one in found.items()}
    return Imported({k: n for k, (n, _) in counts.items()}, {k: n for k, (_, n) in counts.items()}, stale)


def _read(connection: Connection, files: Mapping[str, bytes]) -> tuple[Sheets, list[Problem]]:
    """The rows of the files, and every problem in the order of files and lines."""
    kinds = columns.columns(event.read(connection).zone)
    sheets: dict[str, list[Row]] = {}
    problems: list[Problem] = []
    for kind in FILES:
        if kind in files:
            sheets[kind], found = read(f"{kind}.csv", files[kind], kinds[kind])
            problems += found
    known = {kind: _known(connection, kind) for kind in FILES}
    problems += check(sheets, known, broken(problems))
    sheets |= {"rooms": _with_reserves(sheets["rooms"], known["rooms"])} if "rooms" in sheets else {}
    problems += _frozen(connection, sheets, known)
    order = [f"{kind}.csv" for kind in FILES]
    return sheets, sorted(problems, key=lambda p: (order.index(p.file), p.line))


def _with_reserves(rows: list[Row], known: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """A reserve that a file does not name stays as it is, where the limit does."""
    out = []
    for row in rows:
        was, values = known.get(row.values.get("room", "")), row.values
        if was is not None and values.get("reserve") is None and values.get("limit") == was["limit"]:
            values = {**values, "reserve": was["reserve"]}
        out.append(Row(row.line, values))
    return out


def _frozen(connection: Connection, sheets: Sheets, known: Mapping[str, Mapping[str, Any]]) -> list[Problem]:
    """What of a room can no longer be changed by a file once people have been counted there: its count rests on it."""
    found = []
    for row in sheets.get("rooms", []):
        was = known["rooms"].get(row.values.get("room", ""))
        if was is None or "exits" not in row.values or not counting.has_counted(connection, was["id"]):
            continue
        if row.values["exits"] != was["exits"]:
            what = phrase("people have been counted here already: what an exit proves can no longer be changed")
            found.append(Problem("rooms.csv", row.line, "exits", what))
        wanted = {name: row.values.get(name) for name in ("limit", "reserve")}
        for name in [name for name in wanted if was["limit"] is not None and wanted[name] != was[name]]:
            said = _("is {was} now; with people counted here only the act “Change a room's limit” changes it")
            what = phrase(said, was=was[name])
            found.append(Problem("rooms.csv", row.line, name, what))
    return found


def _known(connection: Connection, kind: str) -> dict[str, Mapping[str, Any]]:
    if kind == "rights":
        return {}
    table = KEYS[kind][0]
    key = {"categories": "slug", "people": "ref"}.get(kind, "id")
    return {row[key]: dict(row) for row in connection.execute(select(table)).mappings()}


def _mark(found: Mapping[str, Difference]) -> str:
    parts = [(kind, list(one.added.items()), list(one.changed.items())) for kind, one in sorted(found.items())]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _stale_badges(connection: Connection, found: Mapping[str, Difference]) -> tuple[str, ...]:
    """The people who have a live badge and of whom category or zones, which are signed into it, change."""
    changed = found["people"].changed if "people" in found else {}
    signed = [key[0] for key, (was, now) in changed.items() if any(was[n] != now[n] for n in ("category", "zones"))]
    if not signed:
        return ()
    live = select(schema.person.c.ref).join(schema.badge, schema.badge.c.person == schema.person.c.id)
    holders = set(connection.execute(live.where(schema.badge.c.revoked.is_(None))).scalars())
    return tuple(ref for ref in signed if ref in holders)


def _seal_renamed(connection: Connection, found: Mapping[str, Difference], random: Random) -> None:
    changed = found["people"].changed if "people" in found else {}
    spoken = [key[0] for key, (was, now) in changed.items() if any(was[n] != now[n] for n in ("name", "language"))]
    if spoken:
        ids = dict(connection.execute(select(schema.person.c.ref, schema.person.c.id)).all())
        for start in range(0, len(spoken), badges.FEW):
            badges.seal_again(connection, [ids[ref] for ref in spoken[start : start + badges.FEW]], random)


def _write(connection: Connection, kind: str, found: Difference) -> None:
    """Inserts what is new, updates what differs; a row that can be edited gets a new edition."""
    table, keys = KEYS[kind]
    if found.added:
        connection.execute(insert(table), [dict(row) for row in found.added.values()])
    if found.changed:
        rows = [now for _, now in found.changed.values()]
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in rows[0] if name not in keys}
        edition = {"edition": table.c.edition + 1} if "edition" in table.c else {}
        change = update(table).where(*(table.c[key] == bindparam(f"key_{key}") for key in keys))
        bound = [{(f"key_{n}" if n in keys else f"new_{n}"): v for n, v in row.items()} for row in rows]
        connection.execute(change.values(**values, **edition), bound)


def _write_rooms(connection: Connection, kind: str, found: Difference) -> None:
    _write(connection, kind, found)
    books = set(connection.execute(select(schema.book.c.room)).scalars())
    fresh = [{"room": key[0], "recount": 0, "closed": 0} for key in found.added if key[0] not in books]
    if fresh:
        connection.execute(insert(schema.book), fresh)


def _write_rights(connection: Connection, kind: str, found: Difference) -> None:
    ids = dict(connection.execute(select(schema.person.c.ref, schema.person.c.id)).all())

    def numbered(row: Values) -> Values:
        return {**row, "person": ids[row["person"]]}

    added = {key: numbered(row) for key, row in found.added.items()}
    changed = {key: (was, numbered(now)) for key, (was, now) in found.changed.items()}
    _write(connection, kind, Difference(added, changed, found.unchanged, found.kept))


_WRITERS: Mapping[str, Callable[[Connection, str, Difference], None]] = {
    "rooms": _write_rooms,
    "rights": _write_rights,
}
