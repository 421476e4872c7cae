"""What each act of a supervisor does, on the tables: checked first, done later, told in a sentence.

Knows nothing of who asked or confirmed; see :mod:`server.acts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from admission.errors import ConfigError
from admission.ledger import RoomBook
from admission.passage import Kind
from admission.stays import Close, How
from admission.venue import Exits, Programme, Room, capacity_at
from server import counting, event, fencing, programme, restore, stays
from server.stays import Follows
from server.store import holders, schema, versions
from server.store.holders import Holder
from server.store.instants import to_ms
from server.users import Role

Facts = dict[str, Any]
SUPERVISORS = frozenset({Role.SUPERVISOR, Role.ADMIN})
STEWARDS = SUPERVISORS | {Role.STEWARD}
MOST_BODIES = 1_000_000


@dataclass(frozen=True, slots=True)
class Deed:
    """An act: what it is called, what it needs, who may do it, and whether a second person has to confirm it.

    ``check`` raises ConfigError or returns the facts to be written down; ``do`` does it and says what came of it.
    """

    title: str
    needs: tuple[str, ...]
    check: Callable[[Connection, Mapping[str, Any]], Facts]
    do: Callable[[Connection, Facts, datetime], str]
    second: bool
    roles: frozenset[Role] = SUPERVISORS


def _hold(connection: Connection, facts: Facts, _now: datetime) -> str:
    number = counting.hold(connection, facts["room"])
    return f"entries are held (hold {number}); the gates confirm one by one"


def _reopen(connection: Connection, facts: Facts, _now: datetime) -> str:
    counting.reopen(connection, facts["room"])
    return "the gates admit again"


def _count(connection: Connection, facts: Facts, now: datetime) -> str:
    room, book = book_of(connection, facts["room"], now)  # locks it, before accounts, as an exchange does
    if _hold_of(connection, facts["room"]) != facts["hold"]:  # people may have come in since the heads were counted
        raise ConfigError("the room was opened, or counted again, since these heads were counted; count them anew")
    for name in facts["retired"]:
        device, _, store = name.partition("/")
        counting.retire(connection, device, facts["room"], int(store) if store else None)
    early = _late(connection, room.id)
    settled = counting.count(connection, room, book, facts["heads"], to_ms(now))
    found = f"{facts['heads']} inside" + ("" if facts["heads"] else "; the room stays closed until it is opened")
    if settled:
        return f"settled: {found}"
    if early:
        return f"{found}; no seat came back, for these had not confirmed the hold: {early}. Hold and count again"
    return f"{found}; seats that this would free wait for: {_late(connection, room.id)}"


def _late(connection: Connection, room: str) -> str:
    return ", ".join(sorted({one.device for one in counting.waiting(connection, room)}))


def _clear(connection: Connection, facts: Facts, now: datetime) -> str:
    return _count(connection, facts | {"heads": 0}, now)


def _set_capacity(connection: Connection, facts: Facts, _now: datetime) -> str:
    limit, reserve = facts["limit"], facts["reserve"]
    changed = update(schema.room).where(schema.room.c.id == facts["room"]).values(limit=limit, reserve=reserve)
    connection.execute(changed)
    versions.bump(connection, versions.PROGRAMME)
    return f"limit {limit}, reserve {reserve}"


def _fence(connection: Connection, facts: Facts, _now: datetime) -> str:
    fencing.fence(connection, facts["device"])
    return "it gets no more seats; those that it holds stay counted"


def _revoke(connection: Connection, facts: Facts, now: datetime) -> str:
    fencing.revoke(connection, facts["device"], to_ms(now))
    return "its key is no longer believed; what it still sends is kept as evidence"


def _vouch(connection: Connection, facts: Facts, _now: datetime) -> str:
    return f"{fencing.vouch(connection, facts['device'])} seats came back"


def _confirm_room(connection: Connection, facts: Facts, _now: datetime) -> str:
    era = connection.execute(select(schema.event.c.era)).scalar_one()
    if era != facts["era"]:
        raise ConfigError("the database was put back once more since this was asked for; look again, and ask anew")
    if fresh := restore.with_new_stores(connection, facts["room"]):
        raise ConfigError(
            f"{', '.join(fresh)}: the copy does not know this store, and one before it may have been lost since: close "
            "the room, count heads, and confirm it then"
        )
    restore.confirm(connection, facts["room"])
    late = ", ".join(restore.awaited(connection, era))
    return f"confirmed; still awaited: {late}" if late else "confirmed; seats are granted again"


def _forgive(connection: Connection, facts: Facts, now: datetime) -> str:
    """Closes the stays of whoever left unseen. Brings no seat back: a re-entry spends another."""
    holder = holders.holder_of(connection, facts["badge"])
    open_stays = [stay for stay in holder.stays if stay.closed is None]
    for stay in open_stays:
        change = Close(stay, to_ms(now), How.FORGIVEN, credit=False)
        stays.apply(connection, change, Follows(0, holder, facts["badge"] >> 32, ""))
    return f"{len(open_stays)} stays ended; the badge may come in again"


def _annul(connection: Connection, facts: Facts, now: datetime) -> str:
    entry = (facts["device"], facts["incarnation"], facts["seq"])
    plan = programme_of(connection)
    if stays.annul(connection, entry, Follows(0, Holder(0, None, None), 0, ""), to_ms(now), plan):
        matched = stays.matched_in(plan)(facts["room"])
        return "annulled" + ("; its seat is free again" if matched else "; its seat comes back by a head count")
    return "that stay was over already"


def _unbadged_in(connection: Connection, facts: Facts, _now: datetime) -> str:
    more = schema.book.c.forced + facts["bodies"]
    connection.execute(update(schema.book).where(schema.book.c.room == facts["room"]).values(forced=more))
    return f"{facts['bodies']} counted in"


def _unbadged_out(connection: Connection, facts: Facts, _now: datetime) -> str:
    more = schema.book.c.closed + facts["bodies"]
    connection.execute(update(schema.book).where(schema.book.c.room == facts["room"]).values(closed=more))
    return f"{facts['bodies']} counted out"


def programme_of(connection: Connection) -> Programme:
    """The programme as it is in this transaction."""
    return programme.read(connection, event.read(connection))


def book_of(connection: Connection, name: str, now: datetime) -> tuple[Room, RoomBook]:
    """The room and its book, with the capacity of this moment. Raises ConfigError for a room without an account."""
    plan = programme_of(connection)
    room = plan.room(name)
    capacity = capacity_at(plan, room, now) if room is not None else None
    if room is None or capacity is None:
        raise ConfigError(f"room {name!r} has no limit: nothing is counted there")
    row = connection.execute(select(schema.book).where(schema.book.c.room == name).with_for_update()).one()
    return room, RoomBook(capacity, row.recount, row.closed, row.forced)


def _room(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    name = str(asked.get("room", ""))
    row = connection.execute(select(schema.room).where(schema.room.c.id == name)).first()
    if row is None:
        known = ", ".join(connection.execute(select(schema.room.c.id).order_by(schema.room.c.position)).scalars())
        raise ConfigError(f"there is no room {name!r}; rooms are: {known}")
    if row.limit is None:
        raise ConfigError(f"room {name!r} has no limit: nothing is counted there")
    return {"room": name}


def _number(asked: Mapping[str, Any], name: str, lowest: int = 0, highest: int = MOST_BODIES) -> int:
    try:
        number = int(str(asked.get(name, "")).strip())
    except ValueError:
        raise ConfigError(f"{name}: write a whole number") from None
    if not lowest <= number <= highest:
        raise ConfigError(f"{name}: {number} cannot be; write a number from {lowest} to {highest}")
    return number


def _retired(connection: Connection, asked: Mapping[str, Any]) -> list[str]:
    """The kiosks that are off and in hand (k-hall-a), and the stores that are gone (k-hall-a/8123), as whoever counts
    says."""
    named = asked.get("retired") or []
    names = sorted({str(name) for name in (named.split() if isinstance(named, str) else named)})
    for name in names:
        device, slash, store = name.partition("/")
        _device(connection, {"device": device})
        if slash and not re.fullmatch("[0-9]{1,15}", store):
            raise ConfigError(f"{name!r}: write the kiosk's name, or its name and a store, like k-hall-a/8123")
    return names


def _heads(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    return _cleared(connection, asked) | {"heads": _number(asked, "heads")}


def _cleared(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    facts = _room(connection, asked) | {"retired": _retired(connection, asked)}
    hold = _hold_of(connection, facts["room"])
    if hold is None:
        raise ConfigError("hold the room's entries first, so that nobody comes in while heads are counted")
    return facts | {"hold": hold}


def _hold_of(connection: Connection, room: str) -> int | None:
    """The number of the hold that is on; None: the gates admit."""
    row = connection.execute(select(schema.book.c.hold, schema.book.c.held).where(schema.book.c.room == room)).one()
    return int(row.hold) if row.held else None


def _unconfirmed(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    facts = _room(connection, asked)
    if facts["room"] not in restore.closed_rooms(connection):
        raise ConfigError("this room was not closed by a restore, or is confirmed already; nothing is left to do")
    return facts | {"era": connection.execute(select(schema.event.c.era)).scalar_one()}


def _capacity(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    facts = _room(connection, asked)
    row = connection.execute(select(schema.room).where(schema.room.c.id == facts["room"])).one()
    limit = _number(asked, "limit")
    reserve = min(limit, row.reserve) if asked.get("reserve") in (None, "") else _number(asked, "reserve")
    if reserve > limit:
        raise ConfigError(f"a reserve of {reserve} is more than the limit of {limit}")
    return facts | {"limit": limit, "reserve": reserve, "was": row.limit, "was_reserve": row.reserve}


def _device(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    name = str(asked.get("device", ""))
    if connection.execute(select(schema.device.c.id).where(schema.device.c.id == name)).first() is None:
        known = ", ".join(connection.execute(select(schema.device.c.id).order_by(schema.device.c.id)).scalars())
        raise ConfigError(f"there is no kiosk {name!r}; kiosks are: {known or 'none yet'}")
    return {"device": name}


def _vouched(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    facts = _device(connection, asked)
    with connection.begin_nested() as trial:  # says now what would be said at the second person's confirmation
        fencing.vouch(connection, facts["device"])
        trial.rollback()
    return facts


def _badge(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    person = str(asked.get("person", "")).strip().lower()
    query = (
        select(schema.badge.c.id)
        .join(schema.person, schema.person.c.id == schema.badge.c.person)
        .where(schema.person.c.ref == person)
        .order_by(schema.badge.c.serial.desc())
    )
    number = connection.execute(query).scalars().first()
    if number is None:
        raise ConfigError(f"nobody with the reference {person!r} has a badge")
    return {"person": person, "badge": number}


def _entry(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    number = _number(asked, "passage", 1, 2**53)
    row = connection.execute(select(schema.passage).where(schema.passage.c.id == number)).first()
    if row is None or row.kind not in (Kind.ENTRY, Kind.FORCED):
        raise ConfigError(f"passage {number} is no entry; take its number from the log")
    where = {"room": row.room, "device": row.device, "incarnation": row.incarnation, "seq": row.seq}
    return where | {"passage": number, "badge": row.badge}


def _bodies(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    return _room(connection, asked) | {"bodies": _number(asked, "bodies", 1)}


def _bodies_out(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    facts = _bodies(connection, asked)
    exits = connection.execute(select(schema.room.c.exits).where(schema.room.c.id == facts["room"])).scalar_one()
    if exits != Exits.TRUSTED:
        raise ConfigError("only where exits are trusted can people be counted out; have heads counted instead")
    return facts


DEEDS: Mapping[str, Deed] = {
    "hold": Deed("Close a room: hold entries", ("room",), _room, _hold, second=False),
    "reopen": Deed("Let people in again", ("room",), _room, _reopen, second=False),
    "count": Deed("Write in a head count", ("room", "heads", "retired"), _heads, _count, second=True),
    "clear": Deed("Clear a room: nobody is inside", ("room", "retired"), _cleared, _clear, second=True),
    "capacity": Deed("Change a room's limit", ("room", "limit", "reserve"), _capacity, _set_capacity, second=True),
    "fence": Deed("Fence a kiosk", ("device",), _device, _fence, second=False),
    "revoke": Deed("Revoke a kiosk's key", ("device",), _device, _revoke, second=False),
    "vouch": Deed("Vouch for a dead kiosk", ("device",), _vouched, _vouch, second=True),
    "confirm-room": Deed("Confirm a room after a restore", ("room",), _unconfirmed, _confirm_room, second=True),
    "forgive": Deed("Forgive a badge", ("person",), _badge, _forgive, second=False, roles=STEWARDS),
    "annul": Deed("Annul an entry", ("passage",), _entry, _annul, second=True),
    "unbadged-in": Deed("Count unbadged people in", ("room", "bodies"), _bodies, _unbadged_in, False, STEWARDS),
    "unbadged-out": Deed("Count unbadged people out", ("room", "bodies"), _bodies_out, _unbadged_out, second=True),
}
