"""A person's whole day: where they came in and left, how long they stayed, where they were sent away and why, the
badges that they had, and what was done about them. Only reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, RowMapping, select

from server.store.instants import from_ms, to_ms
from server.store.schema import act, badge, category, gate, passage, person, printed, room, session, stay

MOST = 150
"""Steps of one day that are shown; a longer day is read in the log."""


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person."""

    id: int
    ref: str
    name: str
    organisation: str
    delegation: str
    category: str
    colour: str


@dataclass(frozen=True, slots=True)
class Card:
    """A badge that they have or had. Times are in the venue's zone."""

    serial: int
    issued: datetime
    revoked: datetime | None
    why: str
    replaced_by: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened. ``kind``: a passage's, or act, issued, revoked, printed, handed. ``until`` and
    ``minutes``: how the stay that an entry began went on; ``how`` what ended it; ``still``: nothing did yet."""

    at: datetime
    kind: str
    room: str = ""
    gate: str = ""
    session: str = ""
    session_id: str = ""
    reason: str = ""
    flags: tuple[str, ...] = ()
    badge: int = 0
    count: int = 1
    opens: bool = False
    still: bool = False
    until: datetime | None = None
    minutes: int = 0
    how: str = ""
    by: str = ""
    note: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stay as a bar: from and to as shares of the picture's width, in thousandths."""

    room: str
    start: int
    width: int
    open: bool


@dataclass(frozen=True, slots=True)
class Day:
    """The day. ``hours``: the picture's hours with their places in thousandths; ``more``: there are too many steps to
    be shown."""

    date: date
    steps: list[Step]
    more: bool
    bars: list[Bar] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    hours: list[tuple[int, int]] = field(default_factory=list)

    @property
    def entries(self) -> int:
        """How often they came in."""
        return sum(step.kind in ("entry", "forced") for step in self.steps)

    @property
    def refused(self) -> int:
        """How often they were sent away."""
        return sum(step.count for step in self.steps if step.kind == "refused")

    @property
    def sessions(self) -> int:
        """How many sessions they were at."""
        return len({step.session_id for step in self.steps if step.opens and step.session_id})

    @property
    def minutes(self) -> int:
        """How long they were somewhere, all stays together."""
        return sum(step.minutes for step in self.steps if step.opens)

    @property
    def seen(self) -> tuple[datetime, datetime] | None:
        """The first and the last time that a door saw them."""
        at = [step.at for step in self.steps if step.gate]
        return (at[0], at[-1]) if at else None


def find(connection: Connection, ref: str) -> Somebody | None:
    """The person of that reference; None if there is none."""
    query = select(person, category.c.name.label("category_name"), category.c.colour)
    query = query.join(category, category.c.code == person.c.category).where(person.c.ref == ref)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    what = (row["organisation"], row["delegation"], row["category_name"], row["colour"])
    return Somebody(row["id"], row["ref"], row["name"], *what)


def cards(connection: Connection, who: Somebody, zone: ZoneInfo) -> list[Card]:
    """Their badges, the newest first."""
    query = select(badge).where(badge.c.person == who.id).order_by(badge.c.serial.desc())
    return [
        Card(
            row["serial"],
            from_ms(row["issued"]).astimezone(zone),
            None if row["revoked"] is None else from_ms(row["revoked"]).astimezone(zone),
            row["revoked_why"] or "",
            row["replaced_by"],
        )
        for row in connection.execute(query).mappings()
    ]


def days(connection: Connection, who: Somebody, zone: ZoneInfo) -> list[date]:
    """The days on which a door saw them, in order."""
    at = connection.execute(select(passage.c.at).where(passage.c.person == who.id)).scalars()
    return sorted({from_ms(ms).astimezone(zone).date() for ms in at})


def read(connection: Connection, who: Somebody, on: date, now: datetime, zone: ZoneInfo) -> Day:
    """That day, in order."""
    since = to_ms(datetime.combine(on, time(), zone))
    until = to_ms(datetime.combine(on + timedelta(days=1), time(), zone))
    rows = _passages(connection, who, since, until)
    stays = _stays(connection, who, [row["id"] for row in rows])
    steps = [_passed(row, stays.get(row["id"]), now, zone) for row in rows]
    steps += _cards(connection, who, (since, until), zone)
    steps += _acts(connection, who, (since, until), zone)
    steps.sort(key=lambda step: step.at)
    return _picture(Day(on, steps[:MOST], len(rows) > MOST), now, zone)


def _passages(connection: Connection, who: Somebody, since: int, until: int) -> Sequence[RowMapping]:
    columns = (passage, room.c.name.label("room_name"), gate.c.name.label("gate_name"), session.c.title, session.c.ends)
    query = (
        select(*columns)
        .select_from(
            passage.outerjoin(room, room.c.id == passage.c.room)
            .outerjoin(gate, gate.c.id == passage.c.gate)
            .outerjoin(session, session.c.id == passage.c.session)
        )
        .where(passage.c.person == who.id, passage.c.at >= since, passage.c.at < until)
        .order_by(passage.c.at, passage.c.id)
    )
    return connection.execute(query.limit(MOST + 1)).mappings().all()


def _stays(connection: Connection, who: Somebody, entries: Sequence[int]) -> dict[int, RowMapping]:
    query = select(stay).where(stay.c.holder == who.id, stay.c.entry.in_(entries), stay.c.opened.is_not(None))
    return {row["entry"]: row for row in connection.execute(query).mappings()}


def _passed(row: RowMapping, begun: RowMapping | None, now: datetime, zone: ZoneInfo) -> Step:
    flags = row["flags"].split()
    if row["verdict"] not in ("accepted", "noted", "forced", "annulled"):
        flags.append(row["verdict"])
    until = None if begun is None or begun["closed"] is None else from_ms(begun["closed"]).astimezone(zone)
    opens = begun is not None and begun["how"] != "annulled" and not begun["duplicate"]
    last = _latest(row, now, zone)
    end = last if until is None else to_ms(until)
    return Step(
        at=from_ms(row["at"]).astimezone(zone),
        kind=row["kind"],
        room=row["room_name"] or row["room"],
        gate=row["gate_name"] or row["gate"],
        session=row["title"] or row["session"],
        session_id=row["session"] if row["title"] else "",
        reason=row["why"],
        flags=tuple(flags),
        badge=row["badge"] >> 32,
        count=row["count"],
        opens=opens,
        still=opens and until is None and last == to_ms(now),
        until=until,
        minutes=max(0, end - row["at"]) // 60_000 if opens else 0,
        how="" if begun is None else begun["how"],
    )


def _latest(row: RowMapping, now: datetime, zone: ZoneInfo) -> int:
    """Until when a stay can have lasted whose end nobody saw: now, the session's end, or midnight."""
    day = from_ms(row["at"]).astimezone(zone).date()
    midnight = to_ms(datetime.combine(day + timedelta(days=1), time(), zone))
    ends = midnight if row["ends"] is None else int(row["ends"])
    return max(int(row["at"]), min(to_ms(now), midnight, ends))


def _cards(connection: Connection, who: Somebody, span: tuple[int, int], zone: ZoneInfo) -> Iterator[Step]:
    for one in cards(connection, who, zone):
        if span[0] <= to_ms(one.issued) < span[1]:
            yield Step(one.issued, "issued", badge=one.serial)
        if one.revoked is not None and span[0] <= to_ms(one.revoked) < span[1]:
            yield Step(one.revoked, "revoked", badge=one.serial, note=one.why)
    query = select(printed).join(badge, badge.c.serial == printed.c.serial)
    query = query.where(badge.c.person == who.id, printed.c.at >= span[0], printed.c.at < span[1])
    for row in connection.execute(query).mappings():
        at = from_ms(row["at"]).astimezone(zone)
        yield Step(at, row["what"], badge=row["serial"], by=row["by"])


def _acts(connection: Connection, who: Somebody, span: tuple[int, int], zone: ZoneInfo) -> Iterator[Step]:
    """What was done about them. Acts name people by their badge or their reference."""
    badges = set(connection.execute(select(badge.c.id).where(badge.c.person == who.id)).scalars())
    query = select(act, room.c.name).outerjoin(room, room.c.id == act.c.room)
    query = query.where(act.c.at >= span[0], act.c.at < span[1]).order_by(act.c.id)
    for row in connection.execute(query).mappings():
        facts: dict[str, Any] = msgspec.json.decode(row["facts"])
        if facts.get("person") != who.ref and facts.get("badge") not in badges:
            continue
        at = from_ms(row["at"]).astimezone(zone)
        where = row["name"] or row["room"]
        yield Step(at, "act", room=where, reason=row["kind"], by=row["by"], note=row["reason"], state=row["state"])


def _picture(day: Day, now: datetime, zone: ZoneInfo) -> Day:
    """The same with its bars; nothing to draw if nobody came in."""
    midnight = datetime.combine(day.date + timedelta(days=1), time(), zone)
    last = min(now.astimezone(zone), midnight)
    stays = [
        (step, min(step.until or step.at + timedelta(minutes=step.minutes), last)) for step in day.steps if step.opens
    ]
    marks = [step.at for step in day.steps if step.kind == "refused"]
    seen = [step.at for step, _ in stays] + [end for _, end in stays] + marks
    if not stays:
        return day
    first = min(seen).replace(minute=0, second=0, microsecond=0)
    span = max(max(seen) - first, timedelta(hours=4))

    def place(at: datetime) -> int:
        return round(1000 * ((at - first) / span))

    bars = [Bar(step.room, place(step.at), max(4, place(end) - place(step.at)), step.still) for step, end in stays]
    each = timedelta(hours=1 if span <= timedelta(hours=9) else 2)
    ticks = [first + each * number for number in range(int(span / each) + 1)]
    hours = [(tick.hour, place(tick)) for tick in ticks]
    return Day(day.date, day.steps, day.more, bars, [place(at) for at in marks], hours)
