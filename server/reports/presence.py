"""Who is inside over time: curves of bodies in rooms and of people in sessions, their peaks, and how long people stay.

Stays are grouped by minute in the database. A curve says how many are inside at the end of a minute. Knows nothing of
who they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, func, select

from admission.stays import How
from admission.venue import Programme
from server.reports.days import Span
from server.reports.tallies import MINUTE, Tally, parts
from server.store.schema import act, stay

SIGNS = {"entry": 1, "forced": 1, "exit": -1}
Steps = Mapping[int, int]
"""By how much the number inside changes in a minute."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The most at once, and in which minute first. ``minute`` None: nobody ever."""

    most: int = 0
    minute: int | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """How many are inside: ``points`` are (minute, inside from then on), the first at the start of the span."""

    points: tuple[tuple[int, int], ...]

    @property
    def peak(self) -> Peak:
        """Its highest point."""
        minute, most = max(self.points, key=lambda point: (point[1], -point[0]), default=(None, 0))
        return Peak(most, minute) if most > 0 else Peak()

    def most_in(self, since: int, until: int) -> int:
        """The most inside at any minute from ``since`` until before ``until``."""
        most = 0
        for (begins, inside), (ends, _) in pairwise((*self.points, (until, 0))):
            if begins < until and max(ends, begins + 1) > since:
                most = max(most, inside)
        return most


@dataclass(frozen=True, slots=True)
class Dwell:
    """How long people stayed who left through an exit: ``stays`` of them, median and 90th percentile in minutes."""

    stays: int = 0
    median: int = 0
    p90: int = 0


@dataclass
class Presence:
    """The changes of a span: of each room in bodies, of each session in people, and how many were there before it."""

    span: Span
    rooms: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    sessions: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    before: Counter[str] = field(default_factory=Counter)

    def room(self, name: str) -> Curve:
        """Bodies in a room by the badges read there, and those without badge whom somebody has counted."""
        return _curve(self.span, self.before[name], self.rooms.get(name, {}))

    def session(self, name: str) -> Curve:
        """People in a session, from its first."""
        return _curve(self.span, 0, self.sessions.get(name, {}))


def real() -> ColumnElement[bool]:
    """Stays that count: with an entry, not annulled, not a second one of somebody who is inside already."""
    return stay.c.opened.is_not(None) & ~stay.c.duplicate & (stay.c.how != How.ANNULLED)


def within(column: ColumnElement[int], span: Span) -> ColumnElement[bool]:
    """Whether an instant is in the span."""
    return (column >= span.since) & (column < span.until)


def stays(connection: Connection, query: Select[Any], session: str = "") -> Iterator[Any]:
    """The rows of a query on stays, asked in parts; or of the stays of one session alone, which are found at once."""
    if session:
        yield from connection.execute(query.where(stay.c.session == session))
        return
    newest = connection.execute(select(func.max(stay.c.id))).scalar_one() or 0
    for first, last in parts(0, newest):
        yield from connection.execute(query.where(stay.c.id > first, stay.c.id <= last))


def read(connection: Connection, span: Span, around: Span, tally: Tally, session: str = "") -> Presence:
    """Rooms within the span, and sessions within the span ``around`` it, as some begin before and end after.

    ``session``: only the stays of this one.
    """
    found = Presence(span)
    for instant, sign in ((stay.c.opened, 1), (stay.c.closed, -1)):
        minute = (instant // MINUTE).label("minute")
        query = select(stay.c.room, stay.c.session, minute, func.count()).where(real(), within(instant, around))
        query = query.group_by(stay.c.room, stay.c.session, minute)
        for room, name, at, count in stays(connection, query, session):
            found.sessions[name][at] += sign * count
            if at in span.minutes:
                found.rooms[room][at] += sign * count
    if session:
        return found
    earlier = (stay.c.opened < span.since) & (stay.c.closed.is_(None) | (stay.c.closed >= span.since))
    query = select(stay.c.room, func.count()).where(real(), earlier).group_by(stay.c.room)
    found.before.update(dict(connection.execute(query).all()))
    for room, steps in _unbadged(connection, span, tally).items():
        found.rooms[room].update(steps)
    return found


def together(programme: Programme, inside: Presence) -> Curve:
    """Bodies in the whole venue. A room holds at least those of the rooms in it, even if its own gates missed some."""

    def holding(room: str) -> Curve:
        within = [holding(one.id) for one in programme.rooms if one.inside == room]
        return _joined([inside.room(room), _joined(within, sum)], max)

    return _joined([holding(one.id) for one in programme.rooms if one.inside is None], sum)


def _joined(curves: Sequence[Curve], how: Callable[[Sequence[int]], int]) -> Curve:
    """The curve of the sum, or the maximum, of some curves at each minute."""
    at = [0] * len(curves)
    steps = sorted((minute, number, inside) for number, one in enumerate(curves) for minute, inside in one.points)
    points: dict[int, int] = {}
    for minute, number, inside in steps:
        at[number] = inside
        points[minute] = how(at)
    return Curve(tuple(points.items()))


def dwell(connection: Connection, span: Span, session: str = "") -> tuple[dict[str, Dwell], dict[str, Dwell]]:
    """How long people stayed who came within the span: by room, by session.

    ``session``: only the stays of this one.
    """
    minutes = ((stay.c.closed - stay.c.opened) // MINUTE).label("minutes")
    timed = (stay.c.how == How.EXIT) & (stay.c.closed >= stay.c.opened)
    query = select(stay.c.room, stay.c.session, minutes, func.count()).where(real(), timed, within(stay.c.opened, span))
    query = query.group_by(stay.c.room, stay.c.session, minutes)
    rooms: dict[str, Counter[int]] = defaultdict(Counter)
    sessions: dict[str, Counter[int]] = defaultdict(Counter)
    for room, name, long, count in stays(connection, query, session):
        rooms[room][long] += count
        sessions[name][long] += count
    return {name: _dwell(one) for name, one in rooms.items()}, {name: _dwell(one) for name, one in sessions.items()}


def _dwell(spread: Mapping[int, int]) -> Dwell:
    stays = sum(spread.values())
    return Dwell(stays, _quantile(spread, stays * 0.5), _quantile(spread, stays * 0.9))


def _quantile(spread: Mapping[int, int], rank: float) -> int:
    """The least length that at least ``rank`` stays do not exceed."""
    seen = 0
    for long in sorted(spread):
        seen += spread[long]
        if seen >= rank:
            return long
    return 0


def _curve(span: Span, before: int, steps: Steps) -> Curve:
    points, inside = [(span.minutes.start, before)], before
    for minute in sorted(steps):
        inside += steps[minute]
        if steps[minute]:
            points.append((minute, inside))
    return Curve(tuple(points))


def _unbadged(connection: Connection, span: Span, tally: Tally) -> dict[str, Counter[int]]:
    """People without a badge, counted at a gate or at a desk; never more out than in."""
    steps: dict[str, Counter[int]] = defaultdict(Counter)
    for event, bodies in tally.items():
        if not event.badged and event.minute in span.minutes and event.kind in SIGNS:
            steps[event.room][event.minute] += SIGNS[event.kind] * bodies
    done = (act.c.state == "done") & act.c.kind.in_(("unbadged-in", "unbadged-out"))
    at = func.coalesce(act.c.confirmed, act.c.at)
    for kind, room, facts, when in connection.execute(
        select(act.c.kind, act.c.room, act.c.facts, at).where(done, at >= span.since, at < span.until)
    ):
        bodies = int(msgspec.json.decode(facts).get("bodies", 0))
        steps[room][when // MINUTE] += bodies if kind == "unbadged-in" else -bodies
    return {room: _not_below_zero(found) for room, found in steps.items()}


def _not_below_zero(steps: Steps) -> Counter[int]:
    kept: Counter[int] = Counter()
    inside = 0
    for minute in sorted(steps):
        after = max(0, inside + steps[minute])
        kept[minute], inside = after - inside, after
    return kept
