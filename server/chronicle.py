"""The audit log as it is read: the trail and the acts on rooms and kiosks in one list by time, the newest first.

A place in it is (instant, table, number), so that a page can be turned while new rows come. Only reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Column, Connection, RowMapping, Table, and_, or_, select

from admission.errors import ConfigError
from server.cells import line as csv_line
from server.phrase import phrase
from server.store.instants import from_ms, to_ms
from server.store.schema import act, person, trail

PAGE = 50
PART = 500
ACTS = "act"
"""What acts are about, as a filter."""
MOST = 2**63
FIELDS = ("by", "what", "about", "ref")
TABLES: tuple[Table, ...] = (trail, act)


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what, when; ``ref``: to which thing; ``facts``: what else is written down. ``table``: 0 is the trail's,
    1 that of acts, whose ``about`` is "act" and whose ``ref`` is a room or a kiosk."""

    at: int
    table: int
    id: int
    by: str
    what: str
    about: str
    ref: str
    facts: dict[str, Any]
    address: str

    @property
    def place(self) -> str:
        """Where it stands in the list."""
        return f"{self.at}.{self.table}.{self.id}"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries; what is empty leaves all. ``since`` and ``until`` (ms) bound the day."""

    by: str = ""
    what: str = ""
    about: str = ""
    ref: str = ""
    since: int | None = None
    until: int | None = None


Place = tuple[int, int, int]
Part = tuple[list[Entry], dict[str, str]]
Reading = Callable[[Callable[[Connection], Part]], Part]


def parse(given: Mapping[str, str], zone: ZoneInfo) -> Filters:
    """The filters of a form. Raises ConfigError for a day that is none."""
    by, what, about, ref = (given.get(name, "").strip().replace("\0", "")[:200] for name in FIELDS)
    if not (day := given.get("day", "").strip()):
        return Filters(by, what, about, ref)
    try:
        first = datetime.combine(date.fromisoformat(day[:10]), time(), zone)
        after = datetime.combine(date.fromisoformat(day[:10]) + timedelta(days=1), time(), zone)
        return Filters(by, what, about, ref, to_ms(first), to_ms(after))
    except (ValueError, OverflowError) as error:
        raise ConfigError(phrase("the day {day!r} is none; write it like 2026-02-16", day=day[:20])) from error


def parse_place(text: str) -> Place | None:
    """A place in the list; None for a text that is none."""
    numbers = text.split(".")
    if len(numbers) != 3 or not all(part.isascii() and part.isdecimal() and len(part) < 20 for part in numbers):
        return None
    at, table, number = (int(part) for part in numbers)
    return (at, table, number) if at < MOST and table < len(TABLES) and number < MOST else None


def page(connection: Connection, filters: Filters, before: Place | None = None, limit: int = PAGE) -> list[Entry]:
    """The newest entries before a place, at most ``limit``."""
    found = [entry for table in range(len(TABLES)) for entry in _some(connection, table, filters, before, limit)]
    return sorted(found, key=lambda one: (one.at, one.table, one.id), reverse=True)[:limit]


def everything(connection: Connection, filters: Filters, limit: int = PART) -> Iterator[list[Entry]]:
    """All entries, the newest first, in parts."""
    before: Place | None = None
    while some := page(connection, filters, before, limit):
        yield some
        last = some[-1]
        before = (last.at, last.table, last.id)


def export(reading: Reading, filters: Filters, zone: ZoneInfo) -> Iterator[str]:
    """The entries as CSV, in parts; times are the venue's. A byte-order mark tells spreadsheets that it is UTF-8.
    Every part is read by itself, through ``reading``, so that nothing is held while a client takes it."""
    yield "\ufeff" + csv_line(("time", "user", "what", "about", "ref", "address", "facts"))
    before: Place | None = None

    def read(connection: Connection) -> Part:
        some = page(connection, filters, before, PART)
        return some, names(connection, some)

    while True:
        some, known = reading(read)
        if not some:
            return
        yield "".join(csv_line(_cells(entry, known, zone)) for entry in some)
        before = (some[-1].at, some[-1].table, some[-1].id)


def choices(connection: Connection) -> dict[str, list[str]]:
    """What can be filtered by: who, what and about what."""
    steps = connection.execute(select(trail.c.by, trail.c.what, trail.c.about).distinct()).all()
    done = connection.execute(select(act.c.by, act.c.kind).distinct()).all()
    return {
        "by": sorted({row.by for row in steps} | {row.by for row in done}),
        "what": sorted({row.what for row in steps} | {row.kind for row in done}),
        "about": sorted({row.about for row in steps} | ({ACTS} if done else set())),
    }


def names(connection: Connection, entries: Sequence[Entry]) -> dict[str, str]:
    """The names of the people that entries are about, by reference, as they are now: erased ones have none."""
    refs = {one.ref for one in entries if one.about == "person"}
    query = select(person.c.ref, person.c.name).where(person.c.ref.in_(refs))
    return {row.ref: row.name for row in connection.execute(query)} if refs else {}


def _some(connection: Connection, table: int, filters: Filters, before: Place | None, limit: int) -> list[Entry]:
    rows = TABLES[table]
    query = select(rows).order_by(rows.c.at.desc(), rows.c.id.desc()).limit(limit)
    if table == 1 and filters.about not in ("", ACTS):
        return []
    kind: Column[Any] = rows.c.kind if table else rows.c.what
    wanted: list[tuple[Column[Any], str]] = [(rows.c.by, filters.by), (kind, filters.what)]
    if table == 0:
        wanted += [(rows.c.about, filters.about), (rows.c.ref, filters.ref)]
    for column, value in wanted:
        query = query.where(column == value) if value else query
    if table and filters.ref:
        query = query.where(or_(rows.c.room == filters.ref, rows.c.device == filters.ref))
    if filters.since is not None:
        query = query.where(rows.c.at >= filters.since, rows.c.at < filters.until)
    if before is not None:
        query = query.where(_is_before(rows, table, before))
    return [_entry(row, table) for row in connection.execute(query).mappings()]


def _is_before(rows: Table, table: int, place: Place) -> Any:
    at, other, number = place
    if table == other:
        return or_(rows.c.at < at, and_(rows.c.at == at, rows.c.id < number))
    return rows.c.at <= at if table < other else rows.c.at < at


def _entry(row: RowMapping, table: int) -> Entry:
    facts: dict[str, Any] = msgspec.json.decode(row["facts"])
    if table == 0:
        what, about, ref = row["what"], row["about"], row["ref"]
        return Entry(row["at"], 0, row["id"], row["by"], what, about, ref, facts, row["address"])
    facts |= {name: row[name] for name in ("reason", "state", "confirmed_by", "outcome") if row[name]}
    return Entry(row["at"], 1, row["id"], row["by"], row["kind"], ACTS, row["room"] or row["device"], facts, "")


def _cells(entry: Entry, known: Mapping[str, str], zone: ZoneInfo) -> tuple[str, ...]:
    ref = f"{entry.ref} {known[entry.ref]}" if entry.about == "person" and entry.ref in known else entry.ref
    at = from_ms(entry.at).astimezone(zone).isoformat(timespec="seconds")
    facts = msgspec.json.encode(entry.facts).decode() if entry.facts else ""
    return (at, entry.by, entry.what, entry.about, ref, entry.address, facts)
