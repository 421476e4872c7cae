"""The report of a day, or of all days: everything that its pages, pictures, files and the PDF are made of.

Refusals are attempts at a gate. A room or session is as full as its stays say, minute by minute.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from admission.venue import Exits, Programme, Room, Session
from server.reports import audience, presence
from server.reports.audience import Audience, Expected
from server.reports.days import Span
from server.reports.presence import Curve, Dwell, Peak
from server.reports.tallies import Tally
from server.store.instants import to_ms
from server.store.schema import gate as gate_table
from server.store.schema import incident
from server.store.schema import session as session_table

BIN = 5
"""Minutes of arrivals that are drawn together."""
ENTRIES = frozenset({"entry", "forced"})
LATE = 2 * 3_600_000
"""Milliseconds after a session's end in which people still leave it."""
Minutes = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Talk:
    """A session. ``seats``: how many may be in it at once (None: nobody counts); ``expected`` None: it has no list, or
    its doors have not closed yet, or names were cut. ``begun``: its doors have been opened."""

    session: Session
    theme: str
    room: str
    seats: int | None
    people: int
    peak: Peak
    dwell: Dwell
    expected: Expected | None
    begun: bool = True

    @property
    def share(self) -> float | None:
        """People who came, of the seats. Above 1 where seats were taken by one person after another."""
        return None if self.seats is None else self.people / self.seats if self.seats else 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """A room and the bodies in it. ``counted``: whether leaving is noticed; if not, the curve never falls by itself."""

    room: Room
    curve: Curve
    dwell: Dwell
    counted: bool

    @property
    def peak(self) -> Peak:
        """The most at once."""
        return self.curve.peak


@dataclass(frozen=True, slots=True)
class Door:
    """A gate: bodies that came in by minute, and attempts that were refused."""

    id: str
    name: str
    arrivals: Minutes
    refused: int

    @property
    def entries(self) -> int:
        """Bodies that came in."""
        return sum(self.arrivals.values())

    def bins(self) -> Counter[int]:
        """Arrivals by BIN minutes; keys are the first minute of each."""
        found: Counter[int] = Counter()
        for minute, bodies in self.arrivals.items():
            found[minute // BIN * BIN] += bodies
        return found

    @property
    def busiest(self) -> Peak:
        """The BIN minutes in which most came."""
        bins = self.bins()
        first = max(bins, key=lambda minute: (bins[minute], -minute), default=None)
        return Peak() if first is None else Peak(bins[first], first)


@dataclass(frozen=True, slots=True)
class Safety:
    """What went otherwise than planned. ``over``: times that a room was over its legal limit, by room."""

    refused: Mapping[str, int]
    refused_at: Mapping[str, Mapping[str, int]]
    forced: int
    unbadged: int
    annulled: int
    over: Mapping[str, int]

    @property
    def attempts(self) -> int:
        """All refusals."""
        return sum(self.refused.values())


@dataclass(frozen=True, slots=True)
class Report:
    """A day, or all days."""

    span: Span
    made: datetime
    talks: Sequence[Talk]
    venue: Curve
    places: Sequence[Place]
    doors: Sequence[Door]
    audience: Audience
    safety: Safety
    entries: int

    @property
    def fullest(self) -> Place | None:
        """The room that was fullest for its legal limit."""
        limited = [one for one in self.places if one.room.limit and one.peak.most]
        return max(limited, key=lambda one: one.peak.most / (one.room.limit or 1), default=None)

    @property
    def busiest(self) -> Peak:
        """The BIN minutes in which most came in, through all gates."""
        total: Counter[int] = Counter()
        for door in self.doors:
            total.update(door.bins())
        first = max(total, key=lambda minute: (total[minute], -minute), default=None)
        return Peak() if first is None else Peak(total[first], first)


@dataclass(frozen=True, slots=True)
class Scene:
    """What one report is read from."""

    connection: Connection
    programme: Programme
    tally: Tally
    now: datetime


def read(scene: Scene, span: Span) -> Report:
    """The report of a span."""
    mine = [one for one in scene.programme.sessions if span.since <= to_ms(one.starts) < span.until]
    mine.sort(key=lambda one: (one.starts, one.id))
    around = _around(span, mine)
    inside = presence.read(scene.connection, span, around, scene.tally)
    themes = _themes(scene.connection)
    people = audience.read(scene.connection, span, around, {one.id: themes.get(one.id, "") for one in mine})
    dwell = presence.dwell(scene.connection, around)
    doors, safety = _doors(scene, span), _safety(scene, span)
    return Report(
        span=span,
        made=scene.now,
        talks=[_talk(scene, one, themes, inside, people, dwell[1]) for one in mine],
        venue=presence.together(scene.programme, inside),
        places=_places(scene, inside, dwell[0]),
        doors=doors,
        audience=people,
        safety=safety,
        entries=sum(door.entries for door in doors),
    )


def seats_of(programme: Programme, session: Session) -> int | None:
    """How many may be in a session at once: the room's limit without its reserve, or less if the session says so."""
    room = programme.room(session.room)
    most = [] if session.capacity is None else [session.capacity]
    if room is not None and room.limit is not None:
        most.append(room.limit - room.reserve)
    return min(most, default=None)


def talk_of(scene: Scene, session: Session, span: Span, inside: presence.Presence) -> Talk:
    """One session, all of whose stays are within the span."""
    themes = _themes(scene.connection)
    people = audience.read(scene.connection, span, span, {session.id: themes.get(session.id, "")}, session.id)
    dwell = presence.dwell(scene.connection, span, session.id)
    return _talk(scene, session, themes, inside, people, dwell[1])


def expected_of(session: Session, found: Mapping[str, Expected], now: datetime) -> Expected | None:
    """Who was expected and came; None before the doors have closed, for until then they may still come."""
    return found.get(session.id) if session.doors_close <= now else None


def _around(span: Span, sessions: Sequence[Session]) -> Span:
    """The span and its sessions from their doors' opening until well after their ends, also over midnight."""
    first = min((to_ms(one.doors_open) for one in sessions), default=span.since)
    last = max((to_ms(one.ends) for one in sessions), default=span.until)
    return Span(None, min(span.since, first), max(span.until, last + LATE))


def _themes(connection: Connection) -> dict[str, str]:
    return dict(connection.execute(select(session_table.c.id, session_table.c.theme)).all())


def _talk(
    scene: Scene,
    one: Session,
    themes: Mapping[str, str],
    inside: presence.Presence,
    people: Audience,
    dwell: Mapping[str, Dwell],
) -> Talk:
    """A session with what is counted over its whole length."""
    room = scene.programme.room(one.room)
    return Talk(
        session=one,
        theme=themes.get(one.id, ""),
        room=room.name if room else one.room,
        seats=seats_of(scene.programme, one),
        people=people.by_session.get(one.id, 0),
        peak=inside.session(one.id).peak,
        dwell=dwell.get(one.id, Dwell()),
        expected=expected_of(one, people.expected, scene.now),
        begun=one.doors_open <= scene.now,
    )


def _places(scene: Scene, inside: presence.Presence, dwell: Mapping[str, Dwell]) -> list[Place]:
    """Rooms with gates of their own; the others hold nobody but those in the rooms inside them."""
    gated = {gate.room for gate in scene.programme.gates}
    return [
        Place(room, inside.room(room.id), dwell.get(room.id, Dwell()), room.exits is not Exits.NONE)
        for room in scene.programme.rooms
        if room.id in gated
    ]


def _doors(scene: Scene, span: Span) -> list[Door]:
    """Gates through which one comes in, in the programme's order, and whatever else somebody came in by."""
    arrivals: dict[str, Counter[int]] = defaultdict(Counter)
    refused: Counter[str] = Counter()
    for event, bodies in scene.tally.items():
        if event.minute in span.minutes and event.kind in ENTRIES:
            arrivals[event.gate][event.minute] += bodies
        elif event.minute in span.minutes and event.kind == "refused":
            refused[event.gate] += bodies
    order = {room.id: number for number, room in enumerate(scene.programme.rooms)}
    known = sorted(scene.programme.gates, key=lambda one: (order.get(one.room, 0), one.name))
    names = {str(one.id): one.name for one in known if one.direction != "out" or one.id in refused}
    query = select(gate_table.c.id, gate_table.c.name)
    names |= {name: said for name, said in scene.connection.execute(query) if name in arrivals}
    others = sorted((set(arrivals) | set(refused)) - set(names))
    names |= {name: name for name in others}
    return [Door(name, said, arrivals.get(name, {}), refused[name]) for name, said in names.items()]


def _safety(scene: Scene, span: Span) -> Safety:
    reasons: Counter[str] = Counter()
    by_gate: dict[str, Counter[str]] = defaultdict(Counter)
    kinds: Counter[str] = Counter()
    unbadged = 0
    for event, bodies in scene.tally.items():
        if event.minute not in span.minutes:
            continue
        kinds[event.kind] += bodies
        unbadged += bodies if event.kind in ENTRIES and not event.badged else 0
        if event.kind == "refused":
            reasons[event.why] += bodies
            by_gate[event.gate][event.why] += bodies
    over = (incident.c.kind == "over_limit") & presence.within(incident.c.at, span)
    query = select(incident.c.room, func.count()).where(over).group_by(incident.c.room)
    times: dict[str, int] = dict(scene.connection.execute(query).all())
    return Safety(dict(reasons.most_common()), by_gate, kinds["forced"], unbadged, kinds["annulled"], times)
