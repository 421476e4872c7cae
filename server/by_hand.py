"""Checking somebody in by hand, at the registration desk, without a kiosk: a passage, a stay and a seat like any other.

The desk is a device of its own (``@desk``) whose key nobody believes: the server writes its passages, chained like a
kiosk's, in a store of its own for each era. In each room it has an account that is given one seat and spends it in the
same transaction, so it never holds any (docs/protocol.md, section 8: S1 and K1 at once). Companions, who have no badge,
are counted in the room's book. Whatever is decided on is read under its locks: the desk's chain, the holder, the book.
Knows nothing of who asked for it; see :mod:`server.deeds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from admission.errors import ConfigError
from admission.ledger import RoomBook, State
from admission.passage import GENESIS, Kind, Passage, encode
from admission.seats import Account
from admission.venue import Exits, Programme, Room, Session, capacity_at
from admission.wire import Exchange, Lane
from server import event
from server.fencing import held_of
from server.intake import Intake
from server.phrase import marked as _
from server.phrase import phrase
from server.store import accounts, holders, passages, schema
from server.store.accounts import DESK
from server.store.instants import to_ms

GATE = "desk"
BY_HAND = "by_hand"


class NoSeat(ConfigError):
    """The server has no seat of the room to give; kiosks may have some that they can be asked for."""


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """A check-in by hand: the passage's row, the session that it counts for, and whether it took a seat."""

    passage: int
    session: str
    seat: bool


def check_in(connection: Connection, plan: Programme, badge: int, room: Room, now: datetime) -> CheckedIn:
    """Lets the holder of the badge into the room. Raises NoSeat, or ConfigError if the room is held or closed to the
    holder's category, or the holder is inside already."""
    _begin(connection, now)
    holders.lock_holder(connection, badge)
    lock(connection, room.id)
    holder = holders.holder_of(connection, badge)
    if any(stay.closed is None and stay.room == room.id for stay in holder.stays):
        raise ConfigError(phrase("this person is inside {room} already", room=room.name))
    _refuse_closed(connection, room, badge)
    seat = room.limit is not None
    if seat:
        _take(connection, plan, room, 1, now)
        _move(connection, room.id, now, {"granted": 1, "entries": 1})
    session = _session(plan, room, now)
    seq = _append(connection, plan, now, Kind.ENTRY, badge, (room.id, session, 0))
    mine = schema.passage.c
    row = select(mine.id).where(mine.device == DESK, mine.incarnation == _store(connection), mine.seq == seq)
    return CheckedIn(int(connection.execute(row).scalar_one()), session, seat)


def undo(connection: Connection, plan: Programme, number: int, now: datetime, *, seat: bool) -> bool:
    """Annuls the check-in of that passage; whether its seat is free again. ``seat``: it took one.

    Where exits are trusted it is not: an exit that is still under way may have brought it back already. Nor after a
    head count. Raises ConfigError if there is no such check-in in this era, or it was annulled already."""
    _begin(connection, now)
    row = connection.execute(select(schema.passage).where(schema.passage.c.id == number)).mappings().first()
    if row is None or row["device"] != DESK or row["kind"] != Kind.ENTRY:
        raise ConfigError(phrase("there is no such check-in by hand"))
    if row["incarnation"] != _store(connection):
        raise ConfigError(phrase("this was before the database was put back; have heads counted instead"))
    holders.lock_holder(connection, row["badge"])
    lock(connection, row["room"])
    mine = schema.passage.c
    same = (mine.device == DESK) & (mine.incarnation == row["incarnation"]) & (mine.of == row["seq"])
    if connection.execute(select(mine.id).where(same, mine.kind == Kind.ANNULLED)).first() is not None:
        raise ConfigError(phrase("this check-in was undone already"))
    was = connection.execute(select(schema.stay).where(schema.stay.c.entry == number)).mappings().one()
    room = plan.room(row["room"])
    exits = room.exits if room is not None else Exits.TRUSTED
    _append(connection, plan, now, Kind.ANNULLED, row["badge"], (row["room"], row["session"], row["seq"]))
    free = was["closed"] is None and not was["settled"] and seat and exits is not Exits.TRUSTED
    if free and exits is Exits.NONE:
        _move(connection, row["room"], now, {"exits": 1, "returned": 1})
    return free


def companions(connection: Connection, plan: Programme, room: Room, bodies: int, now: datetime) -> None:
    """Counts unbadged people in (``bodies`` above 0), each on a seat, or out again. Raises NoSeat, or ConfigError if
    people come into a room that is held or closed. The caller has locked the book (``lock``)."""
    column = schema.book.c.forced if bodies > 0 else schema.book.c.closed
    if bodies > 0:
        _refuse_closed(connection, room, None)
    if bodies > 0 and room.limit is not None:
        _take(connection, plan, room, bodies, now)
    changed = {column.name: column + abs(bodies)}
    connection.execute(update(schema.book).where(schema.book.c.room == room.id).values(changed))


def lock(connection: Connection, room: str) -> None:
    """Keeps every other transaction from changing the seats of the room until this one ends."""
    connection.execute(select(schema.book.c.room).where(schema.book.c.room == room).with_for_update())


def call_back(connection: Connection, room: str, seats: int, floor: int) -> str | None:
    """Asks the kiosk with the most seats, heard since ``floor``, for so many of them; its name, or None if none has
    any. They come with its next report."""
    fattest = accounts.fattest(connection, room, DESK, floor)
    if fattest is None:
        return None
    wanted = fattest.account.returned + min(seats, fattest.account.balance)
    if fattest.recall < wanted:
        accounts.ask_back(connection, room, fattest, wanted)
    return fattest.device


def _refuse_closed(connection: Connection, room: Room, badge: int | None) -> None:
    held = connection.execute(select(schema.book.c.held).where(schema.book.c.room == room.id)).scalar()
    if held:
        raise ConfigError(phrase("entries into {room} are held; a supervisor opens it again", room=room.name))
    if room.only is None:
        return
    category = select(schema.badge.c.category).where(schema.badge.c.id == badge)
    code = connection.execute(category).scalar() if badge is not None else None
    if code is None or not room.admits(code):
        raise ConfigError(phrase("{room} is closed; a supervisor opens it again", room=room.name))


def _take(connection: Connection, plan: Programme, room: Room, bodies: int, now: datetime) -> None:
    """Raises NoSeat unless so many seats may still be given. The book is locked."""
    capacity = capacity_at(plan, room, now)
    row = connection.execute(select(schema.book).where(schema.book.c.room == room.id)).one()
    if capacity is not None and row.capacity != capacity:
        accounts.note_capacity(connection, room.id, capacity, to_ms(now))
    era = connection.execute(select(schema.event.c.era)).scalar_one()
    if row.open_era < era:
        raise ConfigError(phrase("no seats of {room} are given since the database was put back", room=room.name))
    theirs = connection.execute(select(schema.account).where(schema.account.c.room == room.id)).mappings()
    book = RoomBook(capacity or 0, row.recount, row.closed, row.forced)
    free = book.free(held_of(one).account for one in theirs)
    if free < bodies:
        said = _("{room} has {free} seats free at the server, {bodies} are needed; the doors may hold more")
        raise NoSeat(phrase(said, room=room.name, free=max(0, free), bodies=bodies))


def _begin(connection: Connection, now: datetime) -> None:
    """Locks the desk's chain; begins it, once in each era. The device has the server's own key and is revoked from the
    first moment: no message in its name is ever believed."""
    if connection.execute(select(schema.device.c.id).where(schema.device.c.id == DESK)).first() is None:
        gate = connection.execute(select(schema.gate.c.id).order_by(schema.gate.c.id).limit(1)).scalar()
        if gate is None:
            raise ConfigError(phrase("the programme has no gate yet; import the programme first"))
        public = event.read(connection).signing.public_key().public_bytes_raw()
        row = {"id": DESK, "gate": gate, "public": public, "enrolled": to_ms(now), "era": _store(connection)}
        connection.execute(insert(schema.device), row | {"revoked": to_ms(now)})
    if passages.chain_of(connection, DESK, _store(connection)) is None:
        passages.register(connection, DESK, _store(connection), GENESIS, to_ms(now), _store(connection))


def _store(connection: Connection) -> int:
    """The number of the desk's store: the era, so that no number of a passage comes twice after a restore."""
    return int(connection.execute(select(schema.event.c.era)).scalar_one())


def _move(connection: Connection, room: str, now: datetime, more: Mapping[str, int]) -> None:
    """Adds to the counters of the desk's account, which is retired from the first: nobody ever spends from it."""
    mine = schema.account
    store = _store(connection)
    which = (mine.c.device == DESK) & (mine.c.incarnation == store) & (mine.c.room == room)
    values = {name: mine.c[name] + count for name, count in more.items()}
    if connection.execute(update(mine).where(which).values(values | {"heard": to_ms(now)})).rowcount:
        return
    zero = Account(store)
    counters = {name: getattr(zero, name) for name in ("granted", "returned", "entries", "exits", "forced")}
    whose = {"device": DESK, "incarnation": store, "room": room, "era": store, "state": State.RETIRED.value}
    connection.execute(insert(mine), whose | counters | dict(more) | {"arrivals": 0, "heard": to_ms(now)})


def _append(
    connection: Connection, plan: Programme, now: datetime, kind: Kind, badge: int, where: tuple[str, str, int]
) -> int:
    """Appends a passage to the desk's chain, and lets the stays follow; its number. ``where``: room, session, and the
    number of the entry that is annulled."""
    room, session, of = where
    raw = encode(
        Passage(
            kind=kind,
            badge=badge,
            gate=GATE,
            room=room,
            session=session,
            boot=DESK,
            boot_ms=0,
            at=now,
            flags=(BY_HAND,) if kind is Kind.ENTRY else (),
            of=of,
        )
    )
    store = _store(connection)
    known = passages.chain_of(connection, DESK, store)
    assert known is not None, "the desk's chain was begun"
    message = Exchange(
        device=DESK,
        incarnation=store,
        boot=DESK,
        boot_ms=0,
        lane=Lane.ASK,
        first_seq=known.have_seq + 1,
        passages=(raw,),
        head_seq=known.have_seq + 1,
    )
    at = Intake(connection, plan, message, now, False).take(known, awaits_rewind=False).chain
    passages.advance(connection, DESK, store, (at.have_seq, at.head, at.have_seq), to_ms(now))
    return at.have_seq


def _session(plan: Programme, room: Room, now: datetime) -> str:
    """The session that somebody who comes now comes to; empty if there is none."""
    ahead = [one for one in plan.sessions_of(room.id) if one.admits_at(now) or one.starts <= now < one.ends]
    running: Session | None = next((one for one in ahead if one.starts <= now), ahead[0] if ahead else None)
    return running.id if running is not None else ""
