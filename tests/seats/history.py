"""One seeded history: people, doors, an office, and a network that loses, repeats, delays and reorders.

The truth is the set of people in each room, which the protocol never reads. After every step: bodies inside <= the
largest capacity under which the seats still out were granted + forced entries (+ what a copied card holds twice). At
the end, when everything is connected again, the office holds every passage of every card that was not lost.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from admission.ledger import JournalUnread, RoomBook, State
from admission.seats import RolledBack
from admission.venue import Direction, Exits
from tests.seats.door import Card, Door
from tests.seats.office import Letter, Office, Reply, Room

Body = tuple[int, int]
"""A badge, and which of the people who share it."""
MODES = (Exits.TRUSTED, Exits.MATCHED, Exits.NONE)
PEOPLE, FEW = 14, 6


class Overfull(AssertionError):
    """More people are in a room than its seats allow."""


class Lost(AssertionError):
    """A passage that a door had written is not in the log."""


@dataclass(slots=True)
class Bound:
    """What a room may hold: the largest capacity since the last settled count, and what is allowed on top of it."""

    ceiling: int
    forced: int = 0
    copied: int = 0
    forced_at_heads: int = 0
    heads: int | None = None

    @property
    def most(self) -> int:
        """The most people that may be inside."""
        return self.ceiling + self.forced + self.copied


@dataclass(slots=True)
class Post:
    """Something on its way: a letter up, or a reply down; ``at``: the step in which it was written."""

    at: int
    up: Letter | None = None
    down: Reply | None = None


@dataclass(slots=True)
class Clone:
    """A card that two machines run, or that was put back to an earlier state: what its doors may accept once more."""

    door: Door
    known_at: int | None = None
    most_granted: dict[str, int] | None = None


@dataclass(slots=True)
class History:
    """One history of one exit mode. ``calm``: no card is copied or put back, so that the bound is the strict one;
    ``focus``: the kinds of trouble in it, in one small room, instead of chance's choice."""

    seed: int
    mode: Exits
    calm: bool = True
    focus: tuple[str, ...] = ()
    dice: random.Random = field(init=False)
    office: Office = field(init=False)
    doors: list[Door] = field(default_factory=list)
    inside: dict[str, set[Body]] = field(default_factory=dict)
    bounds: dict[str, Bound] = field(default_factory=dict)
    wire: list[Post] = field(default_factory=list)
    backups: list[Office] = field(default_factory=list)
    snapshots: list[tuple[Door, Card]] = field(default_factory=list)
    clones: list[Clone] = field(default_factory=list)
    gone: set[tuple[str, int]] = field(default_factory=set)
    twice: set[tuple[str, int]] = field(default_factory=set)
    unturned: list[tuple[Door, int, int]] = field(default_factory=list)
    uncounted: set[str] = field(default_factory=set)
    tick: int = 0
    stores: int = 0
    within: dict[str, set[str]] = field(default_factory=dict)
    odd: float = 0.0
    shares: bool = False
    was_full: bool = False
    settled: int = 0
    decided_cut: int = 0
    told: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.mode}{self.calm}{self.seed}")
        layout = {"hall": {"hall"}, "salon": {"salon", "hall"}, "club": {"club"}}
        more = 0 if self.focus else self.dice.choice((0, 0, 0, 1, 2))
        names = ["hall", "club"] if "rooms" in self.focus else ["hall", *self.dice.sample(["salon", "club"], more)]
        rooms = {}
        for name in names:
            capacity = self.dice.choice((1, 2, 2) if self.focus else (1, 2, 2, 3, 3, 4, 6))
            rooms[name] = Room(self.mode, frozenset(layout[name]), RoomBook(capacity))
            self.inside[name] = set()
            self.bounds[name] = Bound(capacity)
            self.within[name] = {other for other in names if name in layout[other]}
        for name in names:
            for number in range(self.dice.randint(2, 3 if self.focus else 4) if name == "hall" else 2):
                self._build(f"{name}-{number}", name, self._direction(number))
        self.office = Office(rooms, {door.device: 1 for door in self.doors})

    def _direction(self, number: int) -> Direction:
        if number == 0:
            return Direction.IN if self.mode is Exits.TRUSTED else Direction.BOTH
        if number == 1:
            return Direction.OUT if self.mode is Exits.TRUSTED else Direction.IN
        choice = [Direction.IN, Direction.OUT] + ([] if self.mode is Exits.TRUSTED else [Direction.BOTH])
        return self.dice.choice(choice)

    def _build(self, device: str, room: str, direction: Direction) -> None:
        self.stores += 1
        self.doors.append(Door(device, room, direction, self.mode, Card(self.stores)))

    def run(self, steps: int) -> None:
        """Plays the history. Raises Overfull or Lost."""
        acts, weights = self._acts()
        for door in self.doors:  # the morning: everything is connected
            self._hears(door, self._arrives(door.letter(0)), 0)
        for act in self.dice.choices(acts, weights, k=steps):
            self.tick += 1
            act()
            if self.told is not None:
                self.told(self._line(act.__name__))
            self.check()
        self.end()

    def _acts(self) -> tuple[list[Callable[[], None]], list[int]]:
        """What happens in this history, and how often: the daily round, and two to four kinds of trouble.

        A history with all kinds at once would be so slow and leaky that no room ever fills.
        """
        acts: dict[Callable[[], None], int] = {
            self.somebody_comes: 44,
            self.somebody_leaves: 16,
            self.everybody_writes: 10,
            self.a_door_writes: 30,
            self.the_post_comes: 10,
            self.a_door_gives_back: 3,
            self.a_link_changes: 5,
        }
        troubles: dict[str, dict[Callable[[], None], int]] = {
            "loss": {self.the_post_is_lost: 3},
            "slips": {self.somebody_slips_out: 2},
            "force": {self.a_steward_forces: 1},
            "annul": {self.an_entry_is_annulled: 6},
            "annul late": {self.an_entry_is_annulled: 1},
            "stores": {self.a_store_is_lost: 1},
            "deaths": {self.a_door_dies: 1, self.a_door_is_vouched_for: 2, self.a_door_is_replaced: 1},
            "fence": {self.a_kiosk_is_fenced: 1, self.a_store_is_lost: 1},
            "restore": {self.the_office_is_copied: 3, self.the_office_is_put_back: 2, self.a_room_is_confirmed: 8},
            "sessions": {self.a_capacity_changes: 2},
            "count": {self.a_count_goes_on: 14},
            "counts": {self.a_count_goes_on: 42},
            "shared": {self.a_badge_is_shared: 1},
        }
        chosen = [troubles[name] for name in self.focus if name != "rooms"] or [
            troubles[name] for name in self.dice.sample(sorted(troubles), self.dice.randint(1, 4))
        ]
        if self.mode is Exits.NONE:
            chosen.append({self.a_count_goes_on: 14})  # otherwise a room fills once, and that is all
        if not self.calm:
            chosen.append({self.a_card_is_kept: 2, self.a_card_is_put_back: 1, self.a_card_is_cloned: 1})
        for trouble in chosen:
            for act, weight in trouble.items():
                acts[act] = acts.get(act, 0) + weight * (3 if self.focus and weight < 10 else 1)
        self.odd = 0.15 if self.an_entry_is_annulled in acts else 0.0
        self.shares = self.a_badge_is_shared in acts
        return list(acts), list(acts.values())

    def check(self) -> None:
        """Raises Overfull if a room holds more people than it may."""
        for name, bodies in self.inside.items():
            self.was_full = self.was_full or len(bodies) >= self.office.rooms[name].book.capacity
            if len(bodies) > self.bounds[name].most:
                raise Overfull(f"{name}: {len(bodies)} inside, at most {self.bounds[name]} (step {self.tick})")

    def _line(self, act: str) -> str:
        rooms = ", ".join(
            f"{name} {len(self.inside[name])}/{room.book.capacity} A{room.book.recount:+} D{room.book.closed}"
            + (f" hold {room.hold}" if room.held else "")
            for name, room in self.office.rooms.items()
        )
        seats = " ".join(
            f"{door.device}={door.account.balance}" + "x" * door.dead + "-" * door.cut for door in self.doors
        )
        return f"{self.tick:4} {act:24} era {self.office.era}  {rooms}  {seats}"

    # -- people

    def somebody_comes(self) -> None:
        """A badge is held up at a door that leads in."""
        ready = [
            door for door in self.doors if door.direction is not Direction.OUT and not door.dead and door.may_admit
        ]
        if not ready:
            return
        door = self.dice.choice(ready)
        body = self._who(door.room)
        if body is None:
            return
        seq = door.admit(body[0], *self._when())
        self.decided_cut += door.cut
        turned = self.dice.random() >= self.odd
        if turned or body not in self.inside[door.room]:
            self._enters(body, door.room)  # whoever stands at a door has left the rooms that are not around it
        if not turned:
            self._leaves(body, door.room)
            self.unturned.append((door, door.card.store, seq))

    def _who(self, room: str) -> Body | None:
        """Who holds up a badge: anybody who can be at that door; sometimes one who is inside, or shares a badge."""
        badge = self.dice.randrange(1, (FEW if self.focus else PEOPLE) + 1)
        shared = any((badge, 1) in bodies for bodies in self.inside.values())
        if room == "salon" and (badge, 0) not in self.inside["hall"]:
            return None
        if (badge, 0) not in self.inside[room]:
            return None if shared else (badge, 0)
        if not self.shares or self.dice.random() < 0.8:
            return None
        elsewhere = any((badge, 0) in bodies for name, bodies in self.inside.items() if name != room)
        return (badge, 1) if not shared and not elsewhere and self.dice.random() < 0.5 else (badge, 0)

    def _enters(self, body: Body, room: str) -> None:
        for name in self.inside:
            if room not in self.within[name]:
                self.inside[name].discard(body)
        self.inside[room].add(body)

    def _leaves(self, body: Body, room: str) -> None:
        for name in self.within[room]:
            self.inside[name].discard(body)

    def somebody_leaves(self) -> None:
        """A badge is held up at a door that leads out."""
        out = [door for door in self.doors if door.direction is not Direction.IN and door.is_set_up]
        ways = [door for door in out if self.inside[door.room]]
        if ways:
            door = self.dice.choice(ways)
            body = self.dice.choice(sorted(self.inside[door.room]))
            door.let_out(body[0], *self._when())
            self._leaves(body, door.room)

    def a_badge_is_shared(self) -> None:
        """Somebody inside hands a badge out; see ``_who``."""

    def somebody_slips_out(self) -> None:
        """Somebody leaves without showing a badge."""
        room = self.dice.choice(list(self.inside))
        if self.inside[room]:
            self._leaves(self.dice.choice(sorted(self.inside[room])), room)

    def a_steward_forces(self) -> None:
        """Somebody is let in without a seat."""
        door = self.dice.choice(self.doors)
        badge = self.dice.randrange(1, (FEW if self.focus else PEOPLE) + 1)
        if (
            not door.is_set_up
            or door.direction is Direction.OUT
            or any((badge, 0) in bodies for bodies in self.inside.values())
        ):
            return
        if door.room == "salon" or any((badge, 1) in bodies for bodies in self.inside.values()):
            return
        door.force(badge, *self._when())
        self.bounds[door.room].forced += 1
        self._enters((badge, 0), door.room)

    def an_entry_is_annulled(self) -> None:
        """Somebody was admitted and did not go in; the door, or a steward, says so."""
        if self.unturned:
            door, store, seq = self.unturned.pop(self.dice.randrange(len(self.unturned)))
            if not door.dead and door.card.store == store and seq <= len(door.card.journal):
                door.annul(seq, *self._when())

    def _when(self) -> tuple[int, int]:
        """The time of this step as a kiosk's clock has it: (at, uncertainty)."""
        uncertainty = self.dice.choice((0, 1, 3, 8))
        return 10 * self.tick + self.dice.randint(-uncertainty, uncertainty), uncertainty

    # -- the network

    def a_door_writes(self) -> None:
        """A kiosk sends what it has to say. Mostly it is answered at once; now and then a copy stays on the wire."""
        door = self.dice.choice(self.doors)
        if door.dead or (door.cut and self.dice.random() < 0.95):  # a courier carries it now and then
            return
        letter, luck = door.letter(self.dice.choice((0, 2, 50, 50))), self.dice.random()
        if luck < 0.4 or luck > 0.9:
            self.wire.append(Post(self.tick, up=letter))
        if luck > 0.4:
            reply = self._arrives(letter)
            if luck < 0.8:
                self._hears(door, reply, self.tick)
            if luck > 0.75:
                self.wire.append(Post(self.tick, down=reply))

    def everybody_writes(self) -> None:
        """Some seconds pass: every kiosk in reach has heard from the server."""
        for door in self.dice.sample(self.doors, len(self.doors)):
            if not door.dead and not door.cut:
                self._hears(door, self._arrives(door.letter(50)), self.tick)

    def the_post_comes(self) -> None:
        """Something arrives: often the newest, sometimes anything, sometimes twice."""
        if not self.wire:
            return
        at = -1 if self.dice.random() < 0.6 else self.dice.randrange(len(self.wire))
        post = self.wire[at] if self.dice.random() < 0.1 else self.wire.pop(at)
        if post.up is not None:
            self.wire.append(Post(self.tick, down=self._arrives(post.up)))
        elif post.down is not None:
            reached = [door for door in self.doors if door.device == post.down.device and not door.dead]
            if reached:
                self._hears(self.dice.choice(reached), post.down, post.at)

    def _arrives(self, letter: Letter) -> Reply:
        waits = {name for name, room in self.office.rooms.items() if room.heads is not None}
        self._notice_forks(letter)
        leads_in = any(door.device == letter.device and door.direction is not Direction.OUT for door in self.doors)
        reply = self.office.handle(letter, self.dice.choice((1, 1, 2, 3, 9)) if leads_in else 0)
        for name in waits:
            if self.office.rooms[name].heads is None:
                self._rebase(name)
        return reply

    def _hears(self, door: Door, reply: Reply, at: int) -> None:
        before = {room: account.balance for room, account in door.card.accounts.items()}
        store = door.card.store
        try:
            door.hear(reply)
        except RolledBack:
            self._new_store(door)
            return
        for clone in self.clones:
            if clone.door is door and door.card.store == store:
                self._allow(clone, before, at)
        if door.direction is Direction.OUT:
            door.give_back(door.account.balance)
        elif self.dice.random() < 0.1:
            door.give_back(self.dice.randrange(3))

    def _allow(self, clone: Clone, before: dict[str, int], at: int) -> None:
        """What a copied card is granted before the office can know, it may spend twice."""
        if clone.known_at is not None and at > clone.known_at:
            return
        for room, account in clone.door.card.accounts.items():
            more = account.balance - before.get(room, 0)
            if clone.most_granted is not None:
                more = min(more, clone.most_granted.get(room, 0) - account.granted + more)
            self.bounds[room].copied += max(0, more)

    def _notice_forks(self, letter: Letter) -> None:
        chain = self.office.chains.get((letter.device, letter.store))
        if chain is None:
            return
        known = chain.facts[letter.first - 1 : letter.first - 1 + len(letter.facts)]
        if any(mine != theirs for mine, theirs in zip(known, letter.facts, strict=False)):
            for clone in self.clones:
                if clone.door.device == letter.device and clone.known_at is None:
                    clone.known_at = self.tick

    def the_post_is_lost(self) -> None:
        """Everything on its way is lost, or half of it."""
        self.wire = [post for post in self.wire if self.dice.random() < 0.5]

    def a_link_changes(self) -> None:
        """A door is cut off, or back."""
        door = self.dice.choice(self.doors)
        door.cut = self.dice.random() < (0.25 if door.cut else 0.4)

    def a_door_gives_back(self) -> None:
        """A kiosk holds more than it should."""
        door = self.dice.choice(self.doors)
        if not door.dead:
            door.give_back(self.dice.randrange(1, 4))

    # -- cards and kiosks

    def _new_store(self, door: Door) -> None:
        self.gone.add((door.device, door.card.store))
        self.clones = [clone for clone in self.clones if clone.door is not door]
        self.stores += 1
        door.card = Card(self.stores)

    def a_store_is_lost(self) -> None:
        """A card is damaged; the kiosk begins a new store."""
        door = self.dice.choice(self.doors)
        if self._single(door) and self.dice.random() < 0.5:
            self._new_store(door)
            door.dead = False

    def _single(self, door: Door) -> bool:
        return sum(one.device == door.device for one in self.doors) == 1

    def a_door_dies(self) -> None:
        """A kiosk is switched off for good; its card may be read later."""
        door = self.dice.choice(self.doors)
        if self._single(door) and self.dice.random() < 0.4:
            door.dead = True

    def a_door_is_replaced(self) -> None:
        """A dead kiosk gets a new card."""
        for door in self.doors:
            if door.dead and self._single(door):
                self._new_store(door)
                door.dead = False

    def a_door_is_vouched_for(self) -> None:
        """A dead kiosk's journal is read to the end, and a supervisor vouches for it."""
        for door in self.doors:
            if door.dead and self._single(door):
                door.card.closed = True
                for _ in range(3):  # the card goes on as the office asks: a restored one wants more
                    reply = self.office.handle(door.letter(10_000), 0)
                    try:
                        door.hear(reply)
                    except RolledBack:
                        return
                try:
                    self.office.vouch(door.device)
                except JournalUnread:
                    return

    def a_kiosk_is_fenced(self) -> None:
        """A supervisor trusts a kiosk no more; it may still run."""
        if self.dice.random() < 0.2:
            self.office.fence(self.dice.choice(self.doors).device)

    def a_card_is_kept(self) -> None:
        """Somebody makes an image of a card."""
        door = self.dice.choice(self.doors)
        self.snapshots = [*self.snapshots[-3:], (door, door.card.copy())]

    def a_card_is_put_back(self) -> None:
        """A kiosk runs on an earlier image of its card."""
        if not self.snapshots:
            return
        door, card = self.dice.choice(self.snapshots)
        if door.dead or card.store != door.card.store or not self._single(door):
            return
        granted = {room: account.granted for room, account in door.card.accounts.items()}
        self._copied(door, card)
        door.card = card.copy()
        self.clones.append(Clone(door, most_granted=granted))

    def a_card_is_cloned(self) -> None:
        """Two machines run the same card."""
        door = self.dice.choice(self.doors)
        if door.dead or not self._single(door) or len(self.clones) > 2:
            return
        twin = Door(door.device, door.room, door.direction, door.exits, door.card.copy())
        self._copied(door, twin.card)
        self.doors.append(twin)
        self.clones.append(Clone(twin))

    def _copied(self, door: Door, card: Card) -> None:
        self.twice.add((door.device, card.store))
        for room, account in card.accounts.items():
            self.bounds[room].copied += max(0, account.balance)

    # -- the office

    def the_office_is_copied(self) -> None:
        """A backup is made."""
        self.backups = [*self.backups[-2:], self.office.backup()]

    def the_office_is_put_back(self) -> None:
        """The database is replaced by an earlier copy; the server notices when it starts (S3)."""
        if not self.backups or self.dice.random() < 0.5:
            return
        later, self.office = self.office, self.dice.choice(self.backups).backup()
        for name, room in self.office.rooms.items():  # the programme is imported again
            room.book = replace(room.book, capacity=later.rooms[name].book.capacity)
        self.office.begin_era(later.era)
        known = {key[:2] for key in self.office.accounts}
        lost = {store for store in self.gone if store not in known}
        self.uncounted |= set(self.office.rooms) if lost else set()
        for bound in self.bounds.values():
            bound.heads = None

    def a_room_is_confirmed(self) -> None:
        """A supervisor confirms a room; where stores were lost since the copy was made, after counting heads."""
        room = self.dice.choice(list(self.office.rooms))
        if room not in self.uncounted:
            self.office.confirm(room)

    def a_capacity_changes(self) -> None:
        """A session with another capacity begins, over people who stay seated."""
        name = self.dice.choice(list(self.office.rooms))
        room, bound = self.office.rooms[name], self.bounds[name]
        room.book = replace(room.book, capacity=self.dice.choice((1, 2, 3, 4)))
        bound.ceiling = max(bound.ceiling, room.book.capacity)

    def a_count_goes_on(self) -> None:
        """A supervisor holds a room, counts heads once every gate confirms (or without), writes them in, reopens."""
        name = self.dice.choice(list(self.office.rooms))
        room, bound = self.office.rooms[name], self.bounds[name]
        if not room.held:
            if self.dice.random() < (0.6 if self.focus else 0.15):
                self.office.hold(name)
                bound.heads = None
        elif (room.heads is not None or bound.heads is None) and self.dice.random() < 0.6:
            self.everybody_writes()  # the supervisor waits for the gates
        elif self.dice.random() < 0.1:
            bound.heads = None
            self.office.reopen(name)
        elif bound.heads is None:
            self._count_heads(name)
        elif room.heads is None:
            self._write_heads(name)

    def _count_heads(self, name: str) -> None:
        """Heads are counted at one moment; they are written in at a later one."""
        bound = self.bounds[name]
        if self.dice.random() < 0.2:
            for body in sorted(self.inside[name]):  # the room is emptied
                self._leaves(body, name)
        bound.heads, bound.forced_at_heads = len(self.inside[name]), bound.forced
        theirs = [held for key, held in self.office.accounts.items() if key[2] == name and not self._is_off(key[:2])]
        confirmed = all(held.state is State.LIVE and held.hold >= self.office.rooms[name].hold for held in theirs)
        if not confirmed and self.dice.random() < 0.7:
            bound.heads = None  # the supervisor waits for the gates

    def _write_heads(self, name: str) -> None:
        bound = self.bounds[name]
        heads = bound.heads or 0
        retired = {key[:2] for key in self.office.accounts if self._is_off(key[:2])}
        waits = self.office.count(name, heads, retired)
        if waits and self.office.rooms[name].heads is None:
            self._rebase(name)
        elif not waits:
            bound.heads = None

    def _is_off(self, store: tuple[str, int]) -> bool:
        """Whether nobody can spend from this store any more."""
        running = any((door.device, door.card.store) == store and not door.dead for door in self.doors)
        return not running

    def _rebase(self, name: str) -> None:
        """A count is settled: from here on the room is measured by what was found."""
        self.settled += 1
        bound, room = self.bounds[name], self.office.rooms[name]
        theirs = [held for key, held in self.office.accounts.items() if key[2] == name]
        held = sum(max(0, one.account.balance) for one in theirs if one.state is not State.RETIRED)
        self.bounds[name] = Bound(
            max(room.book.capacity, (bound.heads or 0) + held), bound.forced - bound.forced_at_heads, bound.copied
        )
        self.uncounted.discard(name)

    # -- the end

    def end(self) -> None:
        """Everything is connected again: what every card holds is in the log, in its order."""
        for door in self.doors:
            door.cut = False
        for _ in range(3):
            for door in self.doors:
                if not door.dead:
                    post = partial(self._hears, door, at=self.tick)
                    post(self.office.handle(door.letter(10_000), 0))
                    self.check()
        for door in self.doors:
            chain = self.office.chains.get((door.device, door.card.store))
            copied = (door.device, door.card.store) in self.twice
            if (
                door.card.journal
                and not door.dead
                and not copied
                and (chain is None or chain.facts != door.card.journal)
            ):
                raise Lost(f"{door.device}: {len(door.card.journal)} on the card, {chain} in the log")
