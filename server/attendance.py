"""A session's whole attendance: who came, from when to when, who was listed and did not, and who was sent away.

A stay belongs to the session that its entry was let in for. An entry that was annulled counts for nothing. Only reads.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, case, func, literal_column, select

from admission.stays import How
from server.found import no_index
from server.store.instants import from_ms, to_ms
from server.store.schema import listing, passage, person, room, session, stay

PAGE = 100
HEADER = ["person", "name", "organisation", "delegation", "badge", "came", "left", "minutes", "times"]
HEADER_ABSENT = ["person", "name", "organisation", "delegation"]


@dataclass(frozen=True, slots=True)
class Held:
    """The session itself. Times are in the venue's zone."""

    id: str
    title: str
    theme: str
    room: str
    room_name: str
    starts: datetime
    ends: datetime
    invited: bool
    capacity: int | None


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody who came. ``left`` empty: nobody saw them leave; the minutes then run to the session's end at most.
    ``inside``: they are there now. ``times``: how often they came in."""

    ref: str
    name: str
    organisation: str
    delegation: str
    badge: int
    came: datetime
    left: datetime | None
    minutes: int
    times: int
    inside: bool


@dataclass(frozen=True, slots=True)
class Absent:
    """Somebody who was on the session's list and did not come."""

    ref: str
    name: str
    organisation: str
    delegation: str


@dataclass(frozen=True, slots=True)
class Figures:
    """How many came, are there now, were listed, listed and absent, sent away (by reason), and let in by a
    steward; the median of the minutes that somebody stayed."""

    came: int
    inside: int
    listed: int
    absent: int
    refused: dict[str, int]
    forced: int
    minutes: int

    @property
    def refusals(self) -> int:
        """All who were sent away."""
        return sum(self.refused.values())


def find(connection: Connection, number: str, zone: ZoneInfo) -> Held | None:
    """The session of that reference; None if there is none."""
    query = select(session, room.c.name).join(room, room.c.id == session.c.room).where(session.c.id == number)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return Held(
        id=row["id"],
        title=row["title"],
        theme=row["theme"],
        room=row["room"],
        room_name=row["name"],
        starts=from_ms(row["starts"]).astimezone(zone),
        ends=from_ms(row["ends"]).astimezone(zone),
        invited=row["invited"],
        capacity=row["capacity"],
    )


def figures(connection: Connection, held: Held, now: datetime) -> Figures:
    """The session in numbers."""
    came = list(connection.execute(_came(held, now)).mappings())
    listed = select(func.count()).select_from(listing).where(listing.c.session == held.id, listing.c.may)
    absent = select(func.count()).select_from(_absent(held).subquery())
    return Figures(
        came=len(came),
        inside=sum(bool(row["open"]) for row in came) if now <= held.ends else 0,
        listed=connection.execute(listed).scalar_one(),
        absent=connection.execute(absent).scalar_one(),
        refused=_refused(connection, held),
        forced=_forced(connection, held),
        minutes=round(statistics.median(_minutes(row) for row in came)) if came else 0,
    )


def attendees(
    connection: Connection, held: Held, now: datetime, *, page: int = 0, size: int | None = PAGE
) -> list[Attendee]:
    """Who came, by name; ``size`` None: everybody."""
    query = _came(held, now).order_by(func.coalesce(person.c.search, ""), stay.c.holder)
    if size is not None:
        query = query.limit(size).offset(page * size)
    return [_attendee(row, held, now) for row in connection.execute(query).mappings()]


def absentees(connection: Connection, held: Held, *, page: int = 0, size: int | None = PAGE) -> list[Absent]:
    """Who was listed and did not come, by name; ``size`` None: everybody."""
    query = _absent(held).order_by(person.c.search, person.c.id)
    if size is not None:
        query = query.limit(size).offset(page * size)
    return [Absent(row.ref, row.name, row.organisation, row.delegation) for row in connection.execute(query)]


def lines(some: Sequence[Attendee] | Sequence[Absent], header: Sequence[str]) -> list[dict[str, Any]]:
    """People for a file: one dict each, with the keys of ``header``."""
    return [{name: getattr(one, "ref" if name == "person" else name) for name in header} for one in some]


def _came(held: Held, now: datetime) -> Select[Any]:
    """One row for each holder who came."""
    until = min(to_ms(now), to_ms(held.ends))
    who = (person.c.ref, person.c.name, person.c.organisation, person.c.delegation)
    # A second entry while one is inside is counted, but its minutes are those of the first.
    ends = func.coalesce(stay.c.closed, case((stay.c.opened > until, stay.c.opened), else_=until))
    return (
        select(
            stay.c.holder,
            func.min(stay.c.serial).label("serial"),
            func.min(stay.c.opened).label("came"),
            func.max(stay.c.closed).label("left"),
            func.sum(case((stay.c.closed.is_(None), 1), else_=0)).label("open"),
            func.sum(case((stay.c.duplicate, 0), else_=ends - stay.c.opened)).label("ms"),
            func.count().label("times"),
            *who,
        )
        .select_from(stay.outerjoin(person, person.c.id == stay.c.holder))
        .where(stay.c.session == held.id, stay.c.opened.is_not(None), stay.c.how != How.ANNULLED)
        .group_by(stay.c.holder, *who, person.c.search)
    )


def _absent(held: Held) -> Select[Any]:
    came = select(stay.c.holder).where(
        stay.c.session == held.id, stay.c.opened.is_not(None), stay.c.how != How.ANNULLED
    )
    return (
        select(person.c.id, person.c.ref, person.c.name, person.c.organisation, person.c.delegation)
        .join(listing, and_(listing.c.person == person.c.id, listing.c.session == held.id))
        .where(listing.c.may, person.c.id.not_in(came))
    )


def _refused(connection: Connection, held: Held) -> dict[str, int]:
    """How often, by reason, the most frequent first: all of it stands in the index of reasons."""
    many = func.sum(passage.c.count)
    query = select(passage.c.why, many).where(passage.c.why != literal_column("''"), passage.c.kind == "refused")
    query = query.where(_session(connection) == held.id).group_by(passage.c.why).order_by(many.desc(), passage.c.why)
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def _forced(connection: Connection, held: Held) -> int:
    query = select(func.coalesce(func.sum(passage.c.count), 0)).where(_session(connection) == held.id)
    unusual = passage.c.verdict != literal_column("'accepted'")  # as the index of what is rare has it
    return int(connection.execute(query.where(passage.c.verdict == "forced", unusual)).scalar_one())


def _session(connection: Connection) -> ColumnElement[str]:
    """The session of a passage, to be looked at: most of a session's passages are ordinary."""
    return no_index(passage.c.session) if connection.dialect.name == "sqlite" else passage.c.session


def _minutes(row: RowMapping) -> int:
    return max(0, int(row["ms"] or 0)) // 60_000


def _attendee(row: RowMapping, held: Held, now: datetime) -> Attendee:
    zone = held.starts.tzinfo
    return Attendee(
        ref=row["ref"] or "",
        name=row["name"] or "",
        organisation=row["organisation"] or "",
        delegation=row["delegation"] or "",
        badge=row["serial"],
        came=from_ms(row["came"]).astimezone(zone),
        left=None if row["open"] or row["left"] is None else from_ms(row["left"]).astimezone(zone),
        minutes=_minutes(row),
        times=row["times"],
        inside=bool(row["open"]) and now <= held.ends,
    )
