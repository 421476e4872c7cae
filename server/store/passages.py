"""The statements behind the exchange: chains, accounts, passages and stays.

All run through ``execute`` (plain tuples, compiled once), as they are the hottest in the house. The functions say in
venue words what they read and write; what it means is decided in :mod:`server.exchange` and :mod:`server.stays`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, insert, literal_column, select, update

from admission.ledger import Held, RoomBook, State
from admission.seats import Account
from admission.stays import Stay
from server.store.engine import execute
from server.store.schema import (
    account,
    badge,
    book,
    capacity,
    device,
    event,
    gate,
    incarnation,
    passage,
    quarantine,
    stay,
)


def _p(name: str) -> Any:
    return bindparam(f"p_{name}")


@dataclass(frozen=True, slots=True)
class Chain:
    """How far the journal of one incarnation has arrived, and what is known of its store."""

    have_seq: int
    head: bytes
    fenced: bool
    machine: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Eras:
    """The database's era, and the one in which a device has reported last."""

    now: int
    device: int


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


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose badge it is; ``person`` None for a badge that the server does not know. ``id`` is the holder in stays."""

    id: int
    person: int | None
    revoked: int | None
    stays: tuple[Stay, ...] = ()


_chain = (
    select(
        incarnation.c.have_seq,
        incarnation.c.head,
        incarnation.c.fenced,
        incarnation.c.machine,
        incarnation.c.closed,
    )
    .where(incarnation.c.device == _p("device"), incarnation.c.incarnation == _p("incarnation"))
    .with_for_update()
)
_eras = select(event.c.era, device.c.era).select_from(event.join(device, device.c.id == _p("device")))
_in_era = update(device).where(device.c.id == _p("device")).values(era=_p("era"))
_name_machine = (
    update(incarnation)
    .where(incarnation.c.device == _p("device"), incarnation.c.incarnation == _p("incarnation"))
    .values(machine=_p("machine"), closed=_p("closed"))
)
_register = insert(incarnation).values(
    {column.name: _p(column.name) for column in incarnation.c if column.name != "id"}
)
_advance = (
    update(incarnation)
    .where(incarnation.c.device == _p("device"), incarnation.c.incarnation == _p("incarnation"))
    .values(have_seq=_p("have_seq"), head=_p("head"), said_seq=_p("said_seq"), heard=_p("heard"))
)
_lock = select(book.c.room).where(book.c.room == _p("room")).with_for_update()
_credit = update(book).where(book.c.room == _p("room")).values(closed=book.c.closed + literal_column("1"))
_zero: Any = literal_column("0")
_is_mine = (account.c.device == _p("device")) & (account.c.incarnation == _p("incarnation"))
_balance = account.c.granted - account.c.returned - account.c.entries + account.c.exits
# A gate that only leads out is in reach of nothing: it needs no seats.
_in_reach = (
    (account.c.heard >= _p("floor"))
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
    .where(book.c.room == _p("room"))
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
    .where(account.c.room == _p("room"), account.c.device != _p("device"), _in_reach, _balance > _zero)
    .order_by(_balance.desc(), account.c.device)
)
_gate_of = select(device.c.gate).where(device.c.id == _p("device"))
_note_capacity = update(book).where(book.c.room == _p("room")).values(capacity=_p("capacity"))
_capacity = insert(capacity).values(room=_p("room"), at=_p("at"), capacity=_p("capacity"))
_settled = select(account.c.settled_seq).where(
    account.c.device == _p("device"), account.c.incarnation == _p("incarnation"), account.c.room == _p("room")
)
_open_account = insert(account).values({column.name: _p(column.name) for column in account.c})
_save_account = (
    update(account)
    .where(account.c.device == _p("device"), account.c.incarnation == _p("incarnation"), account.c.room == _p("room"))
    .values({c.name: _p(c.name) for c in account.c if c.name not in ("device", "incarnation", "room")})
)
_append = insert(passage).values({c.name: _p(c.name) for c in passage.c if c.name != "id"}).returning(passage.c.id)
_stored = select(passage.c.raw, passage.c.verdict).where(
    passage.c.device == _p("device"), passage.c.incarnation == _p("incarnation"), passage.c.seq == _p("seq")
)
_quarantined = select(quarantine.c.raw).where(
    quarantine.c.device == _p("device"),
    quarantine.c.incarnation == _p("incarnation"),
    quarantine.c.seq == _p("seq"),
)
_quarantine = insert(quarantine).values({c.name: _p(c.name) for c in quarantine.c if c.name != "id"})
_holder = (
    select(
        badge.c.person,
        badge.c.revoked,
        stay.c.id,
        stay.c.room,
        stay.c.opened,
        stay.c.closed,
        stay.c.duplicate,
        stay.c.settled,
        stay.c.earliest,
    )
    .select_from(
        badge.outerjoin(stay, (stay.c.holder == badge.c.person) & (stay.c.closed.is_(None) | stay.c.opened.is_(None)))
    )
    .where(badge.c.id == _p("badge"))
    .order_by(stay.c.id)
)
# Two nodes must not pair the same holder's entries and exits at once; a person may have several badges.
_lock_holder = select(
    func.pg_advisory_xact_lock(
        func.coalesce(select(badge.c.person).where(badge.c.id == _p("badge")).scalar_subquery(), _p("stranger"))
    )
)
_strangers_stays = (
    select(stay.c.id, stay.c.room, stay.c.opened, stay.c.closed, stay.c.duplicate, stay.c.settled, stay.c.earliest)
    .where(stay.c.holder == _p("holder"), stay.c.closed.is_(None) | stay.c.opened.is_(None))
    .order_by(stay.c.id)
)
_open_stay = insert(stay).values({c.name: _p(c.name) for c in stay.c if c.name != "id"})
_close_stay = (
    update(stay)
    .where(stay.c.id == _p("id"), stay.c.closed.is_(None))
    .values(exit=_p("exit"), closed=_p("at"), how=_p("how"), credited=_p("credited"))
)
_complete_stay = (
    update(stay)
    .where(stay.c.id == _p("id"), stay.c.opened.is_(None))
    .values(
        entry=_p("entry"),
        opened=_p("at"),
        earliest=_p("earliest"),
        session=_p("session"),
        credited=_p("credited"),
    )
)
_annulled_stay = (
    select(stay.c.id, stay.c.room, stay.c.opened, stay.c.closed, stay.c.duplicate, stay.c.settled, stay.c.earliest)
    .join(passage, passage.c.id == stay.c.entry)
    .where(passage.c.device == _p("device"), passage.c.incarnation == _p("incarnation"), passage.c.seq == _p("seq"))
)
_entry_of = select(passage.c.kind, passage.c.room).where(
    passage.c.device == _p("device"), passage.c.incarnation == _p("incarnation"), passage.c.seq == _p("seq")
)
_latest = select(func.max(passage.c.at)).where(
    passage.c.device == _p("device"),
    passage.c.incarnation == _p("incarnation"),
    passage.c.seq < _p("seq"),
    passage.c.uncertainty_ms < literal_column("3600000"),
)


def _named(values: dict[str, Any]) -> dict[str, Any]:
    return {f"p_{name}": value for name, value in values.items()}


def chain_of(connection: Connection, device: str, number: int) -> Chain | None:
    """Locks and reads the chain of an incarnation; None if it has never been heard of."""
    row = execute(connection, _chain, {"p_device": device, "p_incarnation": number}).fetchone()
    return None if row is None else Chain(row[0], bytes(row[1]), bool(row[2]), row[3], bool(row[4]))


def eras_of(connection: Connection, device: str) -> Eras:
    """The database's era and the device's."""
    return Eras(*execute(connection, _eras, {"p_device": device}).fetchone())


def enter_era(connection: Connection, device: str, era: int) -> None:
    """The device has reported all its accounts in this era."""
    execute(connection, _in_era, {"p_device": device, "p_era": era})


def register(connection: Connection, device: str, number: int, head: bytes, now: int) -> None:
    """Writes down an incarnation that is new to the server."""
    values = {"device": device, "incarnation": number, "registered": now, "have_seq": 0, "head": head}
    values |= {"said_seq": 0, "heard": now, "fenced": False, "machine": "", "closed": False}
    execute(connection, _register, _named(values))


def name_machine(connection: Connection, device: str, number: int, machine: str, *, closed: bool) -> None:
    """On which hardware the incarnation was seen last, and whether it has said that it ends."""
    values: dict[str, object] = {"p_device": device, "p_incarnation": number, "p_machine": machine, "p_closed": closed}
    execute(connection, _name_machine, values)


def advance(connection: Connection, device: str, number: int, chain: tuple[int, bytes, int], now: int) -> None:
    """Moves the chain on: (seq stored up to, its hash, seq that the kiosk says to have written), heard ``now``."""
    have_seq, head, said_seq = chain
    values = {"device": device, "incarnation": number, "have_seq": have_seq, "head": head}
    execute(connection, _advance, _named(values | {"said_seq": said_seq, "heard": now}))


def credit_closed(connection: Connection, room: str) -> None:
    """D += 1: a stay that the server closed gives its seat back (S2)."""
    execute(connection, _credit, {"p_room": room})


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
    execute(connection, _open_account if new else _save_account, _named(values))


def fattest(connection: Connection, room: str, besides: str, floor: int) -> Holding | None:
    """The account with the most seats among the other kiosks of the room in reach; None if none has any."""
    values: dict[str, object] = {"p_room": room, "p_device": besides, "p_floor": floor}
    row = execute(connection, _fattest, values).fetchone()
    if row is None:
        return None
    held = Held(Account(*row[2:8]), State(row[8]), row[9])
    return Holding(row[0], row[1], held, row[10], row[11], row[12], row[13])


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


def latest_before(connection: Connection, device: str, number: int, seq: int) -> int | None:
    """When (ms) the newest passage before ``seq`` was whose time is known; None: of none."""
    values: dict[str, object] = {"p_device": device, "p_incarnation": number, "p_seq": seq}
    found = execute(connection, _latest, values).fetchone()[0]
    return None if found is None else int(found)


def append(connection: Connection, values: dict[str, Any]) -> int:
    """Appends a passage (all columns but id, which is returned)."""
    return int(execute(connection, _append, _named(values)).fetchone()[0])


def stored(connection: Connection, device: str, number: int, seq: int) -> tuple[bytes, str] | None:
    """The bytes and the verdict that passage ``seq`` was stored with; verdict "quarantined" for one that was."""
    identity: dict[str, object] = {"p_device": device, "p_incarnation": number, "p_seq": seq}
    row = execute(connection, _stored, identity).fetchone()
    if row is not None:
        return bytes(row[0]), str(row[1])
    row = execute(connection, _quarantined, identity).fetchone()
    return None if row is None else (bytes(row[0]), "quarantined")


def put_in_quarantine(connection: Connection, values: dict[str, Any]) -> bool:
    """Keeps bytes that cannot be taken as a passage. False if these very bytes are there already."""
    identity = {f"p_{name}": values[name] for name in ("device", "incarnation", "seq")}
    known = [bytes(row[0]) for row in execute(connection, _quarantined, identity).fetchall()]
    if values["raw"] in known:
        return False
    execute(connection, _quarantine, _named(values))
    return True


def quarantined_of(connection: Connection, device: str) -> int:
    """How many records of a kiosk are kept aside."""
    query = select(func.count()).select_from(quarantine).where(quarantine.c.device == device)
    return int(connection.execute(query).scalar_one())


def lock_holder(connection: Connection, number: int) -> None:
    """Keeps other transactions from changing the stays of the badge's holder until this one ends."""
    if connection.dialect.name != "sqlite":  # there the writer is alone anyway
        execute(connection, _lock_holder, {"p_badge": number, "p_stranger": -(number >> 32)})


def holder_of(connection: Connection, number: int) -> Holder:
    """Whose badge this is, with the holder's loose stays, oldest first."""
    rows = execute(connection, _holder, {"p_badge": number}).fetchall()
    if not rows:
        stranger = -(number >> 32)
        theirs = execute(connection, _strangers_stays, {"p_holder": stranger}).fetchall()
        return Holder(stranger, None, None, tuple(_loose(row) for row in theirs))
    loose = [_loose(row[2:]) for row in rows if row[2] is not None]
    return Holder(rows[0][0], rows[0][0], rows[0][1], tuple(loose))


def _loose(row: tuple[Any, ...]) -> Stay:
    return Stay(row[0], row[1], row[2], row[3], bool(row[4]), bool(row[5]), row[6])


def open_stay(connection: Connection, values: dict[str, Any]) -> None:
    """Writes a stay (all columns but id)."""
    execute(connection, _open_stay, _named(values))


def close_stay(connection: Connection, number: int, by: int | None, at: int, how: str, *, credited: bool) -> bool:
    """Closes the stay with passage ``by``; False if another exit has closed it."""
    values = {"p_id": number, "p_exit": by, "p_at": at, "p_how": how, "p_credited": credited}
    return int(execute(connection, _close_stay, values).rowcount) == 1


def complete_stay(connection: Connection, number: int, values: dict[str, object]) -> bool:
    """Gives an exit that came first its entry (entry, at, earliest, session, credited); False if it has one."""
    return int(execute(connection, _complete_stay, _named({"id": number} | values)).rowcount) == 1


def entry_of(connection: Connection, device: str, number: int, seq: int) -> tuple[str, str] | None:
    """Kind and room of the passage of that identity; None if there is none."""
    values: dict[str, object] = {"p_device": device, "p_incarnation": number, "p_seq": seq}
    row = execute(connection, _entry_of, values).fetchone()
    return None if row is None else (str(row[0]), str(row[1]))


def stay_of_entry(connection: Connection, device: str, number: int, seq: int) -> Stay | None:
    """The stay that this entry opened; None if it opened none."""
    values: dict[str, object] = {"p_device": device, "p_incarnation": number, "p_seq": seq}
    row = execute(connection, _annulled_stay, values).fetchone()
    return None if row is None else _loose(row)


def open_entry(connection: Connection, holder: int, room: str) -> dict[str, object]:
    """Which passage the holder is inside the room by: {"earlier": its row, "earlier_gate", "earlier_at"}."""
    query = (
        select(passage.c.id, passage.c.gate, passage.c.at)
        .join(stay, stay.c.entry == passage.c.id)
        .where(stay.c.holder == holder, stay.c.room == room, stay.c.closed.is_(None), stay.c.duplicate.is_(False))
    )
    row = connection.execute(query).first()
    return {} if row is None else {"earlier": row.id, "earlier_gate": row.gate, "earlier_at": row.at}
