"""Everything that the tables hold of one person, for that person: as rows by kind, as JSON, and as a folder of CSV.

A badge's token is not among it: whoever holds it can pass the doors. Only reads.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, or_, select

from server import erasure, mentions
from server.cells import line as csv_line
from server.mentions import Scrubber
from server.phrase import marked
from server.store.instants import from_ms
from server.store.schema import (
    act,
    badge,
    category,
    gate,
    incident,
    listing,
    passage,
    person,
    printed,
    roll_mark,
    room,
    session,
    stay,
    trail,
)
from server.traces import Subject

Rows = list[dict[str, Any]]
INSTANTS = frozenset({"at", "received", "issued", "revoked", "opened", "closed"})
WHAT: Mapping[str, str] = {
    "person": marked("Who they are to the event"),
    "badges": marked("Badges that were issued to them, without the code that is printed on them"),
    "rights": marked("Sessions that they were expressly let into, or kept out of"),
    "passages": marked("Every time that a badge of theirs was read at a door"),
    "steward": marked("Passages that they vouched for as a steward"),
    "stays": marked("When they were counted inside which room"),
    "cards": marked("Cards that were printed or handed over"),
    "roll_calls": marked("Roll calls in which they were marked"),
    "acts": marked("What supervisors did that concerned their badge"),
    "incidents": marked("What had to be looked into that concerned their badge"),
    "trail": marked("Who looked at or changed what is held of them"),
}
"""The kinds of rows, in the order in which they are given, and what each is."""


def collect(connection: Connection, ref: str, zone: ZoneInfo) -> dict[str, Rows]:
    """The rows of each kind of :data:`WHAT`; instants as ISO 8601 by the venue's clock. Raises ConfigError if nobody
    has the reference."""
    one = erasure.find(connection, ref)
    numbers = list(connection.execute(select(badge.c.id).where(badge.c.person == one.id)).scalars())
    queries = {
        "person": _person(one),
        "badges": _badges(one),
        "rights": _rights(one),
        "passages": _passages(passage.c.person == one.id),
        "steward": _passages(passage.c.by.in_(numbers)),
        "stays": _stays(one),
        "cards": select(printed).where(printed.c.serial.in_(one.serials)).order_by(printed.c.id),
        "roll_calls": select(roll_mark).where(roll_mark.c.holder == one.id).order_by(roll_mark.c.roll_call),
    } | _mentioned(connection, one, numbers)
    return {name: [_row(row, zone) for row in connection.execute(query).mappings()] for name, query in queries.items()}


def count(found: Mapping[str, Rows]) -> int:
    """How many rows there are in all."""
    return sum(map(len, found.values()))


def as_json(found: Mapping[str, Rows], event: str, at: datetime) -> bytes:
    """One JSON document of everything, with what each part is."""
    parts = {name: {"what": what, "rows": found[name]} for name, what in WHAT.items()}
    whole = {"event": event, "at": at.isoformat(timespec="seconds"), **parts}
    return msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n"


def as_zip(found: Mapping[str, Rows], event: str, at: datetime) -> bytes:
    """The JSON document, and each part as a CSV file that a spreadsheet opens."""
    out = io.BytesIO()
    stamp = (at.year, at.month, at.day, at.hour, at.minute, at.second)
    with zipfile.ZipFile(out, "w") as folder:
        for name, content in _files(found, event, at):
            folder.writestr(zipfile.ZipInfo(name, stamp), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def as_csv(rows: Rows) -> str:
    """The rows as CSV with a BOM; a cell that a spreadsheet would take for a formula gets an apostrophe."""
    lines = [csv_line(rows[0]), *(csv_line(map(_cell, row.values())) for row in rows)]
    return "\ufeff" + "".join(lines)


def _files(found: Mapping[str, Rows], event: str, at: datetime) -> list[tuple[str, bytes]]:
    tables = [(f"{name}.csv", as_csv(found[name]).encode()) for name in WHAT if found[name]]
    return [("everything.json", as_json(found, event, at)), *tables]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _person(one: Subject) -> Select[Any]:
    columns = (person.c[name] for name in ("ref", "name", "organisation", "delegation", "zones", "language"))
    named = select(*columns, category.c.name.label("category")).join(category, category.c.code == person.c.category)
    return named.add_columns((person.c.code != "").label("has_steward_code")).where(person.c.id == one.id)


def _badges(one: Subject) -> Select[Any]:
    names = ("serial", "category", "zones", "not_before", "hours", "issued", "revoked", "revoked_why", "replaced_by")
    return select(*(badge.c[name] for name in names)).where(badge.c.person == one.id).order_by(badge.c.serial)


def _rights(one: Subject) -> Select[Any]:
    named = select(session.c.id.label("session"), session.c.title, listing.c.may)
    return named.join(listing, listing.c.session == session.c.id).where(listing.c.person == one.id)


def _passages(which: ColumnElement[bool]) -> Select[Any]:
    names = ("id", "at", "uncertainty_ms", "kind", "why", "verdict", "flags", "device", "received")
    named = select(*(passage.c[name] for name in names), room.c.name.label("room"), gate.c.name.label("gate"))
    named = named.add_columns(session.c.title.label("session")).select_from(
        passage.outerjoin(room, room.c.id == passage.c.room)
        .outerjoin(gate, gate.c.id == passage.c.gate)
        .outerjoin(session, session.c.id == passage.c.session)
    )
    return named.where(which).order_by(passage.c.id)


def _stays(one: Subject) -> Select[Any]:
    names = ("opened", "closed", "how", "serial")
    named = select(*(stay.c[name] for name in names), room.c.name.label("room"), session.c.title.label("session"))
    joined = stay.join(room, room.c.id == stay.c.room).outerjoin(session, session.c.id == stay.c.session)
    return named.select_from(joined).where(stay.c.holder == one.id).order_by(stay.c.id)


def _mentioned(connection: Connection, one: Subject, numbers: Sequence[int]) -> dict[str, Select[Any]]:
    """Acts, incidents and trail rows that name the person or a badge of theirs."""
    named: dict[str, set[int]] = {"act": set(), "incident": set(), "trail": set()}
    for found in mentions.find(connection, Scrubber([erasure.named(one)])):
        if found.table in named:
            named[found.table].add(found.key)
    acts = [act.c.id.in_(named["act"]), *(act.c.facts.contains(str(number)) for number in numbers)]
    raised = [incident.c.id.in_(named["incident"]), *(incident.c.facts.contains(str(number)) for number in numbers)]
    about = (trail.c.about.in_(mentions.ABOUT)) & (trail.c.ref == one.ref)
    columns = {
        "acts": (act, ("id", "kind", "at", "by", "room", "facts", "reason", "outcome"), or_(*acts)),
        "incidents": (incident, ("id", "kind", "at", "room", "gate", "facts", "note"), or_(*raised)),
        "trail": (
            trail,
            ("id", "at", "by", "what", "about", "ref", "facts"),
            or_(trail.c.id.in_(named["trail"]), about),
        ),
    }
    return {
        name: select(*(table.c[one] for one in names)).where(where).order_by(table.c.id)
        for name, (table, names, where) in columns.items()
    }


def _row(row: RowMapping, zone: ZoneInfo) -> dict[str, Any]:
    return {name: _value(name, value, zone) for name, value in row.items()}


def _value(name: str, value: Any, zone: ZoneInfo) -> Any:
    if name in INSTANTS and isinstance(value, int):
        return from_ms(value).astimezone(zone).isoformat(timespec="seconds")
    return msgspec.json.decode(value) if name == "facts" else value


LOOKS = ("viewed", "exported", "downloaded", "took", "printed", "shown", "searched")
"""What the trail calls it when somebody saw or took home what is held of people."""


def looks(connection: Connection, limit: int, before: int | None = None, by: str = "") -> list[dict[str, Any]]:
    """Who has looked at or taken home what, the newest first, or before a row's number; ``facts`` are read."""
    query = select(trail).where(trail.c.what.in_(LOOKS)).order_by(trail.c.id.desc()).limit(limit)
    query = query.where(trail.c.by == by) if by else query
    rows = connection.execute(query if before is None else query.where(trail.c.id < before)).mappings()
    return [dict(row) | {"facts": msgspec.json.decode(row["facts"])} for row in rows]
