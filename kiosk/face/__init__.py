"""What the visitor sees and hears: one state at a time. Knows nothing of why the rules said what they said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
_LONGER_MS = {"did_not_turn": 4000, "switched_off": 60_000}
PASSAGES = frozenset({"welcome", "goodbye", "counted", "refused", "steward", "full", "closed"})
"""States that answer somebody: each time anew, also if the one before was the same."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown, for how long. ``key`` names the words, and ``about`` those into which ``detail`` goes ("": it
    stands for itself); ``speaks``: the visitor's own language (BCP 47), as far as it is known."""

    state: str
    key: str
    name: str = ""
    detail: str = ""
    about: str = ""
    speaks: str = ""

    @property
    def lasts_ms(self) -> int:
        """After this the door waits again."""
        return 0 if self.key in _IDLE else _LONGER_MS.get(self.key, _LASTS_MS.get(self.state, _REFUSAL_MS))

    @property
    def answers(self) -> bool:
        """Whether it is said to somebody who stands there now."""
        return self.state in PASSAGES and self.lasts_ms > 0

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
    """Where the door is, as staff read it; empty before the first news. ``zone``: the venue's time zone;
    ``languages``: those that the event wants the door to speak; ``volume``: of its sounds at this moment, 0 to 100."""

    gate: str = ""
    room: str = ""
    zone: str = ""
    languages: tuple[str, ...] = ()
    volume: int = 0


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


def refusal(why: Why, detail: str = "", about: str = "") -> Shown:
    """What a visitor who is refused sees."""
    return Shown(_STATES.get(why, "refused"), why.value, detail=detail, about=about)


class Faces:
    """Several faces as one: what a screen shows, a lamp shows, too. ``trouble``: of the faces themselves, in words for
    staff ("": none); said where nothing worse is."""

    def __init__(self, faces: Sequence[Face], trouble: Callable[[], str] = lambda: "") -> None:
        self._faces, self._trouble = tuple(faces), trouble

    def show(self, shown: Shown) -> None:
        """See Face."""
        for face in self._faces:
            face.show(shown)

    def report(self, status: Status) -> None:
        """See Face."""
        said = status if status.trouble else replace(status, trouble=self._trouble())
        for face in self._faces:
            face.report(said)
