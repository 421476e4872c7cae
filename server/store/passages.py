"""The statements behind the exchange: chains, accounts, passages and stays.

All run through ``execute`` (plain tuples, compiled once), as they are the hottest in the house. The functions say in
venue words what they read and write; what it means is decided in :mod:`server.exchange` and :mod:`server.stays`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, insert, literal_column, select, update

from admission.seats import Account
from server.store.engine import execute
from server.store.schema import account, badge, book, device, gate, incarnation, incident, passage, quarantine, stay


def _p(name: str) -> Any:
    return bindparam(f"p_{name}")


@dataclass(frozen=True, slots=True)
class Chain:
    """How far the journal of one incarnation has arrived."""

    have_seq: int
    head: bytes
    fenced: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """The account of one incarnation in a room, with what the handing-out policy looks at."""

    device: str
    incarnation: int
    account: Account
    arrivals: int
    heard: int


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
    """All that is known of a room's seats: the server's recount and closed stays, one account, and the others."""

    recount: int
    closed: int
    mine: Holding | None
    others: Others


@dataclass(frozen=True, slots=True)
class Loose:
    """A stay that is not closed, or an exit that has no entry (opened None)."""

    id: int
    room: str
    opened: int | None
    closed: int | None
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose badge it is; ``person`` None for a badge that the server does not know. ``id`` is the holder in stays."""

    id: int
    person: int | None
    revoked: int | None
    stays: tuple[Loose, ...] = ()


_chain = (
    select(incarnation.c.have_seq, incarnation.c.head, incarnation.c.fenced)
    .where(incarnation.c.device == _p("device"), incarnation.c.incarnation == _p("incarnation"))
    .with_for_update()
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
    (account.c.heard >= _p("floor")) & (gate.c.room == book.c.room) & (gate.c.direction != literal_column("'out'"))
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
        *(_of_mine(account.c[name]) for name in ("granted", "returned", "entries", "exits", "forced")),
        _of_mine(account.c.arrivals),
        _of_mine(account.c.heard),
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
    .group_by(book.c.room, book.c.recount, book.c.closed)
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
    select(badge.c.person, badge.c.revoked, stay.c.id, stay.c.room, stay.c.opened, stay.c.closed, stay.c.duplicate)
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
    select(stay.c.id, stay.c.room, stay.c.opened, stay.c.closed, stay.c.duplicate)
    .where(stay.c.holder == _p("holder"), stay.c.closed.is_(None) | stay.c.opened.is_(None))
    .order_by(stay.c.id)
)
_open_stay = insert(stay).values({c.name: _p(c.name) for c in stay.c if c.name != "id"})
_close_stay = (
    update(stay).where(stay.c.id == _p("id"), stay.c.closed.is_(None)).values(exit=_p("exit"), closed=_p("at"))
)
_complete_stay = (
    update(stay)
    .where(stay.c.id == _p("id"), stay.c.opened.is_(None))
    .values(entry=_p("entry"), opened=_p("at"), session=_p("session"))
)
_raised = select(incident.c.id).where(
    incident.c.kind == _p("kind"), incident.c.device == _p("device"), incident.c.facts == _p("facts")
)
_incident = insert(incident).values({c.name: _p(c.name) for c in incident.c if c.name != "id"})


def _named(values: dict[str, Any]) -> dict[str, Any]:
    return {f"p_{name}": value for name, value in values.items()}


def chain_of(connection: Connection, device: str, number: int) -> Chain | None:
    """Locks and reads the chain of an incarnation; None if it has never been heard of."""
    row = execute(connection, _chain, {"p_device": device, "p_incarnation": number}).fetchone()
    return None if row is None else Chain(row[0], bytes(row[1]), bool(row[2]))


def register(connection: Connection, device: str, number: int, head: bytes, now: int) -> None:
    """Writes down an incarnation that is new to the server."""
    values = {"device": device, "incarnation": number, "registered": now, "have_seq": 0, "head": head}
    execute(connection, _register, _named(values | {"said_seq": 0, "heard": now, "fenced": False}))


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
    held = None if row[2] is None else Holding(device, number, Account(era, *row[2:7]), row[7], row[8])
    return RoomSeats(row[0], row[1], held, Others(*map(int, row[9:])))


def save_account(connection: Connection, room: str, held: Holding, *, new: bool) -> None:
    """Writes the account, as a new row or over its own."""
    mine = held.account
    values = {"device": held.device, "incarnation": held.incarnation, "room": room, "era": mine.era}
    values |= {"granted": mine.granted, "returned": mine.returned, "entries": mine.entries, "exits": mine.exits}
    values |= {"forced": mine.forced, "arrivals": held.arrivals, "heard": held.heard}
    execute(connection, _open_account if new else _save_account, _named(values))


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


def _loose(row: tuple[Any, ...]) -> Loose:
    return Loose(row[0], row[1], row[2], row[3], bool(row[4]))


def open_stay(connection: Connection, values: dict[str, Any]) -> None:
    """Writes a stay (all columns but id)."""
    execute(connection, _open_stay, _named(values))


def close_stay(connection: Connection, number: int, by: int, at: int) -> bool:
    """Closes the stay with passage ``by``; False if another exit has closed it."""
    values = {"p_id": number, "p_exit": by, "p_at": at}
    return int(execute(connection, _close_stay, values).rowcount) == 1


def complete_stay(connection: Connection, number: int, entry: int, at: int, session: str) -> bool:
    """Gives an exit that came first its entry; False if it has one."""
    values = {"p_id": number, "p_entry": entry, "p_at": at, "p_session": session}
    return int(execute(connection, _complete_stay, values).rowcount) == 1


def raise_incident(connection: Connection, values: dict[str, Any]) -> None:
    """Writes an incident (all columns but id)."""
    execute(connection, _incident, _named(values))


def was_raised(connection: Connection, kind: str, device: str, facts: str) -> bool:
    """Whether an incident of this kind with these very facts is there already."""
    values = {"p_kind": kind, "p_device": device, "p_facts": facts}
    return execute(connection, _raised, values).fetchone() is not None
