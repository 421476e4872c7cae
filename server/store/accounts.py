"""The statements behind the seats: one account, the sums over all others, and the book of their room.

Hot like those of :mod:`server.store.passages`, and run in the same way. What they mean is decided in
:mod:`server.seating` and :mod:`admission.ledger`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, insert, literal_column, select, update

from admission.ledger import Held, RoomBook, State
from admission.seats import Account
from server.store.engine import execute, given, named
from server.store.schema import (
    account,
    book,
    capacity,
    device,
    gate,
)

DESK = "@desk"
"""The device in whose name the registration desk lets people in by hand; no kiosk can be called so."""


@dataclass(frozen=True, slots=True)
class Holding:
    """The account of one incarnation in a room, with what the handing-out policy looks at. ``settled_seq``: entries
    up to this one were dealt with by a head count; ``recall``: the total that it was asked to have returned."""

    device: str
    incarnation: int
    held: Held
    arrivals: int
    heard: int
    settled_seq: int = 0
    recall: int = 0

    @property
    def account(self) -> Account:
        """Its counters."""
        return self.held.account


@dataclass(frozen=True, slots=True)
class Others:
    """The sums over the other accounts of a room: all of them, and those of kiosks in reach."""

    held: int
    forced: int
    balance: int
    balance_in_reach: int
    arrivals_in_reach: int
    in_reach: int


@dataclass(frozen=True, slots=True)
class RoomSeats:
    """All that is known of a room's seats: the book without its capacity (``capacity``: C as it was last), the hold
    of a head count and its number, the eras, one account, and the others."""

    book: RoomBook
    capacity: int | None
    hold: int
    held: bool
    heads: int | None
    open_era: int
    mine: Holding | None
    others: Others


_lock = select(book.c.room).where(book.c.room == given("room")).with_for_update()
_zero: Any = literal_column("0")
_is_mine = (account.c.device == given("device")) & (account.c.incarnation == given("incarnation"))
_balance = account.c.granted - account.c.returned - account.c.entries + account.c.exits
# A gate that only leads out is in reach of nothing: it needs no seats.
_in_reach = (
    (account.c.heard >= given("floor"))
    & (account.c.state == literal_column("'live'"))
    & (gate.c.room == book.c.room)
    & (gate.c.direction != literal_column("'out'"))
)


def _of_mine(column: Any) -> Any:
    return func.max(case((_is_mine, column)))


def _of_others(value: Any) -> Any:
    return func.coalesce(func.sum(case((_is_mine, _zero), else_=value)), _zero)


# One statement for the whole room: a kiosk's own counters and the sums over all others, whatever their number.
_room = (
    select(
        book.c.recount,
        book.c.closed,
        book.c.forced,
        book.c.capacity,
        book.c.hold,
        book.c.held,
        book.c.heads,
        book.c.open_era,
        *(_of_mine(account.c[name]) for name in ("granted", "returned", "entries", "exits", "forced")),
        _of_mine(account.c.arrivals),
        _of_mine(account.c.heard),
        _of_mine(account.c.state),
        _of_mine(account.c.hold),
        _of_mine(account.c.settled_seq),
        _of_mine(account.c.recall),
        _of_others(account.c.granted - account.c.returned),
        _of_others(account.c.forced),
        _of_others(_balance),
        _of_others(case((_in_reach, _balance), else_=_zero)),
        _of_others(case((_in_reach, account.c.arrivals), else_=_zero)),
        _of_others(case((_in_reach, literal_column("1")), else_=_zero)),
    )
    .select_from(
        book.outerjoin(account, account.c.room == book.c.room)
        .outerjoin(device, device.c.id == account.c.device)
        .outerjoin(gate, gate.c.id == device.c.gate)
    )
    .where(book.c.room == given("room"))
    .group_by(book.c.room)
)
_fattest = (
    select(
        account.c.device,
        account.c.incarnation,
        *(account.c[name] for name in ("era", "granted", "returned", "entries", "exits", "forced")),
        account.c.state,
        account.c.hold,
        account.c.arrivals,
        account.c.heard,
        account.c.settled_seq,
        account.c.recall,
    )
    .select_from(
        account.join(book, book.c.room == account.c.room)
        .join(device, device.c.id == account.c.device)
        .join(gate, gate.c.id == device.c.gate)
    )
    .where(account.c.room == given("room"), account.c.device != given("device"), _in_reach, _balance > _zero)
    .order_by(_balance.desc(), account.c.device)
)
_ask_back = (
    update(account)
    .where(account.c.device == given("device"), account.c.incarnation == given("incarnation"))
    .where(account.c.room == given("room"), account.c.state == literal_column("'live'"))
    .values(recall=given("recall"))
)
_gate_of = select(device.c.gate).where(device.c.id == given("device"))
_note_capacity = update(book).where(book.c.room == given("room")).values(capacity=given("capacity"))
_capacity = insert(capacity).values(room=given("room"), at=given("at"), capacity=given("capacity"))
_settled = select(account.c.settled_seq).where(
    account.c.device == given("device"),
    account.c.incarnation == given("incarnation"),
    account.c.room == given("room"),
)
_open_account = insert(account).values({column.name: given(column.name) for column in account.c})
_save_account = (
    update(account)
    .where(
        account.c.device == given("device"),
        account.c.incarnation == given("incarnation"),
        account.c.room == given("room"),
    )
    .values({c.name: given(c.name) for c in account.c if c.name not in ("device", "incarnation", "room")})
)


def seats_in(connection: Connection, mine: tuple[str, int, str], era: int, floor: int) -> RoomSeats:
    """Locks and reads the seats of a room, as seen by (device, incarnation, room); in reach: heard since ``floor``."""
    device, number, room = mine
    if connection.dialect.name != "sqlite":  # there the writer is alone anyway
        execute(connection, _lock, {"p_room": room})
    key = {"p_device": device, "p_incarnation": number, "p_room": room, "p_floor": floor}
    row = execute(connection, _room, key).fetchone()
    holding = None
    if row[8] is not None:
        held = Held(Account(era, *row[8:13]), State(row[15]), row[16])
        holding = Holding(device, number, held, row[13], row[14], row[17], row[18])
    book = RoomBook(0, row[0], row[1], row[2])
    others = Others(*map(int, row[19:]))
    return RoomSeats(book, row[3], row[4], bool(row[5]), row[6], row[7], holding, others)


def save_account(connection: Connection, room: str, held: Holding, *, new: bool) -> None:
    """Writes the account, as a new row or over its own."""
    mine = held.account
    values = {"device": held.device, "incarnation": held.incarnation, "room": room, "era": mine.era}
    values |= {"granted": mine.granted, "returned": mine.returned, "entries": mine.entries, "exits": mine.exits}
    values |= {"forced": mine.forced, "arrivals": held.arrivals, "heard": held.heard, "state": held.held.state.value}
    values |= {"hold": held.held.hold, "settled_seq": held.settled_seq, "recall": held.recall}
    execute(connection, _open_account if new else _save_account, named(values))


def fattest(connection: Connection, room: str, besides: str, floor: int) -> Holding | None:
    """The account with the most seats among the other kiosks of the room in reach; None if none has any."""
    values: dict[str, object] = {"p_room": room, "p_device": besides, "p_floor": floor}
    row = execute(connection, _fattest, values).fetchone()
    if row is None:
        return None
    held = Held(Account(*row[2:8]), State(row[8]), row[9])
    return Holding(row[0], row[1], held, row[10], row[11], row[12], row[13])


def ask_back(connection: Connection, room: str, whose: Holding, total: int) -> None:
    """Asks another kiosk to reach ``total`` seats returned; touches nothing else of its account."""
    values: dict[str, object] = {"p_device": whose.device, "p_incarnation": whose.incarnation}
    execute(connection, _ask_back, values | {"p_room": room, "p_recall": total})


def gate_of(connection: Connection, device: str) -> str:
    """The gate at which a kiosk stands."""
    return str(execute(connection, _gate_of, {"p_device": device}).fetchone()[0])


def note_capacity(connection: Connection, room: str, seats: int, now: int) -> None:
    """Remembers that the room's capacity is another one from now on."""
    execute(connection, _note_capacity, {"p_room": room, "p_capacity": seats})
    execute(connection, _capacity, {"p_room": room, "p_at": now, "p_capacity": seats})


def settled_seq(connection: Connection, device: str, number: int, room: str) -> int:
    """Entries of the incarnation into the room up to this one were dealt with by a head count."""
    values: dict[str, object] = {"p_device": device, "p_incarnation": number, "p_room": room}
    row = execute(connection, _settled, values).fetchone()
    return 0 if row is None else int(row[0])
