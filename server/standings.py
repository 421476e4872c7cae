"""How the seats of every room stand: bodies confirmed and possible inside, seats to hand out, with kiosks, stranded.

Counts bodies by the accounts (docs/protocol.md, section 8), not people by their stays. A seat that a kiosk holds and
has not been heard of for a while may have been spent: it makes the difference between confirmed and possible. Only
reads; must not know of levels, sessions or pages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, RowMapping, select

from admission.ledger import Held, RoomBook, State
from admission.venue import Programme, capacity_at
from server import counting, restore
from server.fencing import held_of
from server.store.instants import to_ms
from server.store.schema import account, book, device, event, gate, incarnation

LATE_MS = 15_000
SILENT_MS = 60_000


class News(StrEnum):
    """What is known of the seats of a store. LATE: it may have spent some since. STRANDED: they are of no use to
    anybody until somebody acts, for the kiosk is silent, or fenced, or has begun another store."""

    FRESH = "fresh"
    LATE = "late"
    STRANDED = "stranded"


@dataclass(frozen=True, slots=True)
class Store:
    """One store of a kiosk. ``superseded``: the kiosk has begun another one since."""

    heard: int
    queue: int
    fenced: bool
    superseded: bool


@dataclass(frozen=True, slots=True)
class Purse:
    """An account, and what is known of it now."""

    device: str
    room: str
    held: Held
    news: News

    @property
    def seats(self) -> int:
        """The seats that somebody may still spend from it."""
        return 0 if self.held.state is State.RETIRED else max(0, self.held.account.balance)


Rows = Sequence[RowMapping]
Stores = Mapping[tuple[str, int], Store]
Purses = Mapping[str, Sequence[Purse]]


@dataclass(frozen=True, slots=True)
class Hold:
    """Entries are held: how many of the room's kiosks have confirmed it, the others, and heads counted that wait."""

    confirmed: int
    kiosks: int
    waiting: tuple[str, ...]
    heads: int | None


@dataclass(frozen=True, slots=True)
class Recovery:
    """Nothing is granted since a restore: the kiosks that are awaited, and whether a supervisor has confirmed."""

    awaited: tuple[str, ...]
    vowed: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """The seats of a room. ``confirmed``: bodies inside by what is known; ``possible``: if every seat that is out of
    reach was spent. ``free`` may still be handed out; ``kiosks`` hold so many, and ``stranded`` are not among them.
    ``doubted``: the kiosks behind the difference; ``forced``: bodies ever let in without a seat."""

    confirmed: int
    possible: int
    free: int
    kiosks: int
    stranded: int
    forced: int
    doubted: tuple[str, ...]
    hold: Hold | None = None
    recovery: Recovery | None = None


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A kiosk. ``state``: live, late, silent, never, fenced or revoked; ``seats`` that it holds, those of earlier
    stores too; ``todo``: why some are ``stranded`` (silent, fenced, revoked, anew; empty: none are);
    ``unconfirmed``: rooms whose hold it has yet to confirm."""

    name: str
    gate: str
    heard_s: int | None
    queue: int
    state: str
    seats: int
    stranded: int
    todo: str
    unconfirmed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standings:
    """All rooms that count seats, and all kiosks."""

    rooms: Mapping[str, Standing]
    kiosks: Sequence[Kiosk]


def read(connection: Connection, programme: Programme, now: datetime) -> Standings:
    """How everything stands now."""
    books = connection.execute(_books).mappings().all()
    stores = _stores(connection)  # after the accounts, so that none of them is without its store
    purses = _purses(books, stores, to_ms(now))
    rooms = _rooms(connection, programme, books, purses, now)
    return Standings(rooms, _kiosks(connection, stores, purses, rooms, to_ms(now)))


def standing(facts: RoomBook, purses: Sequence[Purse]) -> Standing:
    """The seats of one room. Confirmed is C - free - all that can still be spent: after a head count, the heads."""
    free = facts.free(one.held.account for one in purses)
    known = facts.capacity - free - sum(one.seats for one in purses)
    doubted = [one for one in purses if one.seats and one.news is not News.FRESH]
    stranded = sum(one.seats for one in doubted if one.news is News.STRANDED)
    return Standing(
        confirmed=max(0, known),
        possible=max(0, known + sum(one.seats for one in doubted)),
        free=max(0, free),
        kiosks=sum(one.seats for one in purses) - stranded,
        stranded=stranded,
        forced=facts.forced + sum(one.held.account.forced for one in purses),
        doubted=tuple(sorted({one.device for one in doubted})),
    )


# One statement, so that no seat is seen twice or missed while it moves between a kiosk and the book.
_books = select(
    *(book.c[name].label(f"book_{name}") for name in ("room", "recount", "closed", "forced", "held", "heads")),
    book.c.open_era,
    book.c.vowed_era,
    select(event.c.era).scalar_subquery().label("now_era"),
    *account.c,
).select_from(book.outerjoin(account, account.c.room == book.c.room))


def _stores(connection: Connection) -> dict[tuple[str, int], Store]:
    queue = (incarnation.c.said_seq - incarnation.c.have_seq).label("queue")
    query = select(incarnation.c.device, incarnation.c.incarnation, incarnation.c.heard, queue, incarnation.c.fenced)
    rows = connection.execute(query.order_by(incarnation.c.registered, incarnation.c.heard)).all()
    newest = {row.device: row.incarnation for row in rows}  # numbers are drawn by lot: their order says nothing
    return {
        (name, number): Store(heard, waiting, fenced, superseded=newest[name] != number)
        for name, number, heard, waiting, fenced in rows
    }


def _purses(books: Rows, stores: Stores, now: int) -> dict[str, list[Purse]]:
    found: dict[str, list[Purse]] = defaultdict(list)
    for row in books:
        if row["device"] is None:
            continue
        store, held = stores[row["device"], row["incarnation"]], held_of(row)
        # The older of the two: after a courier's visit the account is news, but the kiosk has gone on alone.
        news = _news(store, held, now - min(store.heard, row["heard"]))
        found[row["room"]].append(Purse(row["device"], row["room"], held, news))
    return found


def _news(store: Store, held: Held, age: int) -> News:
    if age >= SILENT_MS or store.superseded or store.fenced or held.state is not State.LIVE:
        return News.STRANDED
    return News.LATE if age >= LATE_MS else News.FRESH


def _rooms(
    connection: Connection, programme: Programme, books: Rows, purses: Purses, now: datetime
) -> dict[str, Standing]:
    capacities = {room.id: capacity_at(programme, room, now) for room in programme.rooms}
    awaited = None
    found = {}
    for row in {row["book_room"]: row for row in books}.values():
        name, capacity = row["book_room"], capacities.get(row["book_room"])
        if capacity is None:
            continue
        facts = RoomBook(capacity, row["book_recount"], row["book_closed"], row["book_forced"])
        theirs = purses.get(name, ())
        one = standing(facts, theirs)
        if row["book_held"]:
            one = replace(one, hold=_hold(connection, name, theirs, row["book_heads"]))
        if row["open_era"] < row["now_era"]:
            awaited = awaited if awaited is not None else tuple(restore.awaited(connection, row["now_era"]))
            one = replace(one, recovery=Recovery(awaited, row["vowed_era"] >= row["now_era"]))
        found[name] = one
    return found


def _hold(connection: Connection, room: str, purses: Iterable[Purse], heads: int | None) -> Hold:
    spending = {one.device for one in purses if one.held.state is not State.RETIRED}
    waiting = {one.device for one in counting.waiting(connection, room)}
    return Hold(len(spending - waiting), len(spending), tuple(sorted(waiting)), heads)


def _kiosks(
    connection: Connection, stores: Stores, purses: Purses, rooms: Mapping[str, Standing], now: int
) -> list[Kiosk]:
    """All but those that were revoked and hold nothing."""
    query = select(device.c.id, gate.c.name, device.c.revoked).join(gate, gate.c.id == device.c.gate)
    theirs: dict[str, list[Purse]] = defaultdict(list)
    for one in (one for those in purses.values() for one in those):
        theirs[one.device].append(one)
    known: dict[str, list[Store]] = defaultdict(list)
    for (name, _), store in stores.items():
        known[name].append(store)
    return [
        _kiosk((name, of), revoked is not None, known[name], theirs[name], rooms, now)
        for name, of, revoked in connection.execute(query.order_by(device.c.id))
        if revoked is None or any(one.seats for one in theirs[name])
    ]


def _kiosk(
    who: tuple[str, str],
    revoked: bool,
    stores: Sequence[Store],
    purses: Sequence[Purse],
    rooms: Mapping[str, Standing],
    now: int,
) -> Kiosk:
    name, of = who
    seconds = max(0, (now - max(one.heard for one in stores)) // 1000) if stores else None
    fenced = any(one.fenced and not one.superseded for one in stores)
    state = "revoked" if revoked else "fenced" if fenced else _state(seconds)
    stranded = sum(one.seats for one in purses if one.news is News.STRANDED)
    return Kiosk(
        name=name,
        gate=of,
        heard_s=seconds,
        queue=sum(one.queue for one in stores),
        state=state,
        seats=sum(one.seats for one in purses),
        stranded=stranded,
        todo="" if not stranded else state if state in ("revoked", "fenced", "silent") else "anew",
        unconfirmed=tuple(room for room, one in rooms.items() if one.hold and name in one.hold.waiting),
    )


def _state(seconds: int | None) -> str:
    if seconds is None:
        return "never"
    return "live" if seconds * 1000 < LATE_MS else "late" if seconds * 1000 < SILENT_MS else "silent"
