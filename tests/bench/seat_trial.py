"""Visitors, eight kiosks, a network and a server as a discrete-event simulation: the escrow of the seat benchmark.

Only the network, the clock and the people are played. The truth is ``Tally.inside``, which neither side reads.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from math import inf
from random import Random

from admission import seats
from admission.venue import Exits
from tests.bench.crowd import GATES, Tally, Visitor, Weather
from tests.bench.seat_office import Door, Office, Said, Word

WAY = 0.01  # seconds from kiosk to server, and back
DEADLINE, PATIENCE = 0.25, 2  # of an ask; missed asks until none is waited for
HOLD, BACK_OFF = 5.0, (1.0, 30.0)
AGAIN, NEED_ONE = 0.3, 2.0  # a kiosk without a seat asks again, and gives up
ROUND, CARRY = (60.0, 90.0), 10.0  # between two visits of the courier; from reading a report to showing the grant
WALK = 60.0  # to another gate


class Trial:
    """Runs the visitors through the doors."""

    def __init__(self, visitors: Sequence[Visitor], exits: Exits, weather: Weather, dice: Random) -> None:
        self.tally = Tally()
        self._visitors = visitors
        self._exits = exits
        self._weather = weather
        self._dice = dice
        self._where = [one.gate for one in visitors]
        self._walked: set[int] = set()
        self._doors = [Door() for _ in range(GATES)]
        self._office = Office(exits)
        self._events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._order = count(1)
        self._now = 0.0

    def run(self) -> Tally:
        """Plays until the last visitor has been answered."""
        for gate in range(GATES):
            self._in(self._dice.random(), self._poll, gate)
            for start, end in self._weather.cuts.get(gate, ()):
                if self._weather.courier:
                    self._in(start + self._dice.uniform(*ROUND), self._courier, gate, end)
        if dead := self._weather.dead:
            self._in(dead.vouched, self._vouch, dead.gate)
        for number, one in enumerate(self._visitors):
            self._in(one.at, self._present, number, one.at)
        left = len(self._visitors)
        while self.tally.admitted + self.tally.refused < left:
            self._now, _, act, given = heapq.heappop(self._events)
            act(*given)
        return self.tally

    def _in(self, delay: float, act: Callable[..., None], *given: object) -> None:
        heapq.heappush(self._events, (self._now + delay, next(self._order), act, given))

    def _up(self, gate: int) -> bool:
        return self._weather.up(gate, self._now)

    # The visitor at the door.

    def _present(self, number: int, since: float) -> None:
        gate = self._where[number]
        door = self._doors[gate]
        if self._now == since:
            door.came.append(self._now)
        if door.missed >= PATIENCE:
            self._decide(number)
        elif self._up(gate):
            self._in(WAY, self._asked, number, since, door.say(self._now, asking=door.account.balance < 1))
        else:
            door.missed += 1
            self._in(DEADLINE, self._decide, number)

    def _asked(self, number: int, since: float, said: Said) -> None:
        gate = self._where[number]
        word = self._office.take(gate, said, self._doors[gate].journal, self._now)
        if said.asking and word.target and word.grant.granted == said.account.granted:
            self._recall(gate)
        self._in(WAY, self._answered, number, since, word, said.asking)

    def _answered(self, number: int, since: float, word: Word, asking: bool) -> None:
        gate = self._where[number]
        door = self._doors[gate]
        if not self._up(gate):
            door.missed += 1
            self._in(DEADLINE - 2 * WAY, self._decide, number)
            return
        door.hear(word)
        if door.account.balance or (asking and not word.target) or self._now + AGAIN > since + NEED_ONE:
            self.tally.waits.append(self._now - since)
            self._decide(number)
        else:
            self._in(AGAIN, self._present, number, since)

    def _decide(self, number: int) -> None:
        gate, stay = self._where[number], self._visitors[number].stay
        door = self._doors[gate]
        if door.account.balance < 1:
            self._refuse(number, door.elsewhere)
            return
        door.account = seats.spend(door.account)
        self.tally.enter()
        self._written(gate, number, entry=True)
        if stay < inf:
            self._in(stay, self._leave, number)

    def _refuse(self, number: int, elsewhere: int | None) -> None:
        walks = elsewhere is not None and number not in self._walked and self._dice.random() < self._weather.walk
        if elsewhere is None or not walks:
            self.tally.refuse(self._now)
            return
        self._walked.add(number)
        self._where[number] = elsewhere
        self._in(WALK, self._present, number, self._now + WALK)

    def _leave(self, number: int) -> None:
        gate = self._visitors[number].way_out
        door = self._doors[gate]
        self.tally.leave(self._now)
        door.account = seats.let_out(door.account, self._exits)
        self._written(gate, number, entry=False)

    def _written(self, gate: int, number: int, *, entry: bool) -> None:
        door = self._doors[gate]
        door.journal.append((number, entry))
        if door.missed < PATIENCE and self._up(gate):
            self._in(WAY, self._flushed, gate, door.say(self._now))

    def _flushed(self, gate: int, said: Said) -> None:
        self._in(WAY, self._hear, gate, self._office.take(gate, said, self._doors[gate].journal, self._now))

    def _hear(self, gate: int, word: Word) -> None:
        if self._up(gate):
            self._doors[gate].hear(word)

    # News, recalls and the courier.

    def _poll(self, gate: int) -> None:
        door = self._doors[gate]
        if self._up(gate):
            self._in(WAY, self._polled, gate, door.say(self._now, news=True))
        else:
            self._failed(gate)

    def _polled(self, gate: int, said: Said) -> None:
        known = self._office.known[gate]
        word = self._office.take(gate, said, self._doors[gate].journal, self._now)
        moved = word.grant.granted != said.account.granted or word.recall > said.account.returned
        known.letter = next(self._order)
        urgent = moved or seats.is_excess(said.account.balance, word.target)
        self._in(0.0 if urgent else HOLD, self._release, gate, known.letter, word)

    def _release(self, gate: int, letter: int, word: Word) -> None:
        known = self._office.known[gate]
        if known.letter == letter:
            known.letter = 0
            self._in(WAY, self._news, gate, replace(word, recall=known.recall))

    def _news(self, gate: int, word: Word) -> None:
        door = self._doors[gate]
        if not self._up(gate):
            self._failed(gate)
            return
        door.hear(word)
        door.pause = 0.0
        self._poll(gate)

    def _failed(self, gate: int) -> None:
        door = self._doors[gate]
        door.missed = PATIENCE
        door.pause = min(BACK_OFF[1], max(BACK_OFF[0], 2 * door.pause))
        self._in(door.pause * (0.5 + self._dice.random() / 2), self._poll, gate)

    def _recall(self, asker: int) -> None:
        """The held poll of the kiosk that is to give seats up is answered at once."""
        gate = self._office.recall(asker, self._now)
        if gate is not None and self._office.known[gate].letter:
            wanted = self._office.known[gate].held.account.balance
            self._release(gate, self._office.known[gate].letter, self._office.word(gate, wanted))

    def _courier(self, gate: int, until: float) -> None:
        if self._now >= until:
            return
        door = self._doors[gate]
        missed = door.missed
        said = door.say(self._now, asking=door.account.balance < 1)
        word = self._office.take(gate, said, door.journal, self._now)
        self._in(CARRY, self._shown, gate, word, missed)
        self._in(self._dice.uniform(*ROUND), self._courier, gate, until)

    def _shown(self, gate: int, word: Word, missed: int) -> None:
        self._doors[gate].hear(word)
        self._doors[gate].missed = missed

    def _vouch(self, gate: int) -> None:
        self._office.vouch(gate, self._doors[gate])
