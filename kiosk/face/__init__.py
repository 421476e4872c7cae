"""What the visitor sees: one state at a time, in words. Knows nothing of why the rules said what they said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from admission.rules import Why
from kiosk.face.words import WORDS
from kiosk.reader.sight import Advice

WAITING = "waiting"
STEWARD = "steward"
_STATES = {
    Why.FORGED: STEWARD,
    Why.REVOKED: STEWARD,
    Why.ASK_LIST: STEWARD,
    Why.DELEGATION_FULL: STEWARD,
    Why.NO_SEATS: STEWARD,
    Why.NO_SESSION: "closed",
    Why.DOORS_CLOSED: "closed",
    Why.HELD: "closed",
    Why.FULL: "full",
}
_LASTS_MS = {
    WAITING: 0,
    "reading": 1500,
    "moment": 2500,
    "welcome": 2500,
    "goodbye": 2500,
    "counted": 2500,
    "trouble": 3000,
    "courier": 6000,
}
_REFUSAL_MS = 4500
_IDLE = frozenset({"closed_now", "exit_only"})
"""What stands as long as nobody is there."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the screen shows, for how long. ``key`` names the words."""

    state: str
    key: str
    name: str = ""
    detail: str = ""

    @property
    def lasts_ms(self) -> int:
        """After this the door waits again."""
        return 0 if self.key in _IDLE else _LASTS_MS.get(self.state, _REFUSAL_MS)

    @property
    def title(self) -> str:
        """The large words."""
        return WORDS[self.key].title

    @property
    def advice(self) -> str:
        """What to do next."""
        return WORDS[self.key].advice


@dataclass(frozen=True, slots=True)
class Place:
    """Where the door is, as staff read it; empty before the first news. ``zone``: the venue's time zone."""

    gate: str = ""
    room: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """The thin line at the edge, for staff."""

    link_up: bool = False
    queue: int = 0
    trouble: str = ""
    lists_as_of: str = ""


class Face(Protocol):
    """Anything that shows: a screen, a lamp, a test."""

    def show(self, shown: Shown) -> None:
        """Shows this from now on. Returns at once."""

    def report(self, status: Status) -> None:
        """Shows the state of the kiosk itself."""


def hint(advice: Advice) -> Shown:
    """What helps to read the badge that is held up."""
    return Shown("reading", f"hint_{advice.value}")


def refusal(why: Why, detail: str = "") -> Shown:
    """What a visitor who is refused sees."""
    return Shown(_STATES.get(why, "refused"), why.value, detail=detail)
