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
    MORE = "more"
    FIND = "find"
    FOUND = "found"
    LAST = "last"
    TEST = "test"
    VOLUME = "volume"
    EXITS = "exits"
    POWER = "power"
    SURE = "sure"


OUTSIDE = frozenset({Stage.CLOSED, Stage.BADGE, Stage.CODE, Stage.CHECKING, Stage.LOCKED})
"""Where nobody has proved to be a steward."""
TOOLS = frozenset({Stage.FIND, Stage.LAST, Stage.TEST, Stage.VOLUME, Stage.EXITS, Stage.POWER})
"""What is chosen on the second page of the menu (kiosk.tools)."""
BACK = {
    Stage.CODE: Stage.BADGE,
    Stage.VISITOR: Stage.REASON,
    **dict.fromkeys(TOOLS, Stage.MORE),
    Stage.FOUND: Stage.FIND,
    Stage.SURE: Stage.POWER,
}


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
    NO_BADGE = "no_badge"
    DISK = "disk"
    WAY_OUT = "way_out"
    WAY_IN = "way_in"
    GOING = "going"
    NO_POWER = "no_power"


@dataclass(frozen=True, slots=True)
class View:
    """What a page shows of it. ``number`` grows with every change; ``bodies``: how many the last press was about;
    ``sheet``: what a tool shows (kiosk.tools)."""

    number: int
    stage: Stage
    note: Note = Note.NONE
    bodies: int = 0
    entry: Entry | None = None
    may_count_out: bool = False
    sheet: object = None


@dataclass(frozen=True, slots=True)
class Step:
    """Where a tool leads, and what it shows there."""

    stage: Stage
    note: Note = Note.NONE
    sheet: object = None


@dataclass(frozen=True, slots=True)
class Forced:
    """A forced entry that is on the disk and not yet shown: its passage, and the badge's text (may be empty).
    ``opens``: somebody waits before the door; people who were only counted are inside already."""

    seq: int
    text: str
    opens: bool = True
