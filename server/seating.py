"""The server's side of the seats in a room, on the tables: takes reports, counts heads, hands out (S1, S5, S6).

What is safe is decided by :mod:`admission.ledger`, how many seats a kiosk should hold by :mod:`server.sharing`.
Runs inside the exchange's transaction; knows nothing of passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from admission import ledger
from admission.ledger import Held, RoomBook, State
from admission.seats import Account
from admission.venue import Direction, Gate, Programme, Room, capacity_at
from admission.wire import Exchange, GrantTo, Report
from server import counting, incidents, restore, sharing
from server.incidents import Place
from server.sharing import Reach
from server.store import accounts, passages
from server.store.accounts import Holding, RoomSeats
from server.store.instants import from_ms, to_ms
from server.store.passages import Chain

REACH_MS = 60_000
SETTLED = timedelta(seconds=2)
FAR = 1000
"""No database is restored so often that a kiosk could know of an era so far ahead."""
LOW = 3
"""A kiosk with so few seats is told which other gate has some."""


@dataclass(frozen=True, slots=True)
class Told:
    """A report after it was merged: the room, what is known of its seats, the account before and after, and how many
    forced entries were new in it."""

    room: Room
    report: Report
    known: RoomSeats
    book: RoomBook
    before: Holding | None
    mine: Holding
    honest: bool
    forced: int = 0


@dataclass
class Seating:
    """The seats as one message of one kiosk meets them. ``sought``: when (ms) a kiosk of a room last asked in vain,
    shared by all messages; policy only, so memory is enough. ``carried``: it was written some time ago. ``recalled``:
    kiosks that must give seats back at once; ``moved``: rooms in which more or fewer bodies are counted now."""

    connection: Connection
    programme: Programme
    gate: Gate | None
    era: int
    now: datetime
    sought: dict[str, int]
    carried: bool = False
    recalled: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)

    def seat(self, message: Exchange, known: Chain, acknowledged: int) -> tuple[GrantTo, ...]:
        """Merges the reports of a message, then grants. ``acknowledged``: what this database holds of its journal.

        A report, an era or an acknowledgement that is newer than this database begins a new era first.
        """
        told = [one for report in message.reports if (one := self._merge(message, report, known)) is not None]
        self._notice_restore(message, told, acknowledged)
        given = [self._grant(message, one) for one in told]
        self._enter_era(message)
        return () if known.fenced else tuple(given)

    def _merge(self, message: Exchange, report: Report, known: Chain) -> Told | None:
        """None: the room has no account."""
        room = self.programme.room(report.room)
        capacity = capacity_at(self.programme, room, self.now) if room is not None else None
        if room is None or capacity is None:
            return None
        whose = (message.device, message.incarnation, report.room)
        seats = accounts.seats_in(self.connection, whose, self.era, to_ms(self.now) - REACH_MS)
        if seats.capacity != capacity:
            accounts.note_capacity(self.connection, room.id, capacity, to_ms(self.now))
        said = Account(self.era, report.granted, report.returned, report.entries, report.exits, report.forced)
        honest = not ledger.is_absurd(said, room.exits, seats.mine.account.exits if seats.mine else 0)
        if not honest:
            facts = {"incarnation": message.incarnation, "granted": said.granted, "balance": said.balance}
            place = Place(room.id, "", message.device)
            incidents.raise_while_open(self.connection, "impossible_report", to_ms(self.now), place, facts)
        empty = Held(Account(self.era), State.FENCED if known.fenced else State.LIVE)
        held = seats.mine.held if seats.mine else empty
        merged = ledger.merge(held, said, report.hold) if honest else held
        mine = self._heard(message, report, merged, seats.mine)
        if _bodies(merged) != _bodies(held):
            self.moved.add(room.id)
        book = replace(seats.book, capacity=capacity)
        forced = merged.account.forced - held.account.forced
        return Told(room, report, seats, book, seats.mine, mine, honest, forced)

    def _heard(self, message: Exchange, report: Report, held: Held, before: Holding | None) -> Holding:
        """The account as it is now. That it was heard is written down every two seconds at most."""
        if self.carried:  # by a courier: the kiosk is out of reach
            return replace(before or Holding(message.device, message.incarnation, held, 0, 0), held=held)
        if before is None:
            return Holding(message.device, message.incarnation, held, report.arrivals, to_ms(self.now))
        settled = held == before.held and self.now - from_ms(before.heard) < SETTLED
        heard = before.heard if settled else to_ms(self.now)
        return replace(before, held=held, arrivals=report.arrivals, heard=heard)

    def _notice_restore(self, message: Exchange, told: Sequence[Told], acknowledged: int) -> None:
        seen = max([message.era, *(one.report.era for one in told)])
        if seen > self.era + FAR:
            place = Place("", "", message.device)
            incidents.raise_while_open(self.connection, "impossible_report", to_ms(self.now), place, {"era": seen})
            return
        newer = message.era > self.era or (message.era == self.era and message.acknowledged > acknowledged)
        for one in told:
            said = Account(one.report.era, one.report.granted)
            before = one.before.account if one.before else None
            newer = newer or (one.honest and ledger.shows_restore(before, said, self.era))
        if not newer:
            return
        facts: dict[str, object] = {"device": message.device, "incarnation": message.incarnation}
        facts |= {"acknowledged": message.acknowledged, "held": acknowledged}
        self.era = restore.raise_era(self.connection, seen, to_ms(self.now), facts)

    def _grant(self, message: Exchange, told: Told) -> GrantTo:
        """S1: fills the account up to its target if the era matches, nobody is recovering and no count is going on."""
        held = told.known.held
        if held and told.known.heads is not None and told.mine.held.hold >= told.known.hold:
            told = self._settle(told)
        room, mine, others = told.room.id, _heeded(told.mine), told.known.others
        account = mine.account
        free = told.book.after(account.granted - account.returned + others.held, account.forced + others.forced)
        asking = message.presenting is not None and message.presenting.room == room
        wanted = self._wanted(told, mine, free, asking=asking) if self._needs_seats(room) else 0
        if told.honest and not held and self._may_fill(mine, room, asking=asking) and self._may_grant(told):
            mine = replace(mine, held=ledger.grant(mine.held, free, wanted))
        free -= mine.account.granted - account.granted
        self._note_force(told, free)
        if mine != told.before:
            accounts.save_account(self.connection, room, mine, new=told.before is None)
        if asking and mine.account.balance < 1 and mine.held.state is State.LIVE and not held:
            self.sought[room] = to_ms(self.now)
            if wanted > 0:
                self._recall(mine, room)
        return self._word(told, mine, wanted, free)

    def _wanted(self, told: Told, mine: Holding, free: int, *, asking: bool) -> int:
        """The seats that the kiosk should hold; at least one if somebody stands there and one can come."""
        others = told.known.others
        reach = Reach(others.in_reach, others.balance_in_reach, others.arrivals_in_reach)
        wanted = sharing.target(mine.account.balance, mine.arrivals, reach, free)
        can_come = free + others.balance_in_reach > 0  # otherwise the kiosk need not make anybody wait
        return max(1, wanted) if asking and mine.account.balance < 1 and can_come else wanted

    def _settle(self, told: Told) -> Told:
        """S6: if this report is the last that a head count waits for, the count is settled; the room as it is then.
        Nothing is granted in the same exchange."""
        room, mine = told.room.id, told.mine
        accounts.save_account(self.connection, room, mine, new=told.before is None)
        told = replace(told, before=mine)
        if not counting.settle(self.connection, told.room, told.book, to_ms(self.now)):
            return told
        whose = (mine.device, mine.incarnation, room)
        known = accounts.seats_in(self.connection, whose, self.era, to_ms(self.now) - REACH_MS)
        fresh = known.mine or mine
        return replace(
            told, known=known, book=replace(known.book, capacity=told.book.capacity), before=fresh, mine=fresh
        )

    def _note_force(self, told: Told, free: int) -> None:
        """A forced entry took the room over its legal limit."""
        over = told.book.capacity - free - (told.room.limit or 0)
        if told.forced > 0 and over > 0:
            place, facts = Place(told.room.id, "", told.mine.device), {"over": over, "limit": told.room.limit}
            incidents.raise_while_open(self.connection, "over_limit", to_ms(self.now), place, facts)

    def _may_grant(self, told: Told) -> bool:
        # A store that was never given anything holds no era yet: its first seats need not wait for another round.
        first = told.before is None and told.report.era == 0 and told.mine.account == Account(self.era)
        if told.report.era != self.era and not first:
            return False
        return told.known.open_era == self.era or restore.try_open(self.connection, told.room.id, self.era)

    def _may_fill(self, mine: Holding, room: str, *, asking: bool) -> bool:
        since = (to_ms(self.now) - self.sought.get(room, 0)) / 1000
        owing = mine.recall > mine.account.returned
        return sharing.may_fill(asking=asking and mine.account.balance < 1, owing=owing, since_sought=since)

    def _needs_seats(self, room: str) -> bool:
        """A kiosk spends seats of the room into which its gate leads; what it holds of others comes back."""
        return self.gate is not None and self.gate.room == room and self.gate.direction is not Direction.OUT

    def _recall(self, asker: Holding, room: str) -> None:
        """Need one: the fattest kiosk in reach gives half of its seats back, for the one where somebody stands."""
        fattest = accounts.fattest(self.connection, room, asker.device, to_ms(self.now) - REACH_MS)
        if fattest is None or fattest.recall > fattest.account.returned:
            return
        seats = sharing.recall(fattest.account.balance)
        accounts.ask_back(self.connection, room, fattest, fattest.account.returned + seats)
        self.recalled.add(fattest.device)

    def _word(self, told: Told, mine: Holding, wanted: int, free: int) -> GrantTo:
        """What the kiosk is told."""
        others, account = told.known.others, mine.account
        elsewhere = ""
        if account.balance <= LOW and others.balance_in_reach > 0:
            fattest = accounts.fattest(self.connection, told.room.id, mine.device, to_ms(self.now) - REACH_MS)
            elsewhere = accounts.gate_of(self.connection, fattest.device) if fattest else ""
        return GrantTo(
            room=told.room.id,
            era=self.era,
            granted=account.granted,
            target=max(0, wanted),
            full=free <= 0 and account.balance + others.balance == 0 and told.known.open_era == self.era,
            hold=told.known.hold if told.known.held else 0,
            opened=0 if told.known.held else told.known.hold,
            recall=mine.recall,
            elsewhere=elsewhere,
            spare=max(0, free + (told.room.limit or 0) - told.book.capacity),
        )

    def _enter_era(self, message: Exchange) -> None:
        """Remembers that the kiosk has reported all that it holds in this era."""
        eras = [report.era for report in message.reports] or [message.era]
        if message.era != self.era and set(eras) != {self.era}:
            return
        known = passages.eras_of(self.connection, message.device, message.incarnation)
        if min(known.device, known.store) < self.era:
            passages.enter_era(self.connection, message.device, message.incarnation, self.era)


def _bodies(held: Held) -> tuple[int, int, int]:
    """What of an account says how many are inside."""
    return held.account.entries, held.account.exits, held.account.forced


def _heeded(mine: Holding) -> Holding:
    """A kiosk that had spent what it was asked for gives back what it has: the recall is over."""
    called = sharing.still_called(mine.recall, mine.account.returned, mine.account.balance)
    return replace(mine, recall=called) if called != mine.recall else mine
