"""Whether the seat accounts say what the log says, and whether the seats of every room add up now.

Knows nothing of when anything happened, but for entries from before a room had a limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, and_, case, func, literal, or_, select

from admission.ledger import RoomBook, State
from admission.passage import Kind
from server.proofs.evidence import Check, Gathering, Verdict, many
from server.store.accounts import DESK
from server.store.schema import account, book, capacity, event, incarnation, passage

Findings = Iterator[tuple[Verdict, str]]


@dataclass(frozen=True, slots=True)
class Logged:
    """What the log says of one store in one room; ``early``: of the entries, those from before it had a limit."""

    entries: int = 0
    early: int = 0
    forced: int = 0
    exits: int = 0
    annulled: int = 0


@dataclass(frozen=True, slots=True)
class Counters:
    """An account as it is stored."""

    granted: int
    returned: int
    entries: int
    exits: int
    forced: int


@dataclass(frozen=True, slots=True)
class Seats:
    """A room's seats now: its book, the sums over its accounts, and the largest capacity that it ever had."""

    book: RoomBook
    held: int
    forced: int
    largest: int
    restored: bool


def check(connection: Connection, zone: ZoneInfo) -> list[Check]:
    """Every account against the log, and every room's sum."""
    found = Gathering("Seats", zone)
    logged = _logged(connection)
    seen = compared = 0
    query = select(account, incarnation.c.have_seq, incarnation.c.said_seq).join(incarnation, _same_store())
    for row in connection.execute(query.order_by(account.c.device, account.c.incarnation, account.c.room)).all():
        counters = Counters(row.granted, row.returned, row.entries, row.exits, row.forced)
        mine = logged.pop((row.device, row.incarnation, row.room), Logged())
        desk = row.device == DESK  # retired from the first, and always complete: the server writes it itself
        whole = (desk or row.state == State.LIVE) and row.have_seq == row.said_seq
        seen, compared = seen + 1, compared + whole
        flaws = (*sums(counters), *(compare(counters, mine) if whole else ()), *(by_hand(counters) if desk else ()))
        for verdict, text in flaws:
            _add(found, verdict, f"{row.device}, store {row.incarnation}, {row.room}: {text}", row)
    for (device, number, room), mine in sorted(logged.items()):
        late = mine.entries - mine.early
        if late > 0:
            text = f"{device}, store {number}, {room}: {many(late, 'entry', 'entries')} without an account"
            found.wrong(text, device=device, incarnation=number, room=room)
    said = f"{many(seen, 'account')}, none below nothing; {compared} that are live and complete: spent as in the log"
    return [found.check(said), _free_seats(connection, zone)]


def sums(one: Counters) -> Findings:
    """What no account can say, whatever the log holds. Pure.

    Not R <= G: at a gate that only leads out, seats come from exits and are returned without having been granted.
    """
    balance = one.granted - one.returned - one.entries + one.exits
    if balance < 0:
        yield Verdict.WRONG, f"{-balance} more seats spent and returned than it ever had"
    if min(one.granted, one.returned, one.entries, one.exits, one.forced) < 0:
        yield Verdict.WRONG, "a counter below nothing"


def compare(one: Counters, logged: Logged) -> Findings:
    """Where an account says anything else than a log that is complete. Pure."""
    more = logged.entries - one.entries
    if 0 < more <= logged.early:
        yield Verdict.NOTE, f"{many(more, 'entry', 'entries')} from before the room had a limit, in no account"
    elif more:
        yield Verdict.WRONG, f"{logged.entries} entries in the log, {one.entries} in the account"
    if logged.forced != one.forced:
        yield Verdict.WRONG, f"{logged.forced} forced entries in the log, {one.forced} in the account"
    if one.exits > logged.exits + logged.annulled:
        back = f"{logged.exits} exits and {logged.annulled} annulments in the log"
        yield Verdict.WRONG, f"{one.exits} seats came back by exits, but only {back}"


def by_hand(one: Counters) -> Findings:
    """What the desk's account cannot say: it spends each seat as it gets it, and returns each that comes back. Pure."""
    if one.granted != one.entries:
        yield Verdict.WRONG, f"{one.granted} seats given to the desk, {one.entries} spent by it"
    if one.returned != one.exits:
        yield Verdict.WRONG, f"{one.exits} seats came back to the desk, {one.returned} returned by it"


def more_than_there_are(room: Seats, spendable: int) -> int:
    """How many more seats are free or can be spent than the room has; 0 or less where somebody may be inside. Pure."""
    return room.book.after(room.held, room.forced) + spendable - room.book.capacity


def balance_of(room: Seats) -> tuple[Verdict, str] | None:
    """What there is to say of a room whose seats do not reach. Pure."""
    free = room.book.after(room.held, room.forced)
    if free >= 0:
        return None
    lowered = max(0, room.largest - room.book.capacity)
    reasons = {
        "the capacity was lowered": lowered,
        "entries were forced": room.forced + room.book.forced,
        "a head count found more": max(0, -room.book.recount),
        "the database was restored": -free if room.restored else 0,
    }
    if sum(reasons.values()) < -free:
        return (
            Verdict.WRONG,
            f"{-free} more seats given out than the room has, {sum(reasons.values())} of them explained",
        )
    return Verdict.NOTE, f"{-free} below nothing: {', '.join(name for name, size in reasons.items() if size)}"


def _free_seats(connection: Connection, zone: ZoneInfo) -> Check:
    found = Gathering("Seats", zone)
    held, forced = func.sum(account.c.granted - account.c.returned), func.sum(account.c.forced)
    sums_of = {
        row[0]: row[1:] for row in connection.execute(select(account.c.room, held, forced).group_by(account.c.room))
    }
    top = select(capacity.c.room, func.max(capacity.c.capacity)).group_by(capacity.c.room)
    largest = {room: most for room, most in connection.execute(top) if most is not None}
    restored = connection.execute(select(event.c.era)).scalar_one() > 1
    balance = account.c.granted - account.c.returned - account.c.entries + account.c.exits
    able = select(account.c.room, func.sum(balance)).where(account.c.state != State.RETIRED).group_by(account.c.room)
    spendable = dict(connection.execute(able).all())
    free = []
    for row in connection.execute(select(book).where(book.c.capacity.is_not(None)).order_by(book.c.room)):
        mine = RoomBook(row.capacity, row.recount, row.closed, row.forced)
        out = tuple(int(value) for value in sums_of.get(row.room, (0, 0)))
        seats = Seats(mine, out[0], out[1], largest.get(row.room, 0), restored)
        more = more_than_there_are(seats, int(spendable.get(row.room, 0)))
        if more > 0:  # a count that was too low, or exits of people whom no gate had let in
            text = f"{row.room}: {more} more seats than the room has: more people left than came"
            _add(found, Verdict.NOTE, text, row)
        told = balance_of(seats)
        free.append(f"{row.room} {mine.after(*out)}")
        if told is not None:
            _add(found, told[0], f"{row.room}: {told[1]}", row)
    return found.check(f"free now, C + A - sum(G - R) + D - sum(V) - V0: {', '.join(free) or 'no room has a limit'}")


def _logged(connection: Connection) -> dict[tuple[str, int, str], Logged]:
    """What the log says, by store and room, for the rooms that have had a limit."""
    first = select(capacity.c.room, func.min(capacity.c.at).label("at")).group_by(capacity.c.room).subquery()
    counts = {kind: _sum(passage.c.kind == kind) for kind in (Kind.ENTRY, Kind.FORCED, Kind.EXIT, Kind.ANNULLED)}
    early = _sum(and_(passage.c.kind == Kind.ENTRY, passage.c.at - passage.c.uncertainty_ms < first.c.at))
    query = (
        select(passage.c.device, passage.c.incarnation, passage.c.room, counts[Kind.ENTRY], early)
        .add_columns(counts[Kind.FORCED], counts[Kind.EXIT], counts[Kind.ANNULLED])
        .join(first, first.c.room == passage.c.room)
        .where(or_(*(passage.c.kind == kind for kind in counts)))
        .group_by(passage.c.device, passage.c.incarnation, passage.c.room)
    )
    return {(row[0], row[1], row[2]): Logged(*map(int, row[3:])) for row in connection.execute(query)}


def _sum(where: Any) -> Any:
    return func.sum(case((where, passage.c.count), else_=literal(0)))


def _same_store() -> Any:
    return and_(incarnation.c.device == account.c.device, incarnation.c.incarnation == account.c.incarnation)


def _add(found: Gathering, verdict: Verdict, text: str, row: Row[Any]) -> None:
    names = ("device", "incarnation", "room")
    facts = {name: row._mapping[name] for name in names if name in row._mapping}
    (found.wrong if verdict is Verdict.WRONG else found.note)(text, **facts)
