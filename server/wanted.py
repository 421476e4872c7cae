"""What the tables are to hold after an import: the rows that the files ask for, and how they differ from what is there.

Only reads. A person is named by their reference here, because somebody new has no number yet. Must not know who asks:
the preview shows the difference, the import writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Table, select

from admission.venue import CATEGORIES, default_reserve
from server.columns import EVERYONE, INVITED, search_text
from server.sheet import Row
from server.store import schema
from server.store.instants import to_ms

DOORS_OPEN = 30
Values = Mapping[str, Any]
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """How one file differs from its table. ``changed``: (as it is, as it is to be) by key; ``kept``: rows without one
    in the file."""

    added: Mapping[Key, Values]
    changed: Mapping[Key, tuple[Values, Values]]
    unchanged: int
    kept: tuple[Key, ...]


def differences(connection: Connection, sheets: Mapping[str, Sequence[Row]]) -> dict[str, Difference]:
    """How these sheets, which were checked, differ from the tables, kind by kind."""
    codes = _codes(connection, [row.values for row in sheets.get("categories", ())])
    wanted = {kind: _ROWS[kind]([row.values for row in rows], codes) for kind, rows in sheets.items()}
    return {kind: _compare(kind, rows, _held(connection, kind)) for kind, rows in wanted.items()}


def _compare(kind: str, wanted: Sequence[Values], held: Mapping[Key, Values]) -> Difference:
    keys = KEYS[kind][1]
    added: dict[Key, Values] = {}
    changed: dict[Key, tuple[Values, Values]] = {}
    seen = set()
    for row in wanted:
        key = tuple(row[name] for name in keys)
        seen.add(key)
        known = held.get(key)
        if known is None:
            added[key] = row
        elif (was := {name: known[name] for name in row}) != row:
            changed[key] = (was, row)
    kept = tuple(key for key in held if key not in seen)
    return Difference(added, changed, len(wanted) - len(added) - len(changed), kept)


def _held(connection: Connection, kind: str) -> dict[Key, Values]:
    table, keys = KEYS[kind]
    query = select(table)
    if kind == "rights":
        person = schema.person
        query = select(table.c.session, person.c.ref.label("person"), table.c.may)
        query = query.join(person, person.c.id == table.c.person)
    return {tuple(row[key] for key in keys): dict(row) for row in connection.execute(query).mappings()}


def _codes(connection: Connection, rows: Sequence[Values]) -> dict[str, int]:
    """The code of each category by its slug; new ones get those that are free, in order."""
    codes = {row.slug: row.code for row in connection.execute(select(schema.category))}
    spare = iter(sorted(set(range(CATEGORIES)) - set(codes.values())))
    return codes | {row["category"]: next(spare) for row in rows if row["category"] not in codes}


def _categories(rows: Sequence[Values], codes: Mapping[str, int]) -> list[Values]:
    return [
        {"code": codes[row["category"]], "slug": row["category"], "name": row["name"], "colour": row["colour"]}
        for row in rows
    ]


def _rooms(rows: Sequence[Values], _codes: Mapping[str, int]) -> list[Values]:
    out: list[Values] = []
    for position, row in enumerate(rows):
        reserve = default_reserve(row["limit"]) if row["reserve"] is None else row["reserve"]
        values = {name: row[name] for name in ("name", "inside", "limit", "overflow")}
        out.append({"id": row["room"], **values, "reserve": reserve, "exits": row["exits"], "position": position})
    return out


def _gates(rows: Sequence[Values], _codes: Mapping[str, int]) -> list[Values]:
    return [
        {"id": r["gate"], "name": r["name"], "room": r["room"], "outside": r["from"], "direction": r["direction"]}
        for r in rows
    ]


def _sessions(rows: Sequence[Values], codes: Mapping[str, int]) -> list[Values]:
    out: list[Values] = []
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
    return out


def _people(rows: Sequence[Values], codes: Mapping[str, int]) -> list[Values]:
    return [person_row(row["person"], {**row, "category": codes[row["category"]]}) for row in rows]


def person_row(ref: str, facts: Values) -> Values:
    """A person's row from name, organisation, delegation, category (a code), zones and language, with what a search
    looks through."""
    plain = {name: facts[name] for name in ("name", "organisation", "delegation", "category", "zones", "language")}
    search = {
        "search": search_text(facts["name"], ref),
        "search_of": search_text(facts["organisation"], facts["delegation"]),
    }
    return {"ref": ref, **plain, **search}


def _rights(rows: Sequence[Values], _codes: Mapping[str, int]) -> list[Values]:
    return [{"session": row["session"], "person": row["person"], "may": row["may"]} for row in rows]


KEYS: Mapping[str, tuple[Table, tuple[str, ...]]] = {
    "categories": (schema.category, ("code",)),
    "rooms": (schema.room, ("id",)),
    "gates": (schema.gate, ("id",)),
    "sessions": (schema.session, ("id",)),
    "people": (schema.person, ("ref",)),
    "rights": (schema.listing, ("session", "person")),
}
"""Each file's table, and the columns by which its rows are recognised."""
_ROWS: Mapping[str, Callable[[Sequence[Values], Mapping[str, int]], list[Values]]] = {
    "categories": _categories,
    "rooms": _rooms,
    "gates": _gates,
    "sessions": _sessions,
    "people": _people,
    "rights": _rights,
}
