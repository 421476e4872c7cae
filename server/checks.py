"""What must hold between the rows of an import and what is known already. Pure; finds all problems at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from admission.venue import CATEGORIES, Direction, Exits
from server.columns import EVERYONE, INVITED
from server.phrase import phrase
from server.sheet import Problem, Row

Sheets = Mapping[str, list[Row]]
Known = Mapping[str, Mapping[str, Mapping[str, Any]]]

_KEY = {"categories": "category", "rooms": "room", "gates": "gate", "sessions": "session", "people": "person"}
_POINTS_TO = (
    ("rooms", "inside", "rooms"),
    ("rooms", "overflow", "rooms"),
    ("gates", "room", "rooms"),
    ("gates", "from", "rooms"),
    ("sessions", "room", "rooms"),
    ("people", "category", "categories"),
    ("rights", "session", "sessions"),
    ("rights", "person", "people"),
)


def check(sheets: Sheets, known: Known, broken: Collection[str]) -> list[Problem]:
    """All that is wrong between rows. References into a ``broken`` file are not judged: its own problems say enough."""
    names = {kind: _names(sheets, known, kind) for kind in _KEY}
    problems = [*_repeats(sheets), *_dangling(sheets, names, broken), *_who(sheets, names["categories"], broken)]
    problems += [*_times(sheets), *_tree(sheets, known), *_overflows(sheets, known)]
    problems += [*_two_way(sheets, known), *_newly_trusted(sheets, known)]
    if len(names["categories"]) > CATEGORIES:
        what = phrase("makes {count}; at most {most} fit", count=len(names["categories"]), most=CATEGORIES)
        problems.append(Problem("categories.csv", 0, "", what))
    return problems


def broken(problems: Sequence[Problem]) -> set[str]:
    """The kinds of which rows may be missing: a header, the file as a whole or a key could not be read."""
    kinds = [(problem.file.removesuffix(".csv"), problem) for problem in problems]
    return {kind for kind, problem in kinds if problem.line < 2 or problem.column in ("", _KEY.get(kind))}


def _names(sheets: Sheets, known: Known, kind: str) -> set[str]:
    fresh = {row.values[_KEY[kind]] for row in sheets.get(kind, []) if _KEY[kind] in row.values}
    return fresh | set(known[kind])


def _repeats(sheets: Sheets) -> Iterator[Problem]:
    for kind, rows in sheets.items():
        key = [_KEY[kind]] if kind in _KEY else ["session", "person"]
        first: dict[tuple[Any, ...], int] = {}
        for row in rows:
            if not all(name in row.values for name in key):
                continue
            value = tuple(row.values[name] for name in key)
            if value in first:
                key_text, line = " + ".join(value), first[value]
                what = phrase("{key} stands in line {line} already; keep one of the two", key=key_text, line=line)
                yield Problem(f"{kind}.csv", row.line, key[-1], what)
            first.setdefault(value, row.line)


def _dangling(sheets: Sheets, names: Mapping[str, set[str]], broken: Collection[str]) -> Iterator[Problem]:
    for kind, column, target in _POINTS_TO:
        for row in sheets.get(kind, []) if target not in broken else []:
            value = row.values.get(column)
            if value is not None and value not in names[target]:
                what = phrase(
                    "{value!r} is not in {file} and not known from before; add it there or correct it here",
                    value=value,
                    file=f"{target}.csv",
                )
                yield Problem(f"{kind}.csv", row.line, column, what)


def _who(sheets: Sheets, categories: set[str], broken: Collection[str]) -> Iterator[Problem]:
    for row in sheets.get("sessions", []) if "categories" not in broken else []:
        who = set(row.values.get("who", ()))
        for word in sorted(who - categories - {EVERYONE, INVITED}):
            what = phrase(
                "{word!r} is no category; write categories, or {everyone!r}, or {invited!r}",
                word=word,
                everyone=EVERYONE,
                invited=INVITED,
            )
            yield Problem("sessions.csv", row.line, "who", what)


def _times(sheets: Sheets) -> Iterator[Problem]:
    for row in sheets.get("sessions", []):
        starts, ends = row.values.get("starts"), row.values.get("ends")
        if starts is None or ends is None:
            continue
        if ends <= starts:
            yield Problem("sessions.csv", row.line, "ends", phrase("is not after the start; correct one of the two"))
        closes = row.values.get("doors_close")
        if closes is not None and closes * 60 > (ends - starts).total_seconds():
            what = phrase("is after the session's end; leave it empty for that")
            yield Problem("sessions.csv", row.line, "doors_close", what)


def _rooms_as(column: str, sheets: Sheets, known: Known) -> dict[str, str | None]:
    """What the column will say of each room."""
    rows = [row.values for row in sheets.get("rooms", []) if "room" in row.values]
    return {name: row[column] for name, row in known["rooms"].items()} | {row["room"]: row.get(column) for row in rows}


def _tree(sheets: Sheets, known: Known) -> Iterator[Problem]:
    parents = _rooms_as("inside", sheets, known)
    rows = [row for row in sheets.get("rooms", []) if "room" in row.values]
    for row in rows:
        limit, reserve = row.values.get("limit"), row.values.get("reserve")
        if reserve is not None and reserve > (limit or 0):
            yield Problem("rooms.csv", row.line, "reserve", phrase("is more than the room's limit; lower it"))
        seen = {row.values["room"]}
        at = row.values.get("inside")
        while at is not None and at not in seen:
            seen.add(at)
            at = parents.get(at)
        if at == row.values["room"]:
            what = phrase("lies inside itself, over other rooms; break the circle")
            yield Problem("rooms.csv", row.line, "inside", what)


def _overflows(sheets: Sheets, known: Known) -> Iterator[Problem]:
    """Nobody is sent from a full room into the same one, one around it or one inside it: there, too, they would stand
    before the same door. Two rooms may send to each other: which of them is full is known only on the day."""
    parents = _rooms_as("inside", sheets, known)
    rows = {row.values["room"]: row for row in sheets.get("rooms", []) if "room" in row.values}
    for room, other in _rooms_as("overflow", sheets, known).items():
        way = _way(parents, room, other) or _way(parents, other, room) if other is not None else []
        if way and room in rows:
            what = phrase("is this room, or one around it or inside it; name a room beside it, or leave it empty")
            yield Problem("rooms.csv", rows[room].line, "overflow", what)
        elif way and (moved := next((one for one in way if one in rows), None)):
            said = phrase("puts {room} and its overflow room {other} one inside the other", room=room, other=other)
            yield Problem("rooms.csv", rows[moved].line, "inside", said)


def _way(parents: Mapping[str, str | None], inner: str, outer: str) -> list[str]:
    """The rooms from ``inner`` outwards to ``outer``, both included; none where it does not lie in there."""
    way: list[str] = []
    at: str | None = inner
    while at is not None and at not in way:
        way.append(at)
        if at == outer:
            return way
        at = parents.get(at)
    return []


def _two_way(sheets: Sheets, known: Known) -> Iterator[Problem]:
    """A room with a two-way gate cannot trust its exits: a body might turn round in the door."""
    exits = {name: row["exits"] for name, row in known["rooms"].items()}
    exits |= {row.values["room"]: row.values.get("exits") for row in sheets.get("rooms", []) if "room" in row.values}
    for row in sheets.get("gates", []):
        both = row.values.get("direction") == Direction.BOTH
        if both and exits.get(row.values.get("room", "")) == Exits.TRUSTED:
            what = phrase("leads both ways into a room whose exits are trusted; make the room's exits matched or none")
            yield Problem("gates.csv", row.line, "direction", what)


def _newly_trusted(sheets: Sheets, known: Known) -> Iterator[Problem]:
    """The same from the other side: a room whose exits become trusted, with a two-way gate known from before."""
    renewed = {row.values.get("gate") for row in sheets.get("gates", [])}
    kept = [gate for name, gate in known["gates"].items() if name not in renewed]
    two_way = {gate["room"]: gate["id"] for gate in kept if gate["direction"] == Direction.BOTH}
    for row in sheets.get("rooms", []):
        if row.values.get("exits") == Exits.TRUSTED and row.values.get("room") in two_way:
            gate = two_way[row.values["room"]]
            what = phrase("cannot be trusted: gate {gate!r} leads both ways; write matched or none", gate=gate)
            yield Problem("rooms.csv", row.line, "exits", what)
