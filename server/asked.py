"""What an act is asked with, read and checked: the facts that are written down before it is done.

Each function reads what it needs of ``asked`` and returns facts, or raises ConfigError with what was wrong. Changes
nothing; what is done with the facts is in :mod:`server.deeds`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from admission.errors import ConfigError
from admission.ledger import RoomBook
from admission.passage import Kind
from admission.venue import Exits, Programme, Room, capacity_at
from server import event, fencing, programme, restore
from server.phrase import marked, phrase
from server.store import schema
from server.store.accounts import DESK

Facts = dict[str, Any]
MOST_BODIES = 1_000_000


def programme_of(connection: Connection) -> Programme:
    """The programme as it is in this transaction."""
    return programme.read(connection, event.read(connection))


def book_of(connection: Connection, name: str, now: datetime) -> tuple[Room, RoomBook]:
    """The room and its book, with the capacity of this moment. Raises ConfigError for a room without an account."""
    plan = programme_of(connection)
    room = plan.room(name)
    capacity = capacity_at(plan, room, now) if room is not None else None
    if room is None or capacity is None:
        raise ConfigError(phrase("room {name!r} has no limit: nothing is counted there", name=name))
    row = connection.execute(select(schema.book).where(schema.book.c.room == name).with_for_update()).one()
    return room, RoomBook(capacity, row.recount, row.closed, row.forced)


def room(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """The room that is named, which counts seats."""
    name = str(asked.get("room", ""))
    row = connection.execute(select(schema.room).where(schema.room.c.id == name)).first()
    if row is None:
        known = ", ".join(connection.execute(select(schema.room.c.id).order_by(schema.room.c.position)).scalars())
        raise ConfigError(phrase("there is no room {name!r}; rooms are: {known}", name=name, known=known))
    if row.limit is None:
        raise ConfigError(phrase("room {name!r} has no limit: nothing is counted there", name=name))
    return {"room": name}


def number(asked: Mapping[str, Any], name: str, lowest: int = 0, highest: int = MOST_BODIES) -> int:
    """A whole number within bounds, under its name."""
    try:
        found = int(str(asked.get(name, "")).strip())
    except ValueError:
        raise ConfigError(phrase("{name}: write a whole number", name=name)) from None
    if not lowest <= found <= highest:
        said = marked("{name}: {number} cannot be; write a number from {lowest} to {highest}")
        raise ConfigError(phrase(said, name=name, number=found, lowest=lowest, highest=highest))
    return found


def retired(connection: Connection, asked: Mapping[str, Any]) -> list[str]:
    """The kiosks that are off and in hand (k-hall-a), and the stores that are gone (k-hall-a/8123), as whoever counts
    says."""
    named = asked.get("retired") or []
    names = sorted({str(name) for name in (named.split() if isinstance(named, str) else named)})
    for name in names:
        kiosk, slash, store = name.partition("/")
        device(connection, {"device": kiosk})
        if slash and not re.fullmatch("[0-9]{1,15}", store):
            said = marked("{name!r}: write the kiosk's name, or its name and a store, like k-hall-a/8123")
            raise ConfigError(phrase(said, name=name))
    return names


def heads(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """A head count of a room whose entries are held."""
    return cleared(connection, asked) | {"heads": number(asked, "heads")}


def cleared(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """A room whose entries are held, with the kiosks that are out of the way."""
    facts = room(connection, asked) | {"retired": retired(connection, asked)}
    hold = hold_of(connection, facts["room"])
    if hold is None:
        raise ConfigError(phrase("hold the room's entries first, so that nobody comes in while heads are counted"))
    return facts | {"hold": hold}


def hold_of(connection: Connection, room: str) -> int | None:
    """The number of the hold that is on; None: the gates admit."""
    row = connection.execute(select(schema.book.c.hold, schema.book.c.held).where(schema.book.c.room == room)).one()
    return int(row.hold) if row.held else None


def unconfirmed(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """A room that a restore has closed and nobody has confirmed."""
    facts = room(connection, asked)
    if facts["room"] not in restore.closed_rooms(connection):
        said = marked("this room was not closed by a restore, or is confirmed already; nothing is left to do")
        raise ConfigError(phrase(said))
    return facts | {"era": connection.execute(select(schema.event.c.era)).scalar_one()}


def capacity(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """A room with its new limit and reserve, and those that it has."""
    facts = room(connection, asked)
    row = connection.execute(select(schema.room).where(schema.room.c.id == facts["room"])).one()
    limit = number(asked, "limit")
    reserve = min(limit, row.reserve) if asked.get("reserve") in (None, "") else number(asked, "reserve")
    if reserve > limit:
        raise ConfigError(
            phrase("a reserve of {reserve} is more than the limit of {limit}", reserve=reserve, limit=limit)
        )
    return facts | {"limit": limit, "reserve": reserve, "was": row.limit, "was_reserve": row.reserve}


def device(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """The kiosk that is named."""
    name = str(asked.get("device", ""))
    known_as = select(schema.device.c.id).where(schema.device.c.id == name, schema.device.c.id != DESK)
    if connection.execute(known_as).first() is None:
        known = ", ".join(connection.execute(select(schema.device.c.id).order_by(schema.device.c.id)).scalars())
        raise ConfigError(phrase("there is no kiosk {name!r}; kiosks are: {known}", name=name, known=known or "-"))
    return {"device": name}


def vouched(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """A kiosk that can be vouched for."""
    facts = device(connection, asked)
    with connection.begin_nested() as trial:  # says now what would be said at the second person's confirmation
        fencing.vouch(connection, facts["device"])
        trial.rollback()
    return facts


def badge(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """A person by reference, with the newest badge."""
    person = str(asked.get("person", "")).strip().lower()
    query = (
        select(schema.badge.c.id)
        .join(schema.person, schema.person.c.id == schema.badge.c.person)
        .where(schema.person.c.ref == person)
        .order_by(schema.badge.c.serial.desc())
    )
    found = connection.execute(query).scalars().first()
    if found is None:
        raise ConfigError(phrase("nobody with the reference {person!r} has a badge", person=person))
    return {"person": person, "badge": found}


def entry(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """An entry by the number of its passage."""
    wanted = number(asked, "passage", 1, 2**53)
    row = connection.execute(select(schema.passage).where(schema.passage.c.id == wanted)).first()
    if row is None or row.kind not in (Kind.ENTRY, Kind.FORCED):
        raise ConfigError(phrase("passage {number} is no entry; take its number from the log", number=wanted))
    where = {"room": row.room, "device": row.device, "incarnation": row.incarnation, "seq": row.seq}
    return where | {"passage": wanted, "badge": row.badge}


def bodies(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """A room and a number of people."""
    return room(connection, asked) | {"bodies": number(asked, "bodies", 1)}


def bodies_out(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """The same, for a room whose exits are trusted."""
    facts = bodies(connection, asked)
    exits = connection.execute(select(schema.room.c.exits).where(schema.room.c.id == facts["room"])).scalar_one()
    if exits != Exits.TRUSTED:
        said = marked("only where exits are trusted can people be counted out; have heads counted instead")
        raise ConfigError(phrase(said))
    return facts
