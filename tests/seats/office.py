"""The server of the simulation: the pure functions of ``admission`` over dictionaries, so that it can be copied whole
(a backup) and put back (a restore). What each step means is decided there, not here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from admission import ledger, stays
from admission.ledger import Held, JournalUnread, RoomBook, State
from admission.seats import Account
from admission.stays import Change, Close, Complete, Open, Stay, Step
from admission.venue import Exits

ENTRY, EXIT, FORCED, ANNULLED = "entry", "exit", "forced", "annulled"


@dataclass(frozen=True, slots=True)
class Fact:
    """A passage. ``of``: the entry that is annulled."""

    kind: str
    badge: int
    room: str
    at: int
    uncertainty: int
    of: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """What a kiosk says: reports of (room, account, hold), facts from ``first`` on, and the head of its chain."""

    device: str
    store: int
    era: int
    acknowledged: int
    reports: tuple[tuple[str, Account, int], ...]
    first: int
    facts: tuple[Fact, ...]
    head_seq: int
    head: int
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers: of each room (room, granted, hold, opened); of some (room, seats returned in total)."""

    device: str
    store: int
    era: int
    have: int
    grants: tuple[tuple[str, int, int, int], ...]
    recalls: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class Chain:
    """What the server holds of one store."""

    facts: list[Fact] = field(default_factory=list)
    heads: list[int] = field(default_factory=lambda: [0])
    said: int = 0
    fenced: bool = False
    closed: bool = False
    forked: bool = False
    era: int = 1


@dataclass(slots=True)
class Room:
    """A room's book, its hold and its eras."""

    exits: Exits
    around: frozenset[str]
    book: RoomBook
    hold: int = 0
    held: bool = False
    heads: int | None = None
    open_era: int = 1
    vowed_era: int = 1


Key = tuple[str, int, str]


@dataclass(slots=True)
class Office:
    """The server's state and its steps."""

    rooms: dict[str, Room]
    devices: dict[str, int]
    era: int = 1
    chains: dict[tuple[str, int], Chain] = field(default_factory=dict)
    accounts: dict[Key, Held] = field(default_factory=dict)
    settled: dict[Key, int] = field(default_factory=dict)
    stays: dict[int, dict[int, Stay]] = field(default_factory=dict)
    entries: dict[tuple[str, int, int], tuple[int, int]] = field(default_factory=dict)
    numbers: int = 0

    def backup(self) -> Office:
        """A copy of everything as it is now."""
        return Office(
            {name: copy.copy(room) for name, room in self.rooms.items()},
            dict(self.devices),
            self.era,
            {
                key: Chain(list(one.facts), list(one.heads), one.said, one.fenced, one.closed, one.forked, one.era)
                for key, one in self.chains.items()
            },
            dict(self.accounts),
            dict(self.settled),
            {badge: dict(theirs) for badge, theirs in self.stays.items()},
            dict(self.entries),
            self.numbers,
        )

    def handle(self, letter: Letter, wish: int) -> Reply:
        """Takes a letter, and grants each account up to ``wish`` seats as far as the rules allow."""
        chain = self.chains.setdefault((letter.device, letter.store), Chain(era=self.era))
        have = len(chain.facts)
        self.take(letter, chain)
        if letter.closed:
            chain.closed = True
        told = [(room, said, self.merge(letter, room, said, hold)) for room, said, hold in letter.reports]
        chain.said = max(chain.said, letter.head_seq)
        if self.is_newer(letter, told, have):
            self.begin_era(max(letter.era, *(said.era for _, said, _ in told), 0))
        grants = tuple(self.give(letter, room, said, before, wish) for room, said, before in told)
        self.enter_era(letter)
        return Reply(letter.device, letter.store, self.era, len(chain.facts), () if chain.fenced else grants)

    def take(self, letter: Letter, chain: Chain) -> None:
        """Appends what is new; a fork fences the store."""
        for seq, fact in enumerate(letter.facts, letter.first):
            if seq <= len(chain.facts):
                if chain.facts[seq - 1] != fact:
                    chain.forked = True
                    self.fence_store(letter.device, letter.store, chain)
                continue
            if seq > len(chain.facts) + 1:
                break
            chain.facts.append(fact)
            chain.heads.append(hash((chain.heads[-1], fact)))
            self.follow(letter.device, letter.store, seq, fact)
        if letter.head_seq == len(chain.facts) and letter.head != chain.heads[-1]:
            chain.forked = True
            self.fence_store(letter.device, letter.store, chain)

    def merge(self, letter: Letter, room: str, said: Account, hold: int) -> Account | None:
        """S1, first half; the account as it was before."""
        key = (letter.device, letter.store, room)
        known = self.accounts.get(key)
        fenced = self.chains[letter.device, letter.store].fenced
        empty = Held(Account(self.era), State.FENCED if fenced else State.LIVE)
        self.accounts[key] = ledger.merge(known or empty, said, hold)
        return known.account if known else None

    def is_newer(self, letter: Letter, told: list[tuple[str, Account, Account | None]], have: int) -> bool:
        """S3: whether the letter knows more than this database."""
        if letter.era > self.era or (letter.era == self.era and letter.acknowledged > have):
            return True
        return any(ledger.shows_restore(before, said, self.era) for _, said, before in told)

    def begin_era(self, seen: int = 0) -> None:
        """S3: a restore is noticed."""
        self.era = max(self.era, seen) + 1
        for room in self.rooms.values():
            room.book = ledger.after_restore(room.book)
            room.hold, room.heads = self.era << 16, None
        live = {key[:2] for key, held in self.accounts.items() if held.state is State.LIVE}
        for store, chain in self.chains.items():
            if store not in live:
                chain.era = self.era

    def give(
        self, letter: Letter, name: str, said: Account, before: Account | None, wish: int
    ) -> tuple[str, int, int, int]:
        """S1, second half."""
        room, key = self.rooms[name], (letter.device, letter.store, name)
        mine = self.accounts[key]
        if room.held and room.heads is not None and mine.hold >= room.hold:
            self.settle(name)
        first = before is None and said.era == 0 and mine.account == Account(mine.account.era)
        if (said.era == self.era or first) and not room.held and self.is_open(name):
            mine = ledger.grant(mine, room.book.free(self.spendable(name)), wish)
            self.accounts[key] = mine
        return name, mine.account.granted, room.hold if room.held else 0, 0 if room.held else room.hold

    def spendable(self, name: str) -> list[Account]:
        """The accounts of the room, for the sums in ``free``."""
        return [held.account for key, held in self.accounts.items() if key[2] == name]

    def is_open(self, name: str) -> bool:
        """S3: whether the room grants in this era."""
        room = self.rooms[name]
        if room.open_era < self.era and room.vowed_era == self.era and not self.awaited():
            room.open_era = self.era
        return room.open_era == self.era

    def awaited(self) -> set[str]:
        """The kiosks of which a store has not reported in this era, and those never heard in it."""
        spends = {key[:2] for key, held in self.accounts.items() if held.state is not State.RETIRED}
        stores = {store for store in spends if self.chains[store].era < self.era}
        heard = {key[0] for key in self.accounts}
        unseen = {device for device, era in self.devices.items() if era < self.era and device not in heard}
        return {store[0] for store in stores} | unseen

    def enter_era(self, letter: Letter) -> None:
        """The kiosk has reported all that it holds in this era."""
        eras = {said.era for _, said, _ in letter.reports} or {letter.era}
        if letter.era == self.era or eras == {self.era}:
            self.devices[letter.device] = max(self.devices[letter.device], self.era)
            self.chains[letter.device, letter.store].era = self.era

    def confirm(self, name: str) -> None:
        """A supervisor confirms the room after a restore."""
        self.rooms[name].vowed_era = self.era

    def fence_store(self, device: str, store: int, chain: Chain) -> None:
        """No more grants to this store."""
        chain.fenced = True
        for key, held in self.accounts.items():
            if key[:2] == (device, store):
                self.accounts[key] = ledger.fence(held)

    def fence(self, device: str) -> None:
        """No more grants to this kiosk."""
        for (name, store), chain in self.chains.items():
            if name == device:
                self.fence_store(name, store, chain)

    def vouch(self, device: str) -> None:
        """S4. Raises JournalUnread."""
        after = {}
        if any(chain.forked for (name, _), chain in self.chains.items() if name == device):
            raise JournalUnread("two cards")
        for key, held in self.accounts.items():
            if key[0] == device and held.state is not State.RETIRED:
                chain = self.chains[key[:2]]
                after[key] = ledger.vouch(held, closed=chain.closed, have_seq=len(chain.facts), head_seq=chain.said)
        self.accounts.update(after)
        self.devices[device] = self.era
        for (name, _), chain in self.chains.items():
            if name == device:
                chain.era = self.era

    def hold(self, name: str) -> None:
        """Holds entries into the room."""
        room = self.rooms[name]
        room.hold, room.held, room.heads = room.hold + 1, True, None

    def reopen(self, name: str) -> None:
        """Ends a hold."""
        room = self.rooms[name]
        room.held, room.heads = False, None

    def count(self, name: str, heads: int, retired: set[tuple[str, int]]) -> bool:
        """S6: what lowers holds at once, what raises waits; True if it waits or is settled."""
        room = self.rooms[name]
        for key, held in self.accounts.items():
            if key[2] == name and key[:2] in retired:
                self.accounts[key] = replace(held, state=State.RETIRED)
        theirs = [held for key, held in self.accounts.items() if key[2] == name]
        if not ledger.may_raise(theirs, room.hold):
            self.write_count(name, heads, room.hold + 1)
            room.held = heads == 0
            return False
        room.hold, room.heads = room.hold + 1, heads
        self.settle(name)
        return True

    def settle(self, name: str) -> bool:
        """Applies a count that waits, once every account that can spend has reported after it."""
        room = self.rooms[name]
        theirs = [held for key, held in self.accounts.items() if key[2] == name]
        if room.heads is None or not ledger.may_raise(theirs, room.hold):
            return False
        self.write_count(name, room.heads, room.hold)
        room.held, room.heads = room.heads == 0, None
        return True

    def write_count(self, name: str, heads: int, hold: int) -> None:
        """A, and the stays that earn no more."""
        room = self.rooms[name]
        theirs = [held for key, held in self.accounts.items() if key[2] == name]
        room.book = ledger.recount(room.book, theirs, heads, hold)
        for key in self.accounts:
            if key[2] == name:
                self.settled[key] = self.chains[key[:2]].said
        for mine in self.stays.values():
            for number, stay in mine.items():
                if stay.room == name and (stay.closed is None or stay.opened is None):
                    over = 0 if heads == 0 and stay.closed is None else stay.closed
                    mine[number] = replace(stay, settled=True, closed=over)

    def follow(self, device: str, store: int, seq: int, fact: Fact) -> None:
        """S2 and K6: what a passage does to stays."""
        mine = self.stays.setdefault(fact.badge, {})
        loose = [stay for stay in mine.values() if stay.closed is None or stay.opened is None]
        settled = seq <= self.settled.get((device, store, fact.room), 0)
        step = Step(fact.room, fact.at, fact.uncertainty, settled)
        if fact.kind == ANNULLED:
            badge, number = self.entries.get((device, store, fact.of), (0, 0))
            change = stays.annul(self.stays.get(badge, {}).get(number), fact.at, self.matched)
            changes: list[Change] = [change] if change else []
        elif fact.kind == EXIT:
            changes = [stays.leave(loose, step, self.matched)]
        else:
            changes = stays.enter(loose, step, self.around, self.matched)
        for one in changes:
            number = self.apply(mine, one)
            if fact.kind in (ENTRY, FORCED) and not isinstance(one, Close):
                self.entries[device, store, seq] = (fact.badge, number)

    def apply(self, mine: dict[int, Stay], change: Change) -> int:
        """Writes one change; the number of its stay."""
        match change:
            case Close(stay, at, _, credit):
                mine[stay.id] = replace(stay, closed=at)
                room, number = stay.room, stay.id
            case Complete(stay, opened, earliest, credit):
                mine[stay.id] = replace(stay, opened=opened, earliest=earliest)
                room, number = stay.room, stay.id
            case Open(room, opened, closed, duplicate, settled, credit, earliest):
                self.numbers += 1
                number = self.numbers
                mine[number] = Stay(number, room, opened, closed, duplicate, settled, earliest)
        if credit:
            book = self.rooms[room].book
            self.rooms[room].book = replace(book, closed=book.closed + 1)
        return number

    def matched(self, room: str) -> bool:
        """Whether the room's exits bring seats back through the server."""
        return self.rooms[room].exits is Exits.MATCHED

    def around(self, room: str) -> set[str]:
        """The room and its ancestors."""
        return set(self.rooms[room].around)


Wish = Callable[[], int]
