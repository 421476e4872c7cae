"""The people of the seat benchmark, what happens to the doors meanwhile, and the three ways without an escrow.

Times are seconds. Everybody who is refused goes away and does not come back. Knows nothing of seats or kiosks.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from random import Random

from admission.venue import Exits

GATES = 8
CAPACITY = 500
MINUTE = 60.0
INSTANT = 0.05  # a seat that came free while the answer travelled does not make the answer false
ZIPF = [1 / (rank + 1) for rank in range(GATES)]


@dataclass(frozen=True, slots=True)
class Crowd:
    """How people come and go: ``rate`` a minute for ``minutes``, each staying about ``stay`` minutes (0: for good)."""

    exits: Exits
    rate: float
    stay: float
    minutes: float
    evenly: bool = False


@dataclass(frozen=True, slots=True)
class Visitor:
    """Comes at ``at`` to ``gate``; once inside, leaves after ``stay`` by ``way_out``."""

    at: float
    gate: int
    stay: float
    way_out: int


@dataclass(frozen=True, slots=True)
class Dead:
    """A kiosk that is dead for good; its journal is read and vouched for at ``vouched``."""

    gate: int
    since: float
    vouched: float = inf


@dataclass(frozen=True)
class Weather:
    """What goes wrong: per gate the times in which its link is down, whether a courier serves it then, a dead kiosk;
    and which share of those who are refused walk to the gate that the kiosk names."""

    cuts: Mapping[int, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    courier: bool = False
    dead: Dead | None = None
    walk: float = 0.0

    def up(self, gate: int, at: float) -> bool:
        """Whether the gate reaches the server."""
        if self.dead and self.dead.gate == gate and self.dead.since <= at:
            return False
        return not any(start <= at < end for start, end in self.cuts.get(gate, ()))


@dataclass
class Tally:
    """What became of the visitors, and whether the room was ever over capacity."""

    admitted: int = 0
    refused: int = 0
    false: int = 0
    inside: int = 0
    full_until: float = -inf
    waits: list[float] = field(default_factory=list)

    def enter(self) -> None:
        """Somebody goes in. The promise of it all."""
        self.admitted += 1
        self.inside += 1
        assert self.inside <= CAPACITY, "over capacity"

    def leave(self, now: float) -> None:
        """Somebody goes out."""
        if self.inside == CAPACITY:
            self.full_until = now
        self.inside -= 1

    def refuse(self, now: float) -> None:
        """Somebody is sent away; falsely if there is room, and has been since the question was asked."""
        self.refused += 1
        self.false += self.inside < CAPACITY and now - self.full_until > INSTANT


def come(crowd: Crowd, dice: Random) -> list[Visitor]:
    """The visitors in the order in which they come. Stays are exponential; a gate is left by as often as entered by,
    or, if the crowd leaves evenly, as often as any other."""
    found, at = [], 0.0
    out = [1.0] * GATES if crowd.evenly else ZIPF
    while (at := at + dice.expovariate(crowd.rate / MINUTE)) < crowd.minutes * MINUTE:
        [gate], [way_out] = dice.choices(range(GATES), ZIPF), dice.choices(range(GATES), out)
        stay = dice.expovariate(1 / (crowd.stay * MINUTE)) if crowd.stay else inf
        found.append(Visitor(at, gate, stay, way_out))
    return found


def diverted(visitors: Sequence[Visitor], dead: Dead, dice: Random) -> list[Visitor]:
    """The same people, who go to another gate once the kiosk of theirs is dead."""
    lost, since = dead.gate, dead.since
    weights = [0 if gate == lost else weight for gate, weight in enumerate(ZIPF)]
    moved = []
    for one in visitors:
        if one.gate == lost and one.at >= since:
            one = replace(one, gate=dice.choices(range(GATES), weights)[0])  # noqa: PLW2901
        if one.way_out == lost and one.at + one.stay >= since:
            one = replace(one, way_out=dice.choices(range(GATES), weights)[0])  # noqa: PLW2901
        moved.append(one)
    return moved


def counted(visitors: Sequence[Visitor], may: Callable[[Visitor, int], bool], leave: Callable[[int], None]) -> Tally:
    """A house where each visitor is admitted if ``may`` says so, given the bodies inside."""
    tally, ways_out = Tally(), list[tuple[float, int]]()
    for one in visitors:
        while ways_out and ways_out[0][0] <= one.at:
            at, gate = heapq.heappop(ways_out)
            tally.leave(at)
            leave(gate)
        if may(one, tally.inside):
            tally.enter()
            heapq.heappush(ways_out, (one.at + one.stay, one.way_out))
        else:
            tally.refuse(one.at)
    return tally


def all_knowing(visitors: Sequence[Visitor]) -> Tally:
    """One counter that every gate always sees: the most that can be reached."""
    return counted(visitors, lambda _, inside: inside < CAPACITY, lambda _: None)


def online_only(visitors: Sequence[Visitor], weather: Weather) -> Tally:
    """A gate admits only while it reaches the server (which is taken to hear of every exit at once)."""
    return counted(visitors, lambda one, inside: inside < CAPACITY and weather.up(one.gate, one.at), lambda _: None)


def static_split(visitors: Sequence[Visitor], exits: Exits) -> Tally:
    """Each gate owns its share for ever; a seat comes back to the gate by which somebody leaves."""
    seats = [CAPACITY // GATES + (gate < CAPACITY % GATES) for gate in range(GATES)]

    def may(one: Visitor, _inside: int) -> bool:
        if seats[one.gate] < 1:
            return False
        seats[one.gate] -= 1
        return True

    def leave(gate: int) -> None:
        seats[gate] += exits is not Exits.NONE

    return counted(visitors, may, leave)
