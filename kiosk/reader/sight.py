"""What a look at a frame comes to: the texts in it, what could not be read, and what it cost.

Plain facts that travel between the parts of the reader. Must not know how anything is found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""Grey, height x width."""


class Point(NamedTuple):
    """In pixels: right and down from the middle of the frame's first pixel."""

    x: float
    y: float


class Quad(NamedTuple):
    """The corners of a code in reading order, the code's own top left first."""

    top_left: Point
    top_right: Point
    bottom_right: Point
    bottom_left: Point

    @property
    def middle(self) -> Point:
        """The mean of the corners."""
        return Point(sum(point.x for point in self) / 4, sum(point.y for point in self) / 4)

    @property
    def side(self) -> float:
        """The mean length of the sides, in pixels."""
        return sum(math.dist(self[at], self[at - 1]) for at in range(4)) / 4

    def placed(self, scale: tuple[float, float], moved: tuple[float, float]) -> Quad:
        """Every corner times ``scale``, then ``moved``, right and down."""
        return Quad(*(Point(x * scale[0] + moved[0], y * scale[1] + moved[1]) for x, y in self))

    def box(self, margin: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) of the part of a frame that holds it, wider by ``margin`` sides all round."""
        spare = self.side * margin
        across, down = [point.x for point in self], [point.y for point in self]
        return (
            max(0, math.floor(min(across) - spare)),
            max(0, math.floor(min(down) - spare)),
            min(shape[1], math.ceil(max(across) + spare)),
            min(shape[0], math.ceil(max(down) + spare)),
        )


def square(left: float, top: float, right: float, bottom: float) -> Quad:
    """An upright box as corners."""
    return Quad(Point(left, top), Point(right, top), Point(right, bottom), Point(left, bottom))


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that was read, and the middle of its code in pixels. ``raw``: the bytes in the code, for those that are
    no text; ``quad``: its corners, where the engine tells them; ``modules``: across the code, where it is known."""

    text: str
    x: float
    y: float
    raw: bytes = b""
    quad: Quad | None = None
    modules: int = 0


@dataclass(frozen=True, slots=True)
class Suspect:
    """Something like a code that was not read. ``modules``: how many it has across, 0 if nobody knows; ``sure``: an
    engine has found its finder patterns, so that the corners are those of the code."""

    quad: Quad
    modules: int = 0
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What one stage found."""

    readings: tuple[Reading, ...] = ()
    suspects: tuple[Suspect, ...] = ()


class Advice(StrEnum):
    """Why a code in view cannot be read, as far as whoever holds it can do something about it."""

    CUT_OFF = "cut_off"
    DARK = "dark"
    GLARE = "glare"
    CLOSER = "closer"
    HOLD_STILL = "hold_still"
    BLURRED = "blurred"


@dataclass(frozen=True, slots=True)
class Appearance:
    """What a code's picture looks like. ``light``: grey level of its paper; ``module_px``: pixels a module, if it is a
    badge of ours; ``sharpness``: 0 to 1, how much of a whole step from dark to light lies between neighbouring
    pixels; ``evenness``: the strength of edges in the direction in which they are weakest over that across it, 1 where
    nothing is smeared; ``smear_deg``: that direction, 0 to 180 from the right downwards; ``glare``: of its area that is
    so bright that it shows nothing; ``cut``: it reaches over the frame's edge."""

    light: float
    module_px: float
    sharpness: float
    evenness: float
    smear_deg: float
    glare: float
    cut: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look came to. ``spent``: (stage, CPU ms) of all that ran, nothing if the frame was passed over; ``stage``:
    the one that gave the first reading; ``light``: grey level 0 to 255 of what was looked at; ``appearance``: what a
    code in view looks like, where that was asked; ``suspect``: something like a code is in view, ``sure``: an engine
    has found it; ``moved``: something has changed since the frame before."""

    readings: tuple[Reading, ...] = ()
    advice: Advice | None = None
    spent: tuple[tuple[str, float], ...] = ()
    stage: str = ""
    light: float = 0.0
    appearance: Appearance | None = None
    suspect: bool = False
    sure: bool = False
    moved: bool = False

    @property
    def sharpness(self) -> float | None:
        """0 to 1, of the code in view."""
        return self.appearance.sharpness if self.appearance is not None else None


class Reader(Protocol):
    """Finds the codes in frames that come one after the other."""

    def look(self, frame: Frame, now_ms: int, /, *, insist: bool = False) -> Sight:
        """Everything that was read, badges of ours first, nearest the middle first.

        Never raises for any grey frame of bytes; another one is nothing. ``now_ms`` never jumps back. ``insist``: look
        even if nothing has changed.
        """
