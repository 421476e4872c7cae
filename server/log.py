"""The log: every passage, newest first, filtered and page by page; and its rows one after another, for files.

Only reads. What is looked for is in :mod:`server.filters`, how it is found in :mod:`server.found`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, Select, func, select

from server import found
from server.cells import line as csv_line
from server.filters import FLAGS, KINDS, REASONS, VERDICTS, BadFilter, Filters, parse_filters
from server.store.instants import from_ms
from server.store.schema import badge, category, device, gate, passage, person, room, session

PAGE = 100
EXPORT_PART = 2000
SILENT = frozenset({"accepted", "noted", "forced", "annulled"})
"""Verdicts that say no more than the kind."""
HEADER = [
    "time",
    "date",
    "person",
    "name",
    "organisation",
    "delegation",
    "badge",
    "session",
    "gate",
    "room",
    "kiosk",
    "kind",
    "reason",
    "verdict",
    "flags",
    "count",
    "passage",
    "steward",
]


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, newest first; whether there are newer and older ones."""

    rows: list[dict[str, Any]]
    newer: int | None
    older: int | None


@dataclass(frozen=True, slots=True)
class Record:
    """A passage as files have it. ``at`` is in the venue's zone; ``badge`` and ``steward`` are badges' numbers, 0 for
    none."""

    at: datetime
    person: str
    name: str
    organisation: str
    delegation: str
    badge: int
    session: str
    gate: str
    room: str
    kiosk: str
    kind: str
    reason: str
    verdict: str
    flags: str
    count: int
    passage: int
    steward: int


def page(connection: Connection, filters: Filters, before: int | None, after: int | None, zone: ZoneInfo) -> Page:
    """The newest rows, or those ``before`` or ``after`` a passage's number."""
    if after is not None:
        before = None
    ids = found.numbers(connection, filters, limit=PAGE + 1, before=before, after=after)
    beyond = len(ids) > PAGE
    query = _query().where(passage.c.id.in_(ids[:PAGE])).order_by(passage.c.id.desc())
    seen = connection.execute(query).mappings().all() if ids else []
    stewards = _stewards(connection, seen)
    rows = [_shown(row, zone) | {"by": stewards.get(row["by"], "")} for row in seen]
    if after is not None:
        return Page(rows, rows[0]["id"] if beyond else None, rows[-1]["id"] if rows else None)
    return Page(rows, rows[0]["id"] if before is not None and rows else None, rows[-1]["id"] if beyond else None)


def export(connection: Connection, filters: Filters, zone: ZoneInfo) -> Iterator[str]:
    """The same rows, oldest first, as CSV text with a BOM (spreadsheets then know that it is UTF-8)."""
    yield "\ufeff" + csv_line(HEADER)
    for records in parts(lambda work: work(connection), filters, newest(connection), zone):
        yield "".join(csv_line(cells(record)) for record in records)


Reading = Callable[[Callable[[Connection], list[Record]]], list[Record]]


def parts(reading: Reading, filters: Filters, last: int, zone: ZoneInfo) -> Iterator[list[Record]]:
    """The rows up to the passage numbered ``last``, oldest first, some at a time; every part is read by itself, through
    ``reading``, so that nothing is held for long. Passages are only appended, so the parts fit together."""
    seen = 0

    def read(connection: Connection) -> list[Record]:
        ids = found.numbers(connection, filters, limit=EXPORT_PART, before=last + 1, after=seen)
        query = _query().where(passage.c.id.in_(ids)).order_by(passage.c.id)
        return [_record(row, zone) for row in connection.execute(query).mappings()] if ids else []

    while records := reading(read):
        yield records
        if len(records) < EXPORT_PART:
            return
        seen = records[-1].passage


def newest(connection: Connection) -> int:
    """The number of the newest passage; 0 if there is none."""
    return int(connection.execute(select(func.max(passage.c.id))).scalar() or 0)


def count(connection: Connection, filters: Filters, last: int) -> int:
    """How many rows there are up to the passage numbered ``last``. A walk through the log: not for pages."""
    where = found.condition(connection, filters)
    query = select(func.count()).select_from(passage).where(passage.c.id <= last, *where)
    return int(connection.execute(query).scalar_one())


def choices(connection: Connection) -> dict[str, list[tuple[str, str]]]:
    """What the filters offer: (value, in words) each."""

    def pairs(query: Select[Any]) -> list[tuple[str, str]]:
        return [cast("tuple[str, str]", tuple(row)) for row in connection.execute(query)]

    names = select(person.c.delegation).where(person.c.delegation != "").distinct().order_by(person.c.delegation)
    return {
        "sessions": pairs(select(session.c.id, session.c.title).order_by(session.c.starts)),
        "gates": pairs(select(gate.c.id, gate.c.name).order_by(gate.c.name)),
        "rooms": pairs(select(room.c.id, room.c.name).order_by(room.c.position, room.c.id)),
        "kiosks": pairs(select(device.c.id, device.c.label).order_by(device.c.id)),
        "categories": pairs(select(category.c.slug, category.c.name).order_by(category.c.code)),
        "delegations": [(name, name) for name in connection.execute(names).scalars()],
        "verdicts": list(VERDICTS),
        "kinds": list(KINDS),
        "reasons": list(REASONS),
        "flags": list(FLAGS),
    }


def cells(record: Record) -> list[str]:
    """The record as texts, in the order of HEADER."""
    who = [record.person, record.name, record.organisation, record.delegation, str(record.badge)]
    where = [record.session, record.gate, record.room, record.kiosk]
    what = [record.kind, record.reason, record.verdict, record.flags, str(record.count), str(record.passage)]
    steward = str(record.steward) if record.steward else ""
    return [f"{record.at:%H:%M:%S}", f"{record.at:%Y-%m-%d}", *who, *where, *what, steward]


def _query() -> Select[Any]:
    columns = [column for column in passage.c if column.name not in ("raw", "hash")]
    return (
        select(*columns, person.c.name.label("person_name"), person.c.ref, person.c.organisation, person.c.delegation)
        .add_columns(session.c.title, gate.c.name.label("gate_name"))
        .select_from(
            passage.outerjoin(person, person.c.id == passage.c.person)
            .outerjoin(session, session.c.id == passage.c.session)
            .outerjoin(gate, gate.c.id == passage.c.gate)
        )
    )


def _stewards(connection: Connection, rows: Sequence[RowMapping]) -> dict[int, str]:
    """The names behind the stewards' badges in these rows; most pages have none."""
    bys = {row["by"] for row in rows if row["by"]}
    if not bys:
        return {}
    named = select(badge.c.id, person.c.name).join(person, person.c.id == badge.c.person).where(badge.c.id.in_(bys))
    names = dict(connection.execute(named).all())
    return {by: names.get(by, f"badge {by >> 32}") for by in bys}


def _shown(row: RowMapping, zone: ZoneInfo) -> dict[str, Any]:
    at = from_ms(row["at"]).astimezone(zone)
    flags = row["flags"].split()
    if row["verdict"] not in SILENT:
        flags.append(row["verdict"])
    return {
        "id": row["id"],
        "at": f"{at:%H:%M:%S}",
        "date": f"{at:%Y-%m-%d}",
        "ref": row["ref"] or "",
        "person": row["person_name"] or "",
        "organisation": row["organisation"] or "",
        "badge": row["badge"] >> 32,
        "session": row["title"] or row["session"],
        "session_id": row["session"] if row["title"] else "",
        "gate": row["gate_name"] or row["gate"],
        "kiosk": row["device"],
        "kind": row["kind"],
        "reason": row["why"],
        "flags": flags,
        "count": row["count"],
    }


def _record(row: RowMapping, zone: ZoneInfo) -> Record:
    return Record(
        at=from_ms(row["at"]).astimezone(zone),
        person=row["ref"] or "",
        name=row["person_name"] or "",
        organisation=row["organisation"] or "",
        delegation=row["delegation"] or "",
        badge=row["badge"] >> 32,
        session=row["title"] or row["session"],
        gate=row["gate_name"] or row["gate"],
        room=row["room"],
        kiosk=row["device"],
        kind=row["kind"],
        reason=row["why"],
        verdict=row["verdict"],
        flags=row["flags"],
        count=row["count"],
        passage=row["id"],
        steward=row["by"] >> 32,
    )


__all__ = ["VERDICTS", "BadFilter", "Filters", "Page", "Record", "parse_filters"]
