"""The kiosks of the simulation: what is on a card, and what a kiosk does with it, by the functions of ``admission``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from admission import seats
from admission.seats import Account, Grant, RolledBack
from admission.venue import Direction, Exits
from kiosk.standing import Hold
from tests.seats.office import ANNULLED, ENTRY, EXIT, FORCED, Fact, Letter, Reply


@dataclass(slots=True)
class Card:
    """One store: all of it survives pulling the plug."""

    store: int
    accounts: dict[str, Account] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    journal: list[Fact] = field(default_factory=list)
    heads: list[int] = field(default_factory=lambda: [0])
    acknowledged: int = 0
    era: int = 0
    annulled: set[int] = field(default_factory=set)
    last: dict[int, str] = field(default_factory=dict)
    closed: bool = False

    def copy(self) -> Card:
        """The card, bit by bit."""
        return Card(
            self.store,
            dict(self.accounts),
            dict(self.holds),
            list(self.journal),
            list(self.heads),
            self.acknowledged,
            self.era,
            set(self.annulled),
            dict(self.last),
            self.closed,
        )


@dataclass(slots=True)
class Door:
    """A kiosk at a gate of ``room``."""

    device: str
    room: str
    direction: Direction
    exits: Exits
    card: Card
    dead: bool = False
    cut: bool = False

    @property
    def account(self) -> Account:
        """The account in its own room."""
        return self.card.accounts.get(self.room, Account())

    @property
    def is_set_up(self) -> bool:
        """Whether it runs and has ever heard of the venue: a new store knows neither its gate nor the badges' keys."""
        return not self.dead and self.card.era > 0

    @property
    def may_admit(self) -> bool:
        """Whether it would let somebody in now."""
        return self.account.balance >= 1 and not self.card.holds.get(self.room, Hold()).held and not self.card.closed

    def admit(self, badge: int, at: int, uncertainty: int) -> int:
        """K1; the number of the passage."""
        return self._append(Fact(ENTRY, badge, self.room, at, uncertainty), seats.spend(self.account))

    def let_out(self, badge: int, at: int, uncertainty: int) -> None:
        """K2."""
        again = self.card.last.get(badge) == EXIT
        after = self.account if again else seats.let_out(self.account, self.exits)
        self._append(Fact(EXIT, badge, self.room, at, uncertainty), after)

    def force(self, badge: int, at: int, uncertainty: int) -> int:
        """K5; the number of the passage."""
        return self._append(Fact(FORCED, badge, self.room, at, uncertainty), seats.force(self.account))

    def annul(self, seq: int, at: int, uncertainty: int) -> None:
        """K6, once an entry."""
        if seq in self.card.annulled:
            return
        settled = seq <= self.card.holds.get(self.room, Hold()).settled
        self.card.annulled.add(seq)
        badge = self.card.journal[seq - 1].badge
        after = seats.annul(self.account, self.exits, settled=settled)
        self._append(Fact(ANNULLED, badge, self.room, at, uncertainty, of=seq), after)

    def give_back(self, count: int) -> None:
        """K3: on the card before any letter says so."""
        self.card.accounts[self.room] = seats.give_back(self.account, count)

    def letter(self, most: int) -> Letter:
        """What the kiosk says now, with up to ``most`` passages."""
        card = self.card
        first = card.acknowledged + 1
        rooms = sorted({*card.accounts, self.room})
        return Letter(
            self.device,
            card.store,
            card.era,
            card.acknowledged,
            tuple((room, card.accounts.get(room, Account()), card.holds.get(room, Hold()).number) for room in rooms),
            first,
            tuple(card.journal[first - 1 : first - 1 + most]),
            len(card.journal),
            card.heads[-1],
            card.closed,
        )

    def hear(self, reply: Reply) -> None:
        """K4. Raises RolledBack if this store is an older copy."""
        card = self.card
        if reply.store != card.store:
            return
        if reply.have > len(card.journal):
            raise RolledBack
        for room, granted, hold, opened in reply.grants:
            held = card.accounts.get(room, Account())
            after = seats.accept(held, Grant(reply.era, granted, reply.have), len(card.journal))
            card.accounts[room] = after
            if reply.era == after.era:
                card.holds[room] = card.holds.get(room, Hold()).after(hold, opened, len(card.journal))
        for room, total in reply.recalls:
            if reply.era == card.accounts[room].era:
                card.accounts[room] = seats.give_back(card.accounts[room], total - card.accounts[room].returned)
        if reply.era > card.era or (reply.era == card.era and reply.have > card.acknowledged):
            card.acknowledged, card.era = reply.have, reply.era

    def _append(self, fact: Fact, account: Account) -> int:
        card = self.card
        card.journal.append(fact)
        card.heads.append(hash((card.heads[-1], fact)))
        if fact.kind == ANNULLED:
            card.last.pop(fact.badge, None)
        else:
            card.last[fact.badge] = fact.kind
        card.accounts[self.room] = replace(account)
        return len(card.journal)
