"""The registration desk's acts: checking somebody in by hand, undoing it, counting companions in and out.

What they do to passages, stays and seats is in :mod:`server.by_hand`; here they are checked and told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select

from admission.errors import ConfigError
from admission.venue import Direction, Room
from server import asked as read
from server import by_hand
from server.asked import Facts, programme_of
from server.phrase import marked, phrase
from server.store import schema
from server.store.instants import from_ms, to_ms

UNDO_WITHIN = timedelta(hours=18)
MOST = 500
"""Companions of one delegation that are counted at once."""


def entering(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """Who is let in where. The badge must not be revoked."""
    facts = read.badge(connection, asked)
    row = connection.execute(select(schema.badge.c.revoked).where(schema.badge.c.id == facts["badge"])).one()
    if row.revoked is not None:
        raise ConfigError(phrase("the badge of {person!r} is revoked; print a new one first", person=facts["person"]))
    return facts | {"room": _any_room(connection, asked).id}


def check_in(connection: Connection, facts: Facts, now: datetime) -> str:
    """Lets the person in; the facts then say by which passage."""
    plan = programme_of(connection)
    room = plan.room(facts["room"])
    assert room is not None, "it was checked"
    done = by_hand.check_in(connection, plan, facts["badge"], room, now)
    facts |= {"passage": done.passage, "session": done.session, "seat": done.seat}
    if any(gate.room == room.id and gate.direction is Direction.BOTH for gate in plan.gates):
        said = marked("checked into {room}; passage {number}. Its door also lets out: go in without the badge")
        return phrase(said, room=room.name, number=done.passage)
    return phrase("checked into {room}; passage {number}", room=room.name, number=done.passage)


def undoing(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """A check-in by hand, by the number of its act."""
    wanted = read.number(asked, "act", 1, 2**53)
    query = select(schema.act).where(schema.act.c.id == wanted, schema.act.c.kind == "check-in")
    row = connection.execute(query.where(schema.act.c.state == "done")).mappings().first()
    if row is None:
        raise ConfigError(phrase("act {number} is no check-in by hand", number=wanted))
    was = msgspec.json.decode(row["facts"])
    kept = {name: was[name] for name in ("person", "badge", "room", "passage", "seat")}
    return kept | {"act": wanted, "at": row["at"]}


def undo(connection: Connection, facts: Facts, now: datetime) -> str:
    """Takes it back. Raises ConfigError once the day is over."""
    if now - from_ms(facts["at"]) > UNDO_WITHIN:
        raise ConfigError(phrase("this check-in is too old to be undone; a supervisor can annul the entry"))
    free = by_hand.undo(connection, programme_of(connection), facts["passage"], now, seat=facts["seat"])
    if free or not facts["seat"]:
        return phrase("undone; the seat is free again") if free else phrase("undone")
    return phrase("undone; a seat that this leaves comes back by a head count")


def coming(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """How many companions of which delegation go where."""
    room, name = _any_room(connection, asked), str(asked.get("delegation", "")).strip()
    if not name or len(name) > 200 or "\0" in name:
        raise ConfigError(phrase("name the delegation whose companions these are"))
    return {"room": room.id, "delegation": name, "bodies": read.number(asked, "bodies", 1, MOST)}


def going(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """The same on their way out: no more than came in."""
    facts = coming(connection, asked)
    left = inside(connection, facts["room"], facts["delegation"])
    if facts["bodies"] > left:
        said = marked("{left} companions of {delegation} are counted in there; not more can go out")
        raise ConfigError(phrase(said, left=left, delegation=facts["delegation"]))
    return facts


def companions_in(connection: Connection, facts: Facts, now: datetime) -> str:
    """Counts them in, each on a seat."""
    by_hand.lock(connection, facts["room"])
    return _count(connection, facts, facts["bodies"], now)


def companions_out(connection: Connection, facts: Facts, now: datetime) -> str:
    """Counts them out: their seats come back."""
    by_hand.lock(connection, facts["room"])
    going(connection, facts)  # between the check and now, others may have counted
    return _count(connection, facts, -facts["bodies"], now)


def inside(connection: Connection, room: str, delegation: str) -> int:
    """The companions of a delegation that are counted in, and that no head count has dealt with since."""
    mine = schema.companion
    query = select(func.coalesce(func.sum(mine.c.bodies), 0)).where(mine.c.room == room, mine.c.settled.is_(False))
    return int(connection.execute(query.where(mine.c.delegation == delegation)).scalar_one())


def _count(connection: Connection, facts: Facts, bodies: int, now: datetime) -> str:
    plan = programme_of(connection)
    room = plan.room(facts["room"])
    assert room is not None, "it was checked"
    by_hand.companions(connection, plan, room, bodies, now)
    row = {"at": to_ms(now), "by": facts.get("by", ""), "room": room.id, "delegation": facts["delegation"]}
    connection.execute(insert(schema.companion), row | {"bodies": bodies})
    left = inside(connection, room.id, facts["delegation"])
    said = marked("{delegation} has {left} companions in {room} now")
    return phrase(said, delegation=facts["delegation"], left=left, room=room.name)


def _any_room(connection: Connection, asked: Mapping[str, Any]) -> Room:
    """A room, also one that counts no seats."""
    name = str(asked.get("room", ""))
    room = programme_of(connection).room(name)
    if room is None:
        raise ConfigError(phrase("there is no room {name!r}; choose one of the list", name=name))
    return room
