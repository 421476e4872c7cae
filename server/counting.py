"""Head counts on the tables (S6): hold the gates, count, settle. The arithmetic is in :mod:`admission.ledger`.

Two numbers make it exact without a clock: a hold has one, and the count gets the next. What every kiosk that can
still spend reports under the count's number includes all that happened before the heads were counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, insert, select, update

from admission import ledger
from admission.ledger import Held, RoomBook, State
from admission.stays import How
from admission.venue import Room
from server.fencing import held_of
from server.store.schema import account, book, companion, device, event, gate, incarnation, passage, stay


@dataclass(frozen=True, slots=True)
class Waiting:
    """A kiosk's account that has not yet said to keep the hold."""

    device: str
    incarnation: int
    state: State


def has_counted(connection: Connection, room: str) -> bool:
    """Whether anybody has passed a gate of the room, or a kiosk has had seats of it."""
    passed = select(passage.c.id).where(passage.c.room == room).limit(1)
    seated = select(account.c.device).where(account.c.room == room, account.c.granted > 0).limit(1)
    return connection.execute(passed).first() is not None or connection.execute(seated).first() is not None


def hold(connection: Connection, room: str) -> int:
    """Holds entries into the room under a new number, which kiosks must confirm; returns it."""
    connection.execute(update(book).where(book.c.room == room).values(hold=book.c.hold + 1, held=True, heads=None))
    return int(connection.execute(select(book.c.hold).where(book.c.room == room)).scalar_one())


def reopen(connection: Connection, room: str) -> None:
    """Ends a hold; a count that still waits for kiosks is given up."""
    connection.execute(update(book).where(book.c.room == room).values(held=False, heads=None))


def waiting(connection: Connection, room: str) -> list[Waiting]:
    """The accounts that can still spend and have not confirmed the room's hold. Empty: heads may be counted."""
    number = connection.execute(select(book.c.hold).where(book.c.room == room)).scalar_one()
    query = (
        select(account.c.device, account.c.incarnation, account.c.state)
        .where(account.c.room == room, account.c.state != State.RETIRED)
        .where((account.c.hold < number) | (account.c.state == State.FENCED))
        .order_by(account.c.device, account.c.incarnation)
    )
    known = [Waiting(row.device, row.incarnation, State(row.state)) for row in connection.execute(query)]
    return known + [Waiting(row.device, row.incarnation, State.LIVE) for row in _missing(connection, room)]


@dataclass(frozen=True, slots=True)
class Store:
    """A store that can still spend seats of a room: whether it has said to keep the hold, and when it was heard."""

    device: str
    incarnation: int
    state: State
    keeps: bool
    heard: int


def stores(connection: Connection, room: str) -> list[Store]:
    """All that can still spend seats of the room; those that ``waiting`` waits for are those that do not keep it."""
    late = {(one.device, one.incarnation) for one in waiting(connection, room)}
    query = (
        select(account.c.device, account.c.incarnation, account.c.state, account.c.heard)
        .where(account.c.room == room, account.c.state != State.RETIRED)
        .order_by(account.c.device, account.c.incarnation)
    )
    rows = connection.execute(query)
    known = [
        Store(r.device, r.incarnation, State(r.state), (r.device, r.incarnation) not in late, r.heard) for r in rows
    ]
    missing = _missing(connection, room)
    return known + [Store(row.device, row.incarnation, State.LIVE, False, row.heard) for row in missing]


def retire(connection: Connection, device: str, room: str, store: int | None = None) -> int:
    """The device is off and in hand, or this store of it is gone: what it holds in the room cannot be spent."""
    _open_missing(connection, room)
    mine = (account.c.device == device) & (account.c.room == room) & (account.c.state != State.RETIRED)
    which = update(account).where(mine)
    if store is not None:
        which = which.where(account.c.incarnation == store)
    return int(connection.execute(which.values(state=State.RETIRED.value)).rowcount)


def count(connection: Connection, room: Room, facts: RoomBook, heads: int, now: int) -> bool:
    """Takes a head count. What lowers ``free`` holds at once; what raises it once every kiosk that can spend has
    reported after the count, which is possible only if all of them kept the hold before it. True: it is settled."""
    _open_missing(connection, room.id)
    if waiting(connection, room.id):
        _write(connection, room, facts, heads, _number(connection, room.id) + 1, now)
        connection.execute(update(book).where(book.c.room == room.id).values(held=heads == 0, heads=None))
        return False
    connection.execute(update(book).where(book.c.room == room.id).values(hold=book.c.hold + 1, heads=heads))
    return settle(connection, room, facts, now)


def settle(connection: Connection, room: Room, facts: RoomBook, now: int) -> bool:
    """Applies a count that waits, if every kiosk that can spend has reported after it. Opens the gates again unless
    nobody was found inside: a cleared room stays closed until somebody opens it."""
    _open_missing(connection, room.id)
    row = connection.execute(select(book.c.hold, book.c.heads).where(book.c.room == room.id)).one()
    if row.heads is None or not ledger.may_raise(_accounts(connection, room.id), row.hold):
        return False
    _write(connection, room, facts, row.heads, row.hold, now)
    connection.execute(update(book).where(book.c.room == room.id).values(heads=None, held=row.heads == 0))
    return True


def _write(connection: Connection, room: Room, facts: RoomBook, heads: int, hold: int, now: int) -> None:
    after = ledger.recount(facts, _accounts(connection, room.id), heads, hold)
    connection.execute(update(book).where(book.c.room == room.id).values(recount=after.recount))
    said = select(incarnation.c.said_seq).where(
        incarnation.c.device == account.c.device, incarnation.c.incarnation == account.c.incarnation
    )
    newest = func.coalesce(said.scalar_subquery(), 0)
    settled = update(account).where(account.c.room == room.id).values(settled_seq=newest)
    connection.execute(settled)
    loose = update(stay).where(stay.c.room == room.id, stay.c.closed.is_(None) | stay.c.opened.is_(None))
    connection.execute(loose.values(settled=True))
    # Companions are among the heads from now on: they cannot be counted out once more.
    connection.execute(update(companion).where(companion.c.room == room.id).values(settled=True))
    if heads == 0:
        sweep = update(stay).where(stay.c.room == room.id, stay.c.closed.is_(None))
        connection.execute(sweep.values(closed=now, how=How.SWEPT.value))


def _open_missing(connection: Connection, room: str) -> None:
    """Gives the stores that ``_missing`` finds an account that was granted nothing, so that they are waited for."""
    zero = dict.fromkeys(("granted", "returned", "entries", "exits", "forced", "arrivals", "heard"), 0)
    for row in _missing(connection, room):
        whose = {"device": row.device, "incarnation": row.incarnation, "room": room, "era": row.era}
        connection.execute(insert(account), whose | zero)


def _missing(connection: Connection, room: str) -> Sequence[Row[str, int, int, int]]:
    """The newest stores of kiosks that stand at a gate of the room and have not reported on it yet: they may have let
    people out."""
    theirs = select(account.c.device).where(account.c.device == incarnation.c.device, account.c.room == room)
    other = incarnation.alias()
    newest = select(func.max(other.c.registered)).where(other.c.device == device.c.id).scalar_subquery()
    query = (
        select(incarnation.c.device, incarnation.c.incarnation, incarnation.c.heard, event.c.era)
        .select_from(
            incarnation.join(device, device.c.id == incarnation.c.device)
            .join(gate, gate.c.id == device.c.gate)
            .join(event, event.c.id == 1)
        )
        .where(gate.c.room == room, device.c.revoked.is_(None), incarnation.c.registered == newest)
        .where(~theirs.exists(), incarnation.c.fenced.is_(False))
    )
    return connection.execute(query).all()


def _number(connection: Connection, room: str) -> int:
    return int(connection.execute(select(book.c.hold).where(book.c.room == room)).scalar_one())


def _accounts(connection: Connection, room: str) -> list[Held]:
    return [held_of(row) for row in connection.execute(select(account).where(account.c.room == room)).mappings()]
