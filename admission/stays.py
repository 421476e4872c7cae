"""What a passage does to the stays of a person: pairs entries with exits, once each (S2 of docs/protocol.md).

Pure: the stays of one holder and a step in, what changes out. What is paired by time must be provably earlier, so
every step is an interval. Knows nothing of kiosks' accounts, of databases, or of who the holder is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

ACCEPTED = "accepted"
DUPLICATE = "duplicate_entry"
UNMATCHED = "exit_unmatched"


class How(StrEnum):
    """What closed a stay."""

    EXIT = "exit"
    ELSEWHERE = "elsewhere"
    ANNULLED = "annulled"
    SWEPT = "swept"
    FORGIVEN = "forgiven"


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay that is not closed, or an exit that has no entry yet (``opened`` None). Times in ms. It was opened not
    after ``opened`` and not before ``earliest``. ``settled``: a head count has dealt with its seat, so that no credit
    comes of it any more."""

    id: int
    room: str
    opened: int | None
    closed: int | None
    duplicate: bool = False
    settled: bool = False
    earliest: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """An entry or exit: where, when (ms, give or take), and whether a head count of the room came after it."""

    room: str
    at: int
    uncertainty: int = 0
    settled: bool = False

    @property
    def earliest(self) -> int:
        """It was not before this."""
        return self.at - self.uncertainty

    @property
    def latest(self) -> int:
        """It was not after this."""
        return self.at + self.uncertainty


@dataclass(frozen=True, slots=True)
class Close:
    """The stay ends with this passage; ``credit``: its seat comes back through the server (D += 1)."""

    stay: Stay
    at: int
    how: How
    credit: bool


@dataclass(frozen=True, slots=True)
class Complete:
    """The exit that came first gets its entry."""

    stay: Stay
    opened: int
    earliest: int
    credit: bool


@dataclass(frozen=True, slots=True)
class Open:
    """A new stay. ``closed`` set: it is over already; ``opened`` None: an exit that waits for its entry."""

    room: str
    opened: int | None
    closed: int | None = None
    duplicate: bool = False
    settled: bool = False
    credit: bool = False
    earliest: int | None = None


Change = Close | Complete | Open
Matched = Callable[[str], bool]
"""Whether a room's exits are matched by the server, so that a closed stay gives its seat back there."""


def judge_entry(stays: Sequence[Stay], step: Step) -> str:
    """The server's verdict on an entry, before anything follows from it."""
    here = [stay for stay in stays if stay.room == step.room]
    if any(_is_early_exit(stay, step) for stay in here):
        return ACCEPTED
    return DUPLICATE if any(stay.closed is None and not stay.duplicate for stay in here) else ACCEPTED


def judge_exit(stays: Sequence[Stay], step: Step) -> str:
    """The server's verdict on an exit."""
    here = any(stay.room == step.room and _open_before(stay, step) for stay in stays)
    return ACCEPTED if here else UNMATCHED


def enter(stays: Sequence[Stay], step: Step, around: Callable[[str], set[str]], matched: Matched) -> list[Change]:
    """Opens a stay and closes those in rooms that are not around this one (``around``: a room and its ancestors).

    An exit that arrived before its entry is completed instead; a second open stay in the room is marked duplicate;
    an entry that arrives after a later one elsewhere opens a stay that is closed already.
    """
    changes: list[Change] = [
        Close(stay, step.at, How.ELSEWHERE, matched(stay.room) and not stay.settled)
        for stay in stays
        if stay.room not in around(step.room) and _open_before(stay, step)
    ]
    credit = matched(step.room) and not step.settled
    first = next((stay for stay in stays if stay.room == step.room and _is_early_exit(stay, step)), None)
    if first is not None:
        return [*changes, Complete(first, step.latest, step.earliest, credit and not first.settled)]
    went_on = _went_on(stays, step, around)
    if went_on is not None:
        over = Open(step.room, step.latest, went_on, settled=step.settled, credit=credit, earliest=step.earliest)
        return [*changes, over]
    second = judge_entry(stays, step) == DUPLICATE
    return [*changes, Open(step.room, step.latest, duplicate=second, settled=step.settled, earliest=step.earliest)]


def leave(stays: Sequence[Stay], step: Step, matched: Matched) -> Change:
    """Closes the oldest stay that was open before; without one, the exit is kept for an entry still to arrive."""
    for stay in stays:
        if stay.room == step.room and _open_before(stay, step):
            return Close(stay, step.at, How.EXIT, matched(step.room) and not stay.settled)
    return Open(step.room, None, closed=step.earliest)


def annul(stay: Stay | None, at: int, matched: Matched) -> Close | None:
    """Ends the stay of an entry that did not happen, so that no exit pairs with it afterwards. In a matched room its
    seat comes back, if the stay is still open: an exit may have been paired with it already (K6)."""
    if stay is None or stay.closed is not None:
        return None
    return Close(stay, at, How.ANNULLED, matched(stay.room) and not stay.settled)


def _is_early_exit(stay: Stay, step: Step) -> bool:
    return stay.opened is None and stay.closed is not None and stay.closed >= step.latest


def _open_before(stay: Stay, step: Step) -> bool:
    return stay.closed is None and stay.opened is not None and stay.opened <= step.earliest


def _went_on(stays: Sequence[Stay], step: Step, around: Callable[[str], set[str]]) -> int | None:
    """When the holder entered a room that this one is not around, provably later than this entry; None: not that is
    known."""
    later = [
        stay.opened
        for stay in stays
        if stay.closed is None and stay.opened is not None and stay.earliest is not None
        if stay.earliest > step.latest and step.room not in around(stay.room)
    ]
    return min(later, default=None)
