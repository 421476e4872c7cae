"""A kiosk's account and the server's side of one room, as the simulated doors of the seat benchmark use them.

Drives the real functions of admission.seats, admission.ledger and the handing-out policy. Knows nothing of people,
the network or what is true.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf

from admission import ledger, seats
from admission.ledger import Held, RoomBook
from admission.seats import Account, Grant
from admission.venue import Exits
from server import sharing
from tests.bench.crowd import CAPACITY, GATES

REACH, ARRIVALS = 60.0, 300.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a kiosk says: its account, the arrivals at its gate, how far its journal goes, whether somebody waits
    for a seat, and whether this is a poll for news."""

    account: Account
    arrivals: int
    written: int
    asking: bool = False
    news: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """What the server says."""

    grant: Grant
    target: int
    recall: int
    elsewhere: int | None


@dataclass
class Door:
    """A kiosk."""

    account: Account = field(default_factory=Account)
    came: deque[float] = field(default_factory=deque)
    journal: list[tuple[int, bool]] = field(default_factory=list)
    missed: int = 0
    pause: float = 0.0
    elsewhere: int | None = None

    def say(self, now: float, *, asking: bool = False, news: bool = False) -> Said:
        """The report."""
        while self.came and self.came[0] < now - ARRIVALS:
            self.came.popleft()
        return Said(self.account, len(self.came), len(self.journal), asking, news)

    def hear(self, word: Word) -> None:
        """K4 and K3."""
        account = seats.accept(self.account, word.grant, len(self.journal))
        if word.recall > account.returned:
            account = seats.give_back(account, word.recall - account.returned)
        if word.grant.era == account.era and seats.is_excess(account.balance, word.target):
            account = seats.give_back(account, account.balance - word.target)
        self.account = account
        self.elsewhere = self.elsewhere if word.elsewhere is None else word.elsewhere
        self.missed = 0


@dataclass
class Known:
    """What the server knows of a kiosk."""

    held: Held = field(default_factory=lambda: Held(Account()))
    arrivals: int = 0
    heard: float = -inf
    have: int = 0
    recall: int = 0
    letter: int = 0  # of the held poll; 0: none


class Office:
    """The server's side of the room."""

    def __init__(self, exits: Exits) -> None:
        self.known = [Known() for _ in range(GATES)]
        self._exits = exits
        self._seen: set[int] = set()
        self._closed = 0
        self._sought = -inf

    def take(self, gate: int, said: Said, journal: list[tuple[int, bool]], now: float) -> Word:
        """S1, and S2 in a matched room."""
        mine = self.known[gate]
        for who, _ in journal[mine.have : said.written]:
            self._pair(who)
        mine.have = max(mine.have, said.written)
        mine.held = ledger.merge(mine.held, said.account)
        mine.arrivals, mine.heard = said.arrivals, now
        free, others = self.free(), self._others(gate, now)
        balance, returned = mine.held.account.balance, mine.held.account.returned
        mine.recall = sharing.still_called(mine.recall, returned, balance)
        wanted = sharing.target(balance, said.arrivals, others, free)
        if said.asking and free + others.balance > 0:
            wanted = max(1, wanted)
        since = now - self._sought
        if sharing.may_fill(asking=said.asking, owing=mine.recall > returned, since_sought=since):
            mine.held = ledger.grant(mine.held, free, wanted)
        if said.asking and mine.held.account.balance < 1:
            self._sought = now
        return self.word(gate, wanted, self._fattest(gate, now) if said.asking or said.news else None)

    def word(self, gate: int, wanted: int, elsewhere: int | None = None) -> Word:
        """What the kiosk is told."""
        mine = self.known[gate]
        return Word(Grant(0, mine.held.account.granted, mine.have), wanted, mine.recall, elsewhere)

    def recall(self, asker: int, now: float) -> int | None:
        """Calls back seats for a kiosk that has none; answers from which gate."""
        gate = self._fattest(asker, now)
        if gate is not None:
            account = self.known[gate].held.account
            self.known[gate].recall = account.returned + sharing.recall(account.balance)
        return gate

    def vouch(self, gate: int, door: Door) -> None:
        """S4: the kiosk is off and in hand, its card has been read."""
        mine = self.known[gate]
        for who, _ in door.journal[mine.have :]:
            self._pair(who)
        merged = ledger.merge(mine.held, door.account)
        mine.held = ledger.vouch(merged, closed=True, have_seq=len(door.journal), head_seq=len(door.journal))

    def free(self) -> int:
        """The seats that may still be granted."""
        book = RoomBook(CAPACITY, closed=self._closed)
        return book.free(one.held.account for one in self.known)

    def _fattest(self, asker: int, now: float) -> int | None:
        """The kiosk in reach that holds most, leaving out those that still owe what was called back."""
        best, most = None, 0
        for gate, one in enumerate(self.known):
            account = one.held.account
            if gate != asker and one.heard > now - REACH and one.recall <= account.returned and account.balance > most:
                best, most = gate, account.balance
        return best

    def _others(self, gate: int, now: float) -> sharing.Reach:
        kiosks = balance = arrivals = 0
        for other, one in enumerate(self.known):
            if other != gate and one.heard > now - REACH:
                kiosks += 1
                balance += one.held.account.balance
                arrivals += one.arrivals
        return sharing.Reach(kiosks, balance, arrivals)

    def _pair(self, who: int) -> None:
        if self._exits is not Exits.MATCHED:
            return
        if who in self._seen:
            self._closed += 1
        self._seen.add(who)
