"""Checking somebody in by hand, at the registration desk, without a kiosk: a passage, a stay and a seat like any other.

The desk is a device of its own (``@desk``) whose key nobody has: the server writes its passages, chained like a
kiosk's. In each room it has an account that is given one seat and spends it in the same transaction, so it never
holds any (docs/protocol.md, section 8: S1 and K1 at once). Companions, who have no badge, are counted in the room's
book. Knows nothing of who asked for it; see :mod:`server.deeds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert, select, update

from admission.errors import ConfigError
from admission.ledger import RoomBook, State
from admission.passage import GENESIS, Kind, Passage, encode
from admission.seats import Account
from admission.venue import Exits, Programme, Room, Session, capacity_at
from admission.wire import Exchange, Lane
from server import event
from server.fencing import held_of
from server.intake import Intake
from server.phrase import marked, phrase
from server.store import accounts, holders, passages, schema
from server.store.instants import to_ms

DEVICE = "@desk"
STORE = 1
GATE = "desk"
BY_HAND = "by_hand"


class NoSeat(ConfigError):
    """The server has no seat of the room to give; kiosks may have some that they can be asked for."""


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """A check-in by hand: the passage's row, its number in the desk's chain, and the session it counts for."""

    passage: int
    seq: int
    session: str


def check_in(connection: Connection, plan: Programme, badge: int, room: Room, now: datetime) -> CheckedIn:
    """Lets the holder of the badge into the room. Raises NoSeat, or ConfigError if the room is held or closed to the
    holder's category, or the holder is inside already."""
    holders.lock_holder(connection, badge)
    holder = holders.holder_of(connection, badge)
    if any(stay.closed is None and stay.room == room.id for stay in holder.stays):
        raise ConfigError(phrase("this person is inside {room} already", room=room.name))
    _refuse_closed(connection, room, badge)
    _begin(connection, now)
    if room.limit is not None:
        _take(connection, plan, room, 1, now)
        _move(connection, room.id, now, {"granted": 1, "entries": 1})
    session = _session(plan, room, now)
    seq = _append(connection, plan, now, Kind.ENTRY, badge, (room.id, session, 0))
    row = connection.execute(select(schema.passage.c.id).where(*_passage(seq))).scalar_one()
    return CheckedIn(int(row), seq, session)


def undo(connection: Connection, plan: Programme, seq: int, now: datetime) -> bool:
    """Annuls a check-in by hand; whether the stay was still open. Its seat comes back unless heads were counted since.

    Raises ConfigError if there is no such check-in, or it was annulled already."""
    row = connection.execute(select(schema.passage).where(*_passage(seq))).mappings().first()
    if row is None or row["kind"] != Kind.ENTRY:
        raise ConfigError(phrase("there is no such check-in by hand"))
    annulled = select(schema.passage.c.id).where(
        schema.passage.c.device == DEVICE, schema.passage.c.kind == Kind.ANNULLED, schema.passage.c.of == seq
    )
    if connection.execute(annulled).first() is not None:
        raise ConfigError(phrase("this check-in was undone already"))
    stay = select(schema.stay).where(schema.stay.c.entry == row["id"])
    was = connection.execute(stay).mappings().one()
    room = plan.room(row["room"])
    if room is not None and room.limit is not None:
        _lock(connection, room.id)
    _append(connection, plan, now, Kind.ANNULLED, row["badge"], (row["room"], row["session"], seq))
    still = was["closed"] is None
    counts = room is not None and room.limit is not None and room.exits is not Exits.MATCHED
    if still and counts and not was["settled"]:
        _move(connection, row["room"], now, {"exits": 1, "returned": 1})
    return still


def companions(connection: Connection, plan: Programme, room: Room, bodies: int, now: datetime) -> None:
    """Counts unbadged people in (``bodies`` above 0), each on a seat, or out again. Raises NoSeat, or ConfigError if
    the room is held."""
    _refuse_closed(connection, room, None)
    column = schema.book.c.forced if bodies > 0 else schema.book.c.closed
    if bodies > 0 and room.limit is not None:
        _take(connection, plan, room, bodies, now)
    else:
        _lock(connection, room.id)
    changed = {column.name: column + abs(bodies)}
    connection.execute(update(schema.book).where(schema.book.c.room == room.id).values(changed))


def call_back(connection: Connection, room: str, seats: int, floor: int) -> str | None:
    """Asks the kiosk with the most seats, heard since ``floor``, for so many of them; its name, or None if none has
    any. They come with its next report."""
    fattest = accounts.fattest(connection, room, DEVICE, floor)
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
    """Raises NoSeat unless so many seats may still be given."""
    _lock(connection, room.id)
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
        said = marked("{room} has {free} seats free at the server, {bodies} are needed; the doors may hold more")
        raise NoSeat(phrase(said, room=room.name, free=max(0, free), bodies=bodies))


def _lock(connection: Connection, room: str) -> None:
    connection.execute(select(schema.book.c.room).where(schema.book.c.room == room).with_for_update())


def _begin(connection: Connection, now: datetime) -> None:
    """Makes the desk's device and its chain, once. It has the server's own key and is revoked from the first moment:
    no message in its name is ever believed."""
    if connection.execute(select(schema.device.c.id).where(schema.device.c.id == DEVICE)).first() is not None:
        return
    gate = connection.execute(select(schema.gate.c.id).order_by(schema.gate.c.id).limit(1)).scalar()
    if gate is None:
        raise ConfigError(phrase("the programme has no gate yet; import the programme first"))
    era = connection.execute(select(schema.event.c.era)).scalar_one()
    public = event.read(connection).signing.public_key().public_bytes_raw()
    row = {"id": DEVICE, "gate": gate, "public": public, "enrolled": to_ms(now), "era": era}
    connection.execute(insert(schema.device), row | {"revoked": to_ms(now)})
    passages.register(connection, DEVICE, STORE, GENESIS, to_ms(now), era)


def _move(connection: Connection, room: str, now: datetime, more: Mapping[str, int]) -> None:
    """Adds to the counters of the desk's account, which is retired from the first: nobody ever spends from it."""
    mine = schema.account
    which = (mine.c.device == DEVICE) & (mine.c.incarnation == STORE) & (mine.c.room == room)
    values = {name: mine.c[name] + count for name, count in more.items()}
    if connection.execute(update(mine).where(which).values(values | {"heard": to_ms(now)})).rowcount:
        return
    era = connection.execute(select(schema.event.c.era)).scalar_one()
    zero = Account(era)
    counters = {name: getattr(zero, name) for name in ("granted", "returned", "entries", "exits", "forced")}
    whose = {"device": DEVICE, "incarnation": STORE, "room": room, "era": era, "state": State.RETIRED.value}
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
            boot=DEVICE,
            boot_ms=0,
            at=now,
            flags=(BY_HAND,) if kind is Kind.ENTRY else (),
            of=of,
        )
    )
    known = passages.chain_of(connection, DEVICE, STORE)
    assert known is not None, "the desk's chain was begun"
    message = Exchange(
        device=DEVICE,
        incarnation=STORE,
        boot=DEVICE,
        boot_ms=0,
        lane=Lane.ASK,
        first_seq=known.have_seq + 1,
        passages=(raw,),
        head_seq=known.have_seq + 1,
    )
    at = Intake(connection, plan, message, now, False).take(known, awaits_rewind=False).chain
    passages.advance(connection, DEVICE, STORE, (at.have_seq, at.head, at.have_seq), to_ms(now))
    return at.have_seq


def _passage(seq: int) -> tuple[ColumnElement[bool], ...]:
    one = schema.passage.c
    return (one.device == DEVICE, one.incarnation == STORE, one.seq == seq)


def _session(plan: Programme, room: Room, now: datetime) -> str:
    """The session that somebody who comes now comes to; empty if there is none."""
    ahead = [one for one in plan.sessions_of(room.id) if one.admits_at(now) or one.starts <= now < one.ends]
    running: Session | None = next((one for one in ahead if one.starts <= now), ahead[0] if ahead else None)
    return running.id if running is not None else ""
