"""What the door says to whom: verdicts, and what is known of the visitor, into what is shown.

The visitor's name and language come out of the sealed record, with the badge in the visitor's hand; a disk that fails
meanwhile takes nothing else away. Decides nothing, writes nothing, and never says why a private refusal happened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from admission.errors import DiskError
from admission.passage import Kind
from admission.rules import Admitted, LetOut, Refused, Verdict, Why
from admission.venue import Direction, Session
from kiosk.face import WAITING, Shown, refusal
from kiosk.site import Site
from kiosk.standing import Standing


class Link(Protocol):
    """The way to the server, as far as it matters for what is said."""

    up: bool


@dataclass(frozen=True, slots=True)
class Guest:
    """What may be shown of a visitor: a name only if the event allows it."""

    name: str = ""
    language: str = ""


UNKNOWN = Guest()


class Usher:
    """One door's. ``trouble``: why a record could not be read last, for staff."""

    def __init__(self, standing: Standing, link: Link) -> None:
        self._standing, self._link = standing, link
        self.trouble = ""

    def know(self, text: str, site: Site) -> Guest:
        """Whose badge has this text ("": somebody without one)."""
        if not text:
            return UNKNOWN
        try:
            record = self._standing.record_of(text)
        except DiskError as error:
            self.trouble = str(error)
            return UNKNOWN
        self.trouble = ""
        if record is None:
            return UNKNOWN
        return Guest(record.name if site.programme.show_names else "", record.language)

    def reading(self, guest: Guest) -> Shown:
        """The badge was read, the answer is on its way."""
        return Shown("reading", "reading", speaks=guest.language)

    def moment(self, guest: Guest) -> Shown:
        """It cannot be decided on yet."""
        return Shown("moment", "moment", speaks=guest.language)

    def counted(self, guest: Guest, at: str) -> Shown:
        """Never a second green. ``at``: when the badge was counted ("": nobody knows)."""
        return Shown("counted", "counted", detail=at, speaks=guest.language)

    def passed(self, kind: Kind, session: Session | None, guest: Guest) -> Shown:
        """Somebody goes in, or out."""
        state = "goodbye" if kind is Kind.EXIT else "welcome"
        detail = session.title if session is not None and kind is Kind.ENTRY else ""
        return Shown(state, state, guest.name, detail, speaks=guest.language)

    def refused(self, why: Why, site: Site, guest: Guest) -> Shown:
        """Somebody is refused: with the door that has seats, or the room to go to, where there is one."""
        return replace(self._refusal(why, site), speaks=guest.language)

    def seats_may_come(self, site: Site) -> bool:
        """Whether the server, in reach, has said that this door should hold seats: some may be on their way."""
        word = self._standing.words.get(site.room.id)
        return self._link.up and (word is None or word.target > 0)

    def outcome(self, verdict: Verdict) -> Shown:
        """What a verdict comes to where nothing is known of a visitor."""
        match verdict:
            case Refused(why=why):
                return refusal(why)
            case LetOut():
                return Shown("goodbye", "goodbye")
            case Admitted():
                return Shown("welcome", "welcome")

    def free(self, site: Site) -> Shown:
        """Nobody is there: the door is free, or a supervisor has closed it."""
        if site.gate.direction is Direction.OUT:
            return Shown(WAITING, "waiting_out")
        if site.room.only is None and not self._standing.hold(site.room.id).held:
            return Shown(WAITING, "waiting")
        return Shown("closed", "exit_only" if site.gate.direction is Direction.BOTH else "closed_now")

    def _refusal(self, why: Why, site: Site) -> Shown:
        if why is Why.FULL:
            other = site.programme.room(site.room.overflow) if site.room.overflow else None
            return refusal(why, other.name, "overflow") if other is not None else refusal(why, site.room.name)
        if why is Why.NO_SEATS:
            gate = self._standing.elsewhere(site, link_up=self._link.up)
            return refusal(why, gate, "try_gate") if gate else refusal(why)
        return refusal(why)
