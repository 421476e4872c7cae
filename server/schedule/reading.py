"""Reads the fields of a form into the values of a row: the parsers and checks of an import, said field by field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from admission.venue import CATEGORIES
from server import checks, columns, wanted
from server.columns import search_text
from server.phrase import Phrase, phrase
from server.phrase import marked as _
from server.schedule.things import CATEGORY, GATE, ROOM, SESSION, Cells, Kind, find
from server.sheet import Problem, Row

Problems = dict[str, Phrase]

_CELLS: Mapping[str, Callable[[], Phrase]] = {
    "title": lambda: phrase("write it in one line of at most 300 characters"),
    "theme": lambda: phrase("write it in one line of at most 200 characters"),
    "name": lambda: phrase("write it in one line of at most 200 characters"),
    "capacity": lambda: phrase("write a whole number up to 999999, or nothing: as many as the room has seats"),
    "limit": lambda: phrase("write a whole number up to 999999, or nothing: nobody counts"),
    "reserve": lambda: phrase("write a whole number up to 999999, or nothing: a fiftieth of the limit"),
    "doors_open": lambda: phrase("write minutes as a whole number, or nothing: 30"),
    "doors_close": lambda: phrase("write minutes as a whole number, or nothing: until the end"),
    "who": lambda: phrase("tick at least one category, or choose everyone or a list"),
    "zones": lambda: phrase("zones are numbers from 1 to 12"),
    "colour": lambda: phrase("write # and six hexadecimal digits, like #1f6f8b"),
    "room": lambda: phrase("choose a room"),
    "inside": lambda: phrase("choose a room"),
    "from": lambda: phrase("choose a room"),
    "overflow": lambda: phrase("choose a room"),
    "exits": lambda: phrase("choose one of the list"),
    "direction": lambda: phrase("choose one of the list"),
}
_BETWEEN: Mapping[tuple[str, str], Callable[[], Phrase]] = {
    ("sessions", "room"): lambda: phrase("there is no such room; choose one of the list"),
    ("sessions", "who"): lambda: phrase("there is no such category; tick one of the list"),
    ("sessions", "ends"): lambda: phrase("the end is not after the beginning; correct one of the two"),
    ("sessions", "doors_close"): lambda: phrase("that is after the end; leave it empty for that"),
    ("rooms", "reserve"): lambda: phrase("it is more than the limit; lower it"),
    ("rooms", "inside"): lambda: phrase(
        "there is no such room, or it lies inside this one itself, or one of the two sends people to the other when it "
        "is full; choose another"
    ),
    ("rooms", "overflow"): lambda: phrase(
        "there is no such room, or it is this one, or one of the two lies inside the other; choose another, or none"
    ),
    ("rooms", "exits"): lambda: phrase(
        "a gate leads both ways into this room, so that an exit there proves nothing; choose matched or none"
    ),
    ("gates", "room"): lambda: phrase("there is no such room; choose one of the list"),
    ("gates", "from"): lambda: phrase("there is no such room; choose one of the list"),
    ("gates", "direction"): lambda: phrase(
        "exits of this room are trusted, so that its gates lead one way; choose in or out"
    ),
}


def read(connection: Connection, kind: Kind, typed: Cells, zone: ZoneInfo) -> tuple[dict[str, Any], Problems]:
    """The values of an import's row, and what is wrong with each field. All problems at once."""
    values: dict[str, Any] = {}
    problems: Problems = {}
    for column in columns.columns(zone)[kind.file]:
        cell = typed.get(column.name, "").strip()
        if not cell and column.required:
            problems[column.name] = _CELLS["who"]() if column.name == "who" else phrase("fill this in")
            continue
        try:
            values[column.name] = column.parse(cell)
        except ValueError:
            problems[column.name] = _cell_problem(kind, column.name, cell)
            continue
        if column.name in ("starts", "ends"):
            problem = _clock_problem(values, column.name, cell, typed.get(f"{column.name}_fold", ""), zone)
            problems |= {column.name: problem} if problem else {}
    known = {one.file: _known(connection, one) for one in (CATEGORY, ROOM, GATE, SESSION)} | {"people": {}}
    found = checks.check({kind.file: [Row(2, values)]}, known, checks.broken([]))
    return values, {one.column or kind.column: _between_problem(kind, one) for one in found} | problems


def row_of(connection: Connection, kind: Kind, values: Mapping[str, Any]) -> dict[str, Any]:
    """The row that these values make: what an import of them would write. A room's place in the order is left out."""
    found = wanted.differences(connection, {kind.file: [Row(2, values)]})[kind.file]
    rows = [*found.added.values(), *(row for _was, row in found.changed.values())]
    row = dict(rows[0]) if rows else find(connection, kind, values[kind.column])
    return {name: value for name, value in row.items() if name != "position"}


def reference(connection: Connection, kind: Kind, title: str) -> str:
    """A reference that is free, made of a title or name in any script."""
    stem = re.sub(r"[^a-z0-9]+", "-", search_text(title)).strip("-")[:48].strip("-") or kind.name
    taken = set(connection.execute(select(kind.table.c[kind.key])).scalars())
    tries = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return stem if stem not in taken else next(one for one in tries if one not in taken)


def _known(connection: Connection, kind: Kind) -> dict[str, Mapping[str, Any]]:
    return {row[kind.key]: dict(row) for row in connection.execute(select(kind.table)).mappings()}


def _cell_problem(kind: Kind, column: str, cell: str) -> Phrase:
    if column == kind.column:
        return phrase("use at most 64 letters, digits, dots, hyphens and underscores")
    if column in ("starts", "ends"):
        return _date_problem(cell)
    if column == "name" and kind is CATEGORY:
        return phrase("write it in one line of at most 100 characters")
    return _CELLS[column]()


def _date_problem(cell: str) -> Phrase:
    try:
        year = datetime.fromisoformat(cell).year
    except ValueError:
        return phrase("there is no such date or time; write it like 2026-11-23 09:30")
    if year in columns.YEARS:
        return phrase("write date and time, like 2026-11-23 09:30")
    return phrase("the year {year} cannot be; correct it", year=year)


def _between_problem(kind: Kind, problem: Problem) -> Phrase:
    if kind is CATEGORY:
        return phrase("there are {most} categories already, and no more fit on a badge", most=CATEGORIES)
    return _BETWEEN[kind.file, problem.column]()


def _clock_problem(values: dict[str, Any], name: str, cell: str, fold: str, zone: ZoneInfo) -> Phrase | None:
    """Where clocks are put forward or back: a time that there is not, or that there is twice. ``fold`` says which."""
    local = datetime.fromisoformat(cell)
    if local.tzinfo is not None:
        return None
    first, second = (local.replace(tzinfo=zone, fold=side) for side in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return None
    there = first.astimezone(UTC).astimezone(zone)
    if there.replace(tzinfo=None) != local:
        said = _("{time} does not exist on this day: the clocks are put forward then; {other} is meant, perhaps")
        return phrase(said, time=f"{local:%H:%M}", other=f"{there:%H:%M}")
    if fold not in ("0", "1"):
        said = _("{time} comes twice on this day: the clocks are put back then; say which of the two is meant")
        return phrase(said, time=f"{local:%H:%M}")
    values[name] = (second if fold == "1" else first).astimezone(UTC)
    return None
