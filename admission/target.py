"""The printed test target: a code that is no badge, held up so that a kiosk can judge its own camera.

What is drawn where, in millimetres, is said here once: the server prints it, a kiosk draws it, and a kiosk measures by
it. Pure. Must not know how anything is drawn, or what is made of what a camera sees.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

PREFIX = "TT:"
"""No badge begins so (``TB``), no pairing code (``TE:``) and no courier's (``TG:``): outside a self-test a gate takes
the target for a stranger's code, and counts it as one."""
TEXT = (
    f"{PREFIX}THRESHOLD TEST TARGET. THIS IS NO BADGE AND OPENS NO DOOR. "
    "HOLD IT 30 CM BEFORE THE CAMERA. 0123456789 $%*+-./: 9876543"
)
"""As long as a badge's, and of the same characters, so that its code has the same 37 modules."""
MODULES = 37
CODE_MM = 40.0
"""The code's width without its quiet zone: that of a badge printed as usual."""
HOLD_CM = 30

PAGE_MM = (210.0, 297.0)
CODE_AT = (85.0, 62.0)
"""The code's upper left corner on the page."""
WEDGE_STEPS = 8
WEDGE_STEP_MM = 10.0
WEDGE_AT = (-20.0, 50.0)
"""The grey steps begin so far right and down of the code's upper left corner, black first."""
BAR_MM = 100.0
LINES_MM = (1.5, 1.0, 0.7, 0.5)
"""The widths of the lines, coarse first; a module of the code is 1.08 mm wide."""
_LINES_AT, _LINES_EACH, _LINES_APART = (30.0, 64.0), 4, 3.0
_STAR_AT, _STAR_RADIUS, _STAR_RAYS = (165.0, 82.0), 16.0, 18
_BAR_AT = (55.0, 150.0)
_BLACK = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """A filled polygon, corners in mm from the page's upper left; ``grey``: 0 black to 255 white."""

    corners: tuple[tuple[float, float], ...]
    grey: int


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text in the middle of the page: its baseline in mm from the top, the size of its type in mm."""

    text: str
    baseline: float
    size: float


def wedge_grey(step: int) -> int:
    """How grey a step is, 0 black to 255 white, even steps."""
    return round(255 * step / (WEDGE_STEPS - 1))


def wedge_middle(step: int) -> tuple[float, float]:
    """The middle of a grey step, in mm from the code's upper left corner."""
    left, top = WEDGE_AT
    return left + (step + 0.5) * WEDGE_STEP_MM, top + WEDGE_STEP_MM / 2


def shapes() -> Iterator[Shape]:
    """All that is on the page but words and the code itself."""
    yield from _wedge()
    yield from _lines()
    yield from _star()
    yield from _bar()


WORDS = (
    Words(f"Threshold test target: hold at {HOLD_CM} cm", 32.0, 8.0),
    Words("This is no badge: it opens no door.", 42.0, 4.2),
    Words("All eight greys can be told apart where the light is right.", 132.0, 4.2),
    Words("This bar is 100 mm long. If yours is not, print again at 100 %, not fitted to the page.", 164.0, 4.2),
    Words("Print it black on plain white paper. Hold it flat towards the camera, where visitors hold", 184.0, 4.2),
    Words("their badge, in the sleeve that badges are in. Then start the self-test in the steward's", 190.0, 4.2),
    Words("corner of the door's screen, or on the kiosk: threshold-kiosk doctor", 196.0, 4.2),
)


def _box(left: float, top: float, wide: float, high: float, grey: int = _BLACK) -> Shape:
    return Shape(((left, top), (left + wide, top), (left + wide, top + high), (left, top + high)), grey)


def _wedge() -> Iterator[Shape]:
    left, top = CODE_AT[0] + WEDGE_AT[0], CODE_AT[1] + WEDGE_AT[1]
    rim = 0.3
    yield _box(
        left - rim, top - rim, WEDGE_STEPS * WEDGE_STEP_MM + 2 * rim, WEDGE_STEP_MM + 2 * rim
    )  # paper's own white has an edge, too
    for step in range(WEDGE_STEPS):
        yield _box(left + step * WEDGE_STEP_MM, top, WEDGE_STEP_MM, WEDGE_STEP_MM, wedge_grey(step))


def _lines() -> Iterator[Shape]:
    """Groups of upright lines, and of lying ones beside them, each as far apart as they are wide."""
    left, top = _LINES_AT
    for wide in LINES_MM:
        long = (2 * _LINES_EACH - 1) * wide
        for line in range(_LINES_EACH):
            yield _box(left + 2 * line * wide, top, wide, long)
            yield _box(left + long + _LINES_APART, top + 2 * line * wide, long, wide)
        top += long + _LINES_APART


def _star() -> Iterator[Shape]:
    """Rays that meet: where they run into one another shows how sharp the picture is."""
    x, y = _STAR_AT
    for ray in range(_STAR_RAYS):
        ends = (math.tau * (2 * ray + side) / (2 * _STAR_RAYS) for side in (0, 1))
        outer = tuple((x + _STAR_RADIUS * math.cos(turn), y + _STAR_RADIUS * math.sin(turn)) for turn in ends)
        yield Shape(((x, y), *outer), _BLACK)


def _bar() -> Iterator[Shape]:
    left, top = _BAR_AT
    thick = 0.5
    yield _box(left, top, BAR_MM, thick)
    for at in range(11):
        long = 6.0 if at in (0, 10) else 3.0
        nudge = {0: 0.0, 10: -thick}.get(at, -thick / 2)  # measured from outer edge to outer edge
        yield _box(left + at * BAR_MM / 10 + nudge, top - long, thick, long)
