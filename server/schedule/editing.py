"""Makes, changes, closes and deletes sessions, rooms, gates and categories: one transaction, and a row in the trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from admission.errors import ConfigError
from admission.venue import CATEGORIES
from server import counting, event, trail
from server.phrase import phrase
from server.schedule import consequences, reading
from server.schedule.things import (
    CATEGORY,
    GATE,
    MINUTE_MS,
    ROOM,
    SESSION,
    Cells,
    Changed,
    Hurts,
    Kind,
    Wrong,
    cells,
    find,
    held,
    mark,
)
from server.store import schema, versions
from server.store.instants import to_ms
from server.trail import Who

FIXED = ("limit", "reserve")
"""Of a room that is there: only a second person may change them (server/deeds.py)."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What somebody wants: the fields; ``mark``: of the state that they saw; ``sure``: of the consequences they saw."""

    kind: Kind
    typed: Cells
    mark: str = ""
    sure: str = ""


def make(connection: Connection, edit: Edit, who: Who, now: datetime) -> str:
    """Makes it; its reference. Raises Wrong."""
    kind, zone = edit.kind, event.read(connection).zone
    title = edit.typed.get("title" if kind is SESSION else "name", "")
    typed = edit.typed | (
        {} if edit.typed.get(kind.column) else {kind.column: reading.reference(connection, kind, title)}
    )
    values, problems = reading.read(connection, kind, typed, zone)
    ref = values.get(kind.column)
    if ref is not None and connection.execute(select(kind.table).where(kind.table.c[kind.key] == ref)).first():
        problems[kind.column] = phrase("{ref} is taken already; choose another, or leave it empty", ref=ref)
    if problems:
        raise Wrong(problems)
    row = reading.row_of(connection, kind, values) | _place(connection, kind)
    try:
        with connection.begin_nested():
            connection.execute(insert(kind.table).values(row))
    except IntegrityError as error:
        raise Wrong({kind.column: phrase("somebody has just taken {ref}; choose another", ref=ref)}) from error
    if kind is ROOM:
        connection.execute(insert(schema.book).values(room=row["id"], recount=0, closed=0))
    shown = cells(connection, kind, find(connection, kind, str(ref)), zone)
    trail.note(
        connection,
        who,
        to_ms(now),
        "made",
        kind.name,
        ref,
        {name: [None, said] for name, said in shown.items() if said},
    )
    _tell(connection, kind, lists=False)
    return str(ref)


def change(connection: Connection, ref: str, edit: Edit, who: Who, now: datetime) -> bool:
    """Changes it; False if nothing was different. Raises Missing, Changed, Wrong or Hurts."""
    kind, zone = edit.kind, event.read(connection).zone
    row = held(connection, kind, ref)
    before = cells(connection, kind, row, zone)
    if mark(row) != edit.mark:
        raise Changed(before, mark(row))
    typed = before | edit.typed | {kind.column: before[kind.column]}
    if kind is ROOM:
        typed |= {name: before[name] for name in FIXED}
    values, problems = reading.read(connection, kind, typed, zone)
    if not problems:
        problems = _frozen(connection, kind, row, values)
    if problems:
        raise Wrong(problems)
    after = dict(row) | reading.row_of(connection, kind, values)
    if after == dict(row):
        return False
    if felt := consequences.of(connection, kind, row, after, now):
        sure = consequences.sure(typed, felt)
        if edit.sure != sure:
            raise Hurts(felt, sure)
    _write(connection, kind, row, after, before)
    shown = cells(connection, kind, find(connection, kind, ref), zone)
    trail.note(connection, who, to_ms(now), "changed", kind.name, ref, _differences(before, shown))
    _tell(connection, kind, lists=row.get("room") != after.get("room"))
    return True


def close(connection: Connection, ref: str, who: Who, now: datetime) -> None:
    """Closes a session's doors from now on; it stays in the programme. Raises Missing, or ConfigError if they are."""
    row, zone = held(connection, SESSION, ref), event.read(connection).zone
    if to_ms(now) >= row["doors_close"] or row["doors_close"] <= row["doors_open"]:
        raise ConfigError(phrase("its doors are closed already"))
    before = cells(connection, SESSION, row, zone)
    past = max(0, (to_ms(now) - row["starts"]) // MINUTE_MS * MINUTE_MS)
    shut = {"doors_close": row["starts"] + past}
    if not past:
        shut["doors_open"] = row["starts"]
    _write(connection, SESSION, row, dict(row) | shut, before)
    shown = cells(connection, SESSION, find(connection, SESSION, ref), zone)
    trail.note(connection, who, to_ms(now), "closed", "session", ref, _differences(before, shown))
    _tell(connection, SESSION, lists=False)


def remove(connection: Connection, ref: str, seen: str, who: Who, now: datetime) -> None:
    """Deletes a session in which nothing ever happened, with its list and quotas. ``seen``: the mark of its form.

    Raises Missing, Changed, or ConfigError if somebody has passed for it."""
    row, zone = held(connection, SESSION, ref), event.read(connection).zone
    before = cells(connection, SESSION, row, zone)
    if mark(row) != seen:
        raise Changed(before, mark(row))
    if happened(connection, ref):
        raise ConfigError(
            phrase("people have passed the doors for this session: it stays, with its log; close it instead")
        )
    listed = connection.execute(delete(schema.listing).where(schema.listing.c.session == ref)).rowcount
    connection.execute(delete(schema.quota).where(schema.quota.c.session == ref))
    connection.execute(delete(schema.session).where(schema.session.c.id == ref))
    facts = {name: [said, None] for name, said in before.items() if said} | {"people": listed}
    trail.note(connection, who, to_ms(now), "deleted", "session", ref, facts)
    _tell(connection, SESSION, lists=bool(listed))


def happened(connection: Connection, ref: str) -> int:
    """How many passages there are for a session; also what retention has kept of them."""
    rows = connection.execute(select(func.count()).where(schema.passage.c.session == ref)).scalar_one()
    kept = select(func.count()).where(schema.kept_count.c.session == ref)
    return int(rows) + int(connection.execute(kept).scalar_one())


def _frozen(connection: Connection, kind: Kind, row: Mapping[str, Any], values: Mapping[str, Any]) -> reading.Problems:
    """What can no longer be changed, because the room's count rests on it."""
    if kind is not ROOM or values["exits"] == row["exits"] or not counting.has_counted(connection, row["id"]):
        return {}
    return {"exits": phrase("people have been counted here already: what an exit proves can no longer be changed")}


def _write(connection: Connection, kind: Kind, row: Mapping[str, Any], after: Mapping[str, Any], before: Cells) -> None:
    """Writes what differs if the row is still in the state that was read. Raises Changed."""
    new = {name: value for name, value in after.items() if value != row[name]}
    query = update(kind.table).where(kind.table.c[kind.key] == row[kind.key])
    if "edition" in row:
        query, new = query.where(kind.table.c.edition == row["edition"]), new | {"edition": row["edition"] + 1}
    if not connection.execute(query.values(new)).rowcount:
        raise Changed(before, mark(row))


def _place(connection: Connection, kind: Kind) -> dict[str, Any]:
    """What a new row needs and no form says."""
    if kind is ROOM:
        last = connection.execute(select(func.coalesce(func.max(schema.room.c.position), -1))).scalar_one()
        return {"position": int(last) + 1}
    if kind is CATEGORY:
        codes = set(connection.execute(select(schema.category.c.code)).scalars())
        return {"code": min(set(range(CATEGORIES)) - codes)}
    return {}


def _differences(before: Cells, after: Cells) -> dict[str, object]:
    return {name: [before[name], after[name]] for name in before if before[name] != after[name]}


def _tell(connection: Connection, kind: Kind, *, lists: bool) -> None:
    """Gives the kiosks something to fetch. Lists travel to the kiosks of a session's room, with the badges."""
    if kind in (SESSION, ROOM, GATE):
        versions.bump(connection, versions.PROGRAMME)
    if lists:
        versions.bump(connection, versions.BADGES)
