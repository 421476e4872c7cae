"""Clashes and impossible rules of a programme: what is wrong, how bad it is, and where it is mended. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from itertools import combinations
from zoneinfo import ZoneInfo

from admission.rules import CHANGEOVER
from admission.venue import Direction, Exits, Room, Session
from server.phrase import Phrase, phrase
from server.phrase import marked as _
from server.schedule.facts import Facts


class Level(IntEnum):
    """How bad it is. IMPOSSIBLE: people will stand at a door in vain, or seats are miscounted."""

    IMPOSSIBLE = 0
    DOUBTFUL = 1
    NOTE = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing. ``about`` and ``ref``: the session, list, room or gate where it is mended; ``also``: another session
    that it is about."""

    level: Level
    what: Phrase
    about: str
    ref: str
    also: str = ""

    def concerns(self, about: str, ref: str) -> bool:
        """Whether it is about this thing; a session's list counts as the session."""
        kind = "session" if self.about == "list" else self.about
        return (kind, self.ref) == (about, ref) or (about == "session" and self.also == ref)


def find(facts: Facts, now: datetime) -> list[Finding]:
    """All of them, the worst first, then in the order of the programme. Sessions that are over are left out, but for
    people who are still inside."""
    zone = ZoneInfo(facts.programme.timezone)
    ahead = [one for one in facts.programme.sessions if one.ends > now]
    found = [*_overlaps(ahead, zone, facts), *_rooms(facts)]
    for session in sorted(facts.programme.sessions, key=lambda one: one.starts):
        if session.ends > now:
            found += [*_capacity(facts, session), *_doors(session, zone), *_nobody(facts, session)]
            found += [*_lists(facts, session), *_quotas(facts, session), *_sent_on(facts, session)]
        elif inside := facts.inside.get(session.id, 0):
            said = _("{title} is over, and {inside} who came for it are still inside")
            found.append(_session(Level.NOTE, session, phrase(said, title=session.title, inside=inside)))
    return sorted(found, key=lambda one: one.level)


def _session(level: Level, session: Session, what: Phrase, also: str = "") -> Finding:
    return Finding(level, what, "session", session.id, also)


def _overlaps(ahead: Sequence[Session], zone: ZoneInfo, facts: Facts) -> Iterator[Finding]:
    for one, other in combinations(sorted(ahead, key=lambda session: (session.starts, session.id)), 2):
        many = facts.both.get((min(one.id, other.id), max(one.id, other.id)), 0)
        overlap = min(one.ends, other.ends) - other.starts
        if many and one.invited and other.invited and other.starts < one.ends:
            said = _("{many} people are on the lists of both {one} and {other}, which go on at once")
            what = phrase(said, many=many, one=one.title, other=other.title)
            yield Finding(Level.DOUBTFUL, what, "list", other.id, one.id)
        if one.room != other.room:
            continue
        words = {"one": one.title, "other": other.title, "room": _name(facts, one.room)}
        if overlap > CHANGEOVER:
            said = _("{one} and {other} are both in {room} from {since} to {until}")
            span = {"since": _clock(other.starts, zone), "until": _clock(min(one.ends, other.ends), zone)}
            yield _session(Level.IMPOSSIBLE, other, phrase(said, **words, **span), one.id)
        elif other.doors_open < min(one.ends, one.doors_close) - CHANGEOVER and _rights(one) != _rights(other):
            said = _("the doors of {other} open at {time}, while {one} in {room} still admits others")
            yield _session(Level.DOUBTFUL, other, phrase(said, **words, time=_clock(other.doors_open, zone)), one.id)


def _capacity(facts: Facts, session: Session) -> Iterator[Finding]:
    room = facts.room(session)
    if room is None or session.capacity is None:
        return
    words = {"title": session.title, "capacity": session.capacity, "room": room.name}
    if room.limit is None:
        said = _("{title} is to hold {capacity}, but nobody is counted in {room}: it has no limit")
        yield _session(Level.IMPOSSIBLE, session, phrase(said, **words))
    elif session.capacity > (seats := room.limit - room.reserve):
        said = _("{title} is to hold {capacity}, but {room} has {seats} seats")
        yield _session(Level.DOUBTFUL, session, phrase(said, **words, seats=seats))
    elif session.capacity == 0:
        yield _session(Level.IMPOSSIBLE, session, phrase("{title} has a capacity of 0: nobody comes in", **words))


def _doors(session: Session, zone: ZoneInfo) -> Iterator[Finding]:
    words = {"title": session.title, "opens": _clock(session.doors_open, zone)}
    if session.doors_close <= session.doors_open:
        yield _session(Level.NOTE, session, phrase("{title} is closed: its doors do not open", **words))
    elif session.doors_open > session.starts or session.doors_close > session.ends:
        yield _session(Level.DOUBTFUL, session, phrase("the doors of {title} do not fit its times", **words))
    elif session.doors_close <= session.starts:
        said = _("the doors of {title} close when it begins: whoever is late stays out")
        yield _session(Level.NOTE, session, phrase(said, **words))


def _nobody(facts: Facts, session: Session) -> Iterator[Finding]:
    """Rules by which nobody can enter at all."""
    listed = facts.lists.get(session.id, (0, 0))[0]
    if listed or not facts.people:
        return
    if session.invited:
        what = phrase("{title} is for invited people only, and nobody is on its list", title=session.title)
        yield Finding(Level.IMPOSSIBLE, what, "list", session.id)
    elif not facts.of_categories(session):
        said = _("nobody can enter {title}: nobody is of the categories that it is for")
        yield _session(Level.IMPOSSIBLE, session, phrase(said, title=session.title))
    elif not facts.eligible(session):
        said = _("nobody can enter {title}: nobody of its categories has the zones that it asks for")
        yield _session(Level.IMPOSSIBLE, session, phrase(said, title=session.title))


def _lists(facts: Facts, session: Session) -> Iterator[Finding]:
    listed, seats = facts.lists.get(session.id, (0, 0))[0], facts.seats(session)
    if session.invited and seats is not None and listed > seats:
        said = _("{listed} people are invited to {title}, and there are {seats} seats")
        what = phrase(said, listed=listed, title=session.title, seats=seats)
        yield Finding(Level.DOUBTFUL, what, "list", session.id)


def _quotas(facts: Facts, session: Session) -> Iterator[Finding]:
    places, seats = facts.quotas.get(session.id, 0), facts.seats(session)
    if seats is not None and places > seats:
        said = _("the delegations may bring {places} people to {title}, and there are {seats} seats")
        what = phrase(said, places=places, title=session.title, seats=seats)
        yield _session(Level.DOUBTFUL, session, what)


def _sent_on(facts: Facts, session: Session) -> Iterator[Finding]:
    """A full room that sends people to a door which refuses them. A room without any session is open to everybody."""
    room, listed = facts.room(session), facts.lists.get(session.id, (0, 0))[0]
    other = facts.programme.room(room.overflow) if room is not None and room.overflow is not None else None
    seats = facts.seats(session)
    if other is None or seats is None or (session.invited and listed <= seats):
        return
    there = list(facts.programme.sessions_of(other.id))
    if there and not any(_takes(one, session) for one in there):
        said = _("whoever finds {title} full is sent to {room}, where no session lets them in at that time")
        yield _session(Level.DOUBTFUL, session, phrase(said, title=session.title, room=other.name))


def _takes(other: Session, session: Session) -> bool:
    """Whether people of ``session`` may go to the other one instead, at some time while its own doors are open."""
    at_once = other.doors_open < session.doors_close and session.doors_open < other.doors_close
    everyone = not session.categories & ~other.categories and not other.zones & ~session.zones
    return at_once and everyone and not other.invited


def _rooms(facts: Facts) -> Iterator[Finding]:
    for room in facts.programme.rooms:
        if room.overflow is not None and room.limit is None:
            said = _("nobody is counted in {room}: it is never full, and nobody is sent to {other}")
            what = phrase(said, room=room.name, other=_name(facts, room.overflow))
            yield Finding(Level.NOTE, what, "room", room.id)
        used = any(one.room == room.id for one in facts.programme.sessions)
        yield from _circle(facts, room)
        if used or room.limit is not None:
            yield from _gates(facts, room)
    for gate in facts.programme.gates:
        guarded = facts.programme.room(gate.room)
        if gate.direction is Direction.BOTH and guarded is not None and guarded.exits is Exits.TRUSTED:
            said = _("{gate} leads both ways into {room}, whose exits are trusted: somebody may turn round in the door")
            what = phrase(said, gate=gate.name, room=guarded.name)
            yield Finding(Level.IMPOSSIBLE, what, "gate", gate.id)


def _circle(facts: Facts, room: Room) -> Iterator[Finding]:
    seen, at = {room.id}, room.inside
    while at is not None and at not in seen:
        seen.add(at)
        outer = facts.programme.room(at)
        at = outer.inside if outer is not None else None
    if at == room.id:
        what = phrase("{room} lies inside itself, over other rooms", room=room.name)
        yield Finding(Level.IMPOSSIBLE, what, "room", room.id)


def _gates(facts: Facts, room: Room) -> Iterator[Finding]:
    gates = [one for one in facts.programme.gates if one.room == room.id]
    ways_in = [one for one in gates if one.direction is not Direction.OUT]
    if not ways_in:
        what = phrase("{room} has no gate by which one comes in", room=room.name)
        yield Finding(Level.IMPOSSIBLE, what, "room", room.id)
    elif bare := [one.name for one in ways_in if not facts.kiosks.get(one.id)]:
        level = Level.IMPOSSIBLE if len(bare) == len(ways_in) else Level.DOUBTFUL
        said = _("no kiosk stands at {gates}: nobody is checked there on the way into {room}")
        what = phrase(said, gates=", ".join(bare), room=room.name)
        yield Finding(level, what, "room", room.id)
    one_way = bool(gates) and all(one.direction is Direction.IN for one in gates)
    if room.limit is not None and room.exits is not Exits.NONE and one_way:
        said = _("nobody is counted out of {room}: it has no gate that leads out, and its exits should count")
        yield Finding(Level.DOUBTFUL, phrase(said, room=room.name), "room", room.id)


def _rights(session: Session) -> tuple[int, int, bool, str]:
    return session.categories, session.zones, session.invited, session.id if session.invited else ""


def _name(facts: Facts, room: str) -> str:
    found = facts.programme.room(room)
    return found.name if found is not None else room


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"
