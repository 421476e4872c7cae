"""Imports people, rooms, sessions, gates and rights: all or nothing, every problem said at once, again as an update.

Rows that a new file no longer has are kept: leaving somebody out of a list is not a way to delete them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from admission.errors import ConfigError
from admission.venue import CATEGORIES, default_reserve
from server import badges, columns, event
from server.badges import Random
from server.checks import broken, check
from server.columns import EVERYONE, FILES, INVITED, search_text
from server.sheet import Problem, Row, read
from server.store import schema, versions
from server.store.instants import to_ms

DOORS_OPEN = 30


class ImportRefused(ConfigError):
    """Nothing was imported; ``problems`` says all that has to be corrected."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"nothing was imported; {len(problems)} to correct:\n{lines}")


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows of each file were new and how many changed, and whose badges no longer say what they should."""

    added: Mapping[str, int]
    changed: Mapping[str, int]
    reprint: tuple[str, ...]


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of the folder that an import knows, by kind. Raises ConfigError if there is none."""
    files = {kind: folder / f"{kind}.csv" for kind in FILES}
    found = {kind: path.read_bytes() for kind, path in files.items() if path.is_file()}
    if not found:
        raise ConfigError(f"{folder} holds none of: {', '.join(path.name for path in files.values())}")
    return found


def run(connection: Connection, files: Mapping[str, bytes], random: Random) -> Imported:
    """Imports the files ({"people": bytes, ...}) in this transaction.

    Raises ImportRefused with every problem of every file; then nothing was written.
    """
    kinds = columns.columns(event.read(connection).zone)
    sheets: dict[str, list[Row]] = {}
    problems: list[Problem] = []
    for kind in FILES:
        if kind in files:
            sheets[kind], found = read(f"{kind}.csv", files[kind], kinds[kind])
            problems += found
    known = {kind: _known(connection, kind) for kind in FILES}
    problems += check(sheets, known, broken(problems))
    if problems:
        order = [f"{kind}.csv" for kind in FILES]
        raise ImportRefused(sorted(problems, key=lambda p: (order.index(p.file), p.line)))
    return _write(connection, sheets, random)


def _write(connection: Connection, sheets: Mapping[str, list[Row]], random: Random) -> Imported:
    before = {row.ref: row for row in connection.execute(select(schema.person))}
    added, changed = {}, {}
    for kind in FILES:
        if kind in sheets:
            added[kind], changed[kind] = _WRITERS[kind](connection, [row.values for row in sheets[kind]])
    after = {row.ref: row for row in connection.execute(select(schema.person))}
    corrected = [row for ref, row in after.items() if ref in before and row != before[ref]]
    renamed = [row.id for row in corrected if (row.name, row.language) != _spoken(before[row.ref])]
    badges.seal_again(connection, renamed, random)
    rights = [row for row in corrected if (row.category, row.zones) != _rights(before[row.ref])]
    live = set(connection.execute(select(schema.badge.c.person).where(schema.badge.c.revoked.is_(None))).scalars())
    versions.bump(connection, versions.PROGRAMME)
    versions.bump(connection, versions.BADGES)  # the lists of sessions travel with the badges
    return Imported(added, changed, tuple(row.ref for row in rights if row.id in live))


def _spoken(row: Any) -> tuple[str, str]:
    return row.name, row.language


def _rights(row: Any) -> tuple[int, int]:
    return row.category, row.zones


def _known(connection: Connection, kind: str) -> dict[str, Mapping[str, Any]]:
    table, key = _KEYS[kind]
    if kind == "rights":
        return {}
    return {row[key]: dict(row) for row in connection.execute(select(table)).mappings()}


def _upsert(
    connection: Connection, table: Table, keys: Sequence[str], rows: Sequence[dict[str, Any]]
) -> tuple[int, int]:
    """(new, changed): inserts what is new, updates what differs."""
    fields = [*keys, *(name for name in rows[0] if name not in keys)] if rows else [*keys]
    held = {
        tuple(row[key] for key in keys): dict(row)
        for row in connection.execute(select(*(table.c[name] for name in fields))).mappings()
    }
    fresh = [row for row in rows if tuple(row[key] for key in keys) not in held]
    stale = [row for row in rows if held.get(tuple(row[key] for key in keys), row) != row]
    if fresh:
        connection.execute(insert(table), fresh)
    if stale:
        where = [table.c[key] == bindparam(f"key_{key}") for key in keys]
        change = update(table).where(*where).values({n: bindparam(f"new_{n}") for n in rows[0] if n not in keys})
        connection.execute(
            change, [{(f"key_{n}" if n in keys else f"new_{n}"): v for n, v in r.items()} for r in stale]
        )
    return len(fresh), len(stale)


def _categories(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    codes = {row.slug: row.code for row in connection.execute(select(schema.category))}
    spare = iter(sorted(set(range(CATEGORIES)) - set(codes.values())))
    out = []
    for row in rows:
        code = codes[row["category"]] if row["category"] in codes else next(spare)
        out.append({"code": code, "slug": row["category"], "name": row["name"], "colour": row["colour"]})
    return _upsert(connection, schema.category, ["code"], out)


def _rooms(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    out = []
    for position, row in enumerate(rows):
        reserve = default_reserve(row["limit"]) if row["reserve"] is None else row["reserve"]
        values = {"name": row["name"], "inside": row["inside"], "limit": row["limit"]}
        out.append({"id": row["room"], **values, "reserve": reserve, "exits": row["exits"], "position": position})
    counts = _upsert(connection, schema.room, ["id"], out)
    books = set(connection.execute(select(schema.book.c.room)).scalars())
    fresh = [{"room": row["id"], "recount": 0, "closed": 0} for row in out if row["id"] not in books]
    if fresh:
        connection.execute(insert(schema.book), fresh)
    return counts


def _gates(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    out = [
        {"id": r["gate"], "name": r["name"], "room": r["room"], "outside": r["from"], "direction": r["direction"]}
        for r in rows
    ]
    return _upsert(connection, schema.gate, ["id"], out)


def _sessions(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    codes = {row.slug: row.code for row in connection.execute(select(schema.category))}
    out = []
    for row in rows:
        doors = timedelta(minutes=DOORS_OPEN if row["doors_open"] is None else row["doors_open"])
        closes = row["ends"] if row["doors_close"] is None else row["starts"] + timedelta(minutes=row["doors_close"])
        everyone = EVERYONE in row["who"]
        mask = (1 << CATEGORIES) - 1 if everyone else sum(1 << codes[w] for w in set(row["who"]) - {INVITED})
        out.append(
            {
                "id": row["session"],
                "title": row["title"],
                "theme": row["theme"],
                "room": row["room"],
                "starts": to_ms(row["starts"]),
                "ends": to_ms(row["ends"]),
                "doors_open": to_ms(row["starts"] - doors),
                "doors_close": to_ms(closes),
                "capacity": row["capacity"],
                "categories": mask,
                "zones": row["zones"],
                "invited": mask == 0,
            }
        )
    return _upsert(connection, schema.session, ["id"], out)


def _people(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    codes = {row.slug: row.code for row in connection.execute(select(schema.category))}
    out = []
    for row in rows:
        values = {"name": row["name"], "organisation": row["organisation"], "delegation": row["delegation"]}
        rights = {"category": codes[row["category"]], "zones": row["zones"], "language": row["language"]}
        search = {
            "search": search_text(row["name"], row["person"]),
            "search_of": search_text(row["organisation"], row["delegation"]),
        }
        out.append({"ref": row["person"], **values, **rights, **search})
    return _upsert(connection, schema.person, ["ref"], out)


def _listings(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    ids = {row.ref: row.id for row in connection.execute(select(schema.person.c.ref, schema.person.c.id))}
    out = [{"session": row["session"], "person": ids[row["person"]], "may": row["may"]} for row in rows]
    return _upsert(connection, schema.listing, ["session", "person"], out)


_KEYS: Mapping[str, tuple[Table, str]] = {
    "categories": (schema.category, "slug"),
    "rooms": (schema.room, "id"),
    "gates": (schema.gate, "id"),
    "sessions": (schema.session, "id"),
    "people": (schema.person, "ref"),
    "rights": (schema.listing, "session"),
}
_WRITERS: Mapping[str, Callable[[Connection, Sequence[Mapping[str, Any]]], tuple[int, int]]] = {
    "categories": _categories,
    "rooms": _rooms,
    "gates": _gates,
    "sessions": _sessions,
    "people": _people,
    "rights": _listings,
}
