"""How reports say things: sentences, numbers, days and times, in whichever language was asked for.

Also the words for what is counted by code. Knows nothing of pages: who speaks which language is passed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, tzinfo

from server.phrase import marked as _
from server.phrase import phrase
from server.reports.tallies import MINUTE
from server.store.instants import from_ms

REASONS = {
    "not_ours": _("not of this event"),
    "damaged": _("not readable"),
    "forged": _("forged"),
    "too_early": _("not valid yet"),
    "expired": _("no longer valid"),
    "revoked": _("badge revoked"),
    "no_session": _("no session"),
    "doors_closed": _("doors closed"),
    "not_listed": _("not on the list"),
    "ask_list": _("newer than the kiosk's list"),
    "inside_already": _("inside already"),
    "full": _("room full"),
    "no_seats": _("no seat left at this door"),
    "held": _("entries were held"),
    "quota": _("the delegation's places are taken"),
    "closed_to_category": _("room closed to this category"),
}
"""Why somebody was refused; a code that is missing here is shown as it was noted."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A language, and the venue's clock. ``say`` translates a sentence, ``number`` and ``full_day`` write figures and
    days; ``dated``: times are said with their day."""

    zone: tzinfo
    say: Callable[[object], str]
    number: Callable[[float], str]
    full_day: Callable[[date], str]
    short_day: Callable[[date], str]
    dated: bool = False

    def time(self, minute: int | None) -> str:
        """A minute of Unix time by the venue's clock, with the day where a report has several; a dash for none."""
        if minute is None:
            return "—"
        local = from_ms(minute * MINUTE).astimezone(self.zone)
        return f"{self.short_day(local.date())} {local:%H:%M}" if self.dated else f"{local:%H:%M}"

    def share(self, share: float | None) -> str:
        """Per cent, whole; a dash for none. Never 100 % for less than all, nor 0 % for some."""
        if share is None:
            return "—"
        percent = round(share * 100)
        if 0 < share < 1:
            percent = min(99, max(1, percent))
        return self.say(phrase("{share}%", share=self.number(percent)))

    def minutes(self, minutes: int) -> str:
        """A length of time."""
        return self.say(phrase("{minutes} min", minutes=self.number(minutes)))

    def reason(self, code: str) -> str:
        """Why somebody was refused."""
        return self.say(REASONS.get(code, code.replace("_", " ") or _("no reason noted")))

    def gate(self, name: str) -> str:
        """A gate's name; the desk's, where people are checked in by hand, is a word of its own."""
        return self.say(DESK) if name == BY_HAND else name

    def group(self, name: str, without: str) -> str:
        """The name of a group of people or sessions; ``without`` for those that have none."""
        return name or self.say(without)


BY_HAND = "desk"
"""What passages that the desk wrote name as their gate."""
NO_DELEGATION = _("Without a delegation")
NO_THEME = _("Without a theme")
EVERYWHERE = _("All rooms together")
DESK = _("Check-in by hand, at the desk")
