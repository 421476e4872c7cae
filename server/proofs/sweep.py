"""Goes through what happened in one room, in time, and counts the seats in use. Pure.

What is uncertain is taken in the room's favour: who came in as late as can be, who left as early as can be. So the
count is never above the truth, and a room that it finds over its capacity was.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

NEVER = -(2**62)


class What(IntEnum):
    """What happened. Of what happened at one instant, the lower comes first."""

    CAPACITY = 0
    RESTORE = 1
    OUT = 2
    COUNT = 3
    BESIDE = 4
    ENTRY = 5


class Event(NamedTuple):
    """One thing that happened at ``at`` (ms), and ``other``, the other end of the time in which it can have.

    ``number``: bodies, heads, or the capacity. BESIDE: bodies that came in without a seat. ``passage``: its row.
    """

    at: int
    what: What
    number: int
    other: int
    passage: int = 0
    device: str = ""
    gate: str = ""


class Over(NamedTuple):
    """An entry that took more seats than there were."""

    event: Event
    inside: int
    allowed: int


@dataclass
class Peak:
    """The most seats that were in use: when, and under which capacity."""

    inside: int = 0
    at: int = 0
    capacity: int = 0
    beside: int = 0


@dataclass
class Sweep:
    """The count of one room. ``lowered``: entries above the capacity of their moment and under an earlier one, whose
    seats had been granted before; ``found``: heads that were counted, and how many the log had.

    Kept true of every moment: seats in use + seats that kiosks can still spend <= ``allowed``. A head count sets the
    seats in use; what the kiosks hold it does not touch. Without one, the largest capacity ever counts.
    """

    inside: int = 0
    capacity: int | None = None
    entries: int = 0
    forced: int = 0
    lowered: int = 0
    peak: Peak = field(default_factory=Peak)
    found: list[tuple[int, int, int]] = field(default_factory=list)
    _largest: int = 0
    _carried: int = 0
    _beside: int = 0
    _counted: int = NEVER
    _leaving: list[tuple[int, int]] = field(default_factory=list)

    @property
    def allowed(self) -> int:
        """The largest capacity under which the seats still out were granted, and whoever came in beside the seats."""
        return max(self._largest, self._carried) + self._beside

    def take(self, event: Event) -> Over | None:
        """Takes the next event, in the order of time. Returns it if it is an entry that proves too many inside."""
        match event.what:
            case What.CAPACITY:
                self.capacity = event.number
                self._largest = max(self._largest, event.number)
            case What.RESTORE:  # head counts from before it may be lost: what is inside by now proves nothing
                self._carried = max(self._carried, self.inside - self._beside)
            case What.OUT:
                self._let_out(event)
            case What.COUNT:
                self._count(event)
            case What.BESIDE:
                self._let_in(event, beside=event.number)
            case What.ENTRY:
                return self._enter(event)
        return None

    def _enter(self, event: Event) -> Over | None:
        self.entries += event.number
        if not self._let_in(event, beside=event.number if self.capacity is None else 0):
            return None
        if self.inside > self.allowed:
            return Over(event, self.inside, self.allowed)
        self.lowered += self.capacity is not None and self.inside > self.capacity + self._beside
        return None

    def _let_in(self, event: Event, *, beside: int) -> bool:
        """False: a head count that may have been after it says it all."""
        if event.what is What.BESIDE:
            self.forced += event.number
        if event.other <= self._counted:
            return False
        self.inside += event.number
        self._beside += beside
        if self.inside > self.peak.inside:
            self.peak = Peak(self.inside, event.at, self.capacity or 0, self._beside)
        return True

    def _let_out(self, event: Event) -> None:
        self.inside -= event.number
        while self._leaving and self._leaving[0][0] < event.at:
            heapq.heappop(self._leaving)
        if event.other > event.at:
            heapq.heappush(self._leaving, (event.other, event.number))

    def _count(self, event: Event) -> None:
        self.found.append((event.at, event.number, self.inside))
        self._carried = self.allowed + event.number - self.inside
        self._largest = self.capacity or 0
        self._beside = 0
        self._counted = event.at
        # Who may have left only after the heads were counted is among them.
        self.inside = event.number - sum(bodies for until, bodies in self._leaving if until >= event.at)
