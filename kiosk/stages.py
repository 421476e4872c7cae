"""The steward's corner as it is seen: where the steward is, and what became of the last press.

Keys only; the words are the page's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kiosk.stewarding import Entry


class Stage(StrEnum):
    """Where the steward is."""

    CLOSED = "closed"
    BADGE = "badge"
    CODE = "code"
    CHECKING = "checking"
    LOCKED = "locked"
    MENU = "menu"
    REASON = "reason"
    VISITOR = "visitor"
    OVER = "over"
    ANNUL = "annul"
    COUNT_IN = "count_in"
    COUNT_OUT = "count_out"


class Note(StrEnum):
    """What became of the last press. NO is all that is said of a code or a badge that does not open."""

    NONE = ""
    NO = "no"
    STRANGER = "stranger"
    OWN = "own"
    FORCED = "forced"
    COUNTED_IN = "counted_in"
    COUNTED_OUT = "counted_out"
    ANNULLED = "annulled"
    NOTHING = "nothing"
    TOO_LATE = "too_late"
    LEFT = "left"
    BAD_NUMBER = "bad_number"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class View:
    """What a page shows of it. ``number`` grows with every change; ``bodies``: how many the last press was about."""

    number: int
    stage: Stage
    note: Note = Note.NONE
    bodies: int = 0
    entry: Entry | None = None
    may_count_out: bool = False


@dataclass(frozen=True, slots=True)
class Forced:
    """A forced entry that is on the disk and not yet shown: its passage, and the badge's text (may be empty)."""

    seq: int
    text: str
