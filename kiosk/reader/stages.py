"""The stages of reading, as data: what is tried, in which order, on the whole frame and close to a suspect.

Each stage is a small pure function from a grey image to texts and regions. The order was chosen by measurement, by
what reads most of what is still unread for its time (docs/reading.md, ``python -m tests.bench.order``). Must not know
budgets or frames over time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from kiosk.reader.blur import unblurred, unmoved
from kiosk.reader.engines import Engine, both_ways, global_threshold, local_threshold
from kiosk.reader.grid import BADGE_MODULES
from kiosk.reader.sight import Found, Frame, Suspect

Treatment = Callable[[Frame], "Frame | None"]
"""A changed image, or None if the change would not help."""

MODULE_PX = 6.0
"""Close to a suspect the image is brought to about so many pixels a module."""
_LARGEST = 4.0
_SMALLEST = 0.25
_MARGIN = 0.22
_MOST_CLOSE = 640
_LEAST_CLOSE = 8
_MOST_NARROW = 2.5


@dataclass(frozen=True, slots=True)
class Stage:
    """One way of looking. ``halved``: at the frame at half its size: less noise, thicker lines, a quarter of the work;
    ``stretch``: the whole frame is made so much wider and higher before; ``module_px``: close to a suspect the image is
    brought to about so many pixels a module."""

    name: str
    treat: Treatment
    engine: Engine
    halved: bool = False
    stretch: tuple[float, float] = (1, 1)
    module_px: float = MODULE_PX

    def whole(self, frame: Frame, half: Frame) -> Found:
        """What is found in the frame."""
        image, scale = (half, 2.0) if self.halved else (frame, 1.0)
        if self.stretch != (1, 1):
            image = _resized(image, *self.stretch)
        treated = self.treat(image)
        found = self.engine(treated) if treated is not None else Found()
        return placed(found, (scale / self.stretch[0], scale / self.stretch[1]), (0, 0))


def placed(found: Found, scale: tuple[float, float], moved: tuple[float, float]) -> Found:
    """The same, with every place times ``scale`` and then ``moved``, right and down."""
    readings = tuple(
        replace(
            one,
            x=one.x * scale[0] + moved[0],
            y=one.y * scale[1] + moved[1],
            quad=one.quad.placed(scale, moved) if one.quad is not None else None,
        )
        for one in found.readings
    )
    return Found(readings, tuple(replace(one, quad=one.quad.placed(scale, moved)) for one in found.suspects))


@dataclass(frozen=True, slots=True)
class CloseUp:
    """What an engine is given of a suspect, how many times as wide and high it is, and where it was cut out."""

    image: Frame
    scale: tuple[float, float]
    corner: tuple[int, int]


def close_up(frame: Frame, suspect: Suspect, stage: Stage) -> Found:
    """Looks at a suspect alone."""
    cut = cut_out(frame, suspect, stage)
    if cut is None:
        return Found()
    return placed(stage.engine(cut.image), (1 / cut.scale[0], 1 / cut.scale[1]), cut.corner)


def cut_out(frame: Frame, suspect: Suspect, stage: Stage) -> CloseUp | None:
    """A suspect brought to the size at which modules are read best, and made square, for a code that is seen from the
    side is narrow; None if there is too little of it, or the treatment would not help."""
    left, top, right, bottom = suspect.quad.box(_MARGIN, frame.shape)
    part = frame[top:bottom, left:right]
    if min(part.shape, default=0) < _LEAST_CLOSE:
        return None
    module_px = max(0.5, suspect.quad.side / (suspect.modules or BADGE_MODULES))
    zoom = min(_LARGEST, max(_SMALLEST, stage.module_px / module_px), _MOST_CLOSE / max(part.shape))
    wide, high = (zoom * min(_MOST_NARROW, max(part.shape) / side) for side in (part.shape[1], part.shape[0]))
    image = stage.treat(_resized(part, wide, high) if zoom < 1 else part)
    if image is None:
        return None
    return CloseUp(image if zoom < 1 else _resized(image, wide, high), (wide, high), (left, top))


def _resized(image: Frame, wide: float, high: float) -> Frame:
    size = (max(1, round(image.shape[1] * wide)), max(1, round(image.shape[0] * high)))
    way = cv2.INTER_AREA if max(wide, high) < 1 else cv2.INTER_CUBIC
    return image if (wide, high) == (1, 1) else np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)


def as_it_is(image: Frame) -> Frame:
    """Nothing changed."""
    return image


def sharper(sigma: float, amount: float) -> Treatment:
    """Unsharp masking."""

    def treat(image: Frame) -> Frame:
        soft = cv2.GaussianBlur(image, (0, 0), sigma)
        return np.asarray(cv2.addWeighted(image, 1 + amount, soft, -amount, 0), np.uint8)

    return treat


def brighter(image: Frame) -> Frame:
    """Gamma 0.45: dark modules apart from what is darker still."""
    return np.asarray(cv2.LUT(image, _BRIGHTER), np.uint8)


_BRIGHTER = np.clip(255 * (np.arange(256) / 255) ** 0.45, 0, 255).astype(np.uint8)


def stretched(image: Frame) -> Frame:
    """All of the grey levels, for an image that uses only some of them; smoothed first where they are few, for then
    most of what is seen is noise."""
    low, high = np.percentile(image[::2, ::2], (1, 99))
    soft = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.2) if high - low < _FAINT else image.astype(np.float32)
    low, high = np.percentile(soft[::2, ::2], (1, 99))
    return np.asarray(np.clip((soft - low) * (255 / max(float(high - low), 1.0)), 0, 255), np.uint8)


_FAINT = 60


def split(image: Frame) -> Frame:
    """Otsu's threshold."""
    return np.asarray(cv2.threshold(image, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1], np.uint8)


def thicker(image: Frame) -> Frame:
    """Dark parts grow by a pixel, so that dots and broken modules meet."""
    return np.asarray(cv2.morphologyEx(image, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)


def even(image: Frame) -> Frame:
    """Divided by the light around: shadows and slopes go."""
    side = max(31, min(image.shape) // 8 | 1)
    return np.asarray(cv2.divide(image, cv2.blur(image, (side, side)), scale=128), np.uint8)


FIRST = (
    Stage("whole-global", as_it_is, global_threshold),
    Stage("whole-local", as_it_is, local_threshold),
    Stage("half-global", as_it_is, global_threshold, halved=True),
    Stage("half-local", as_it_is, both_ways, halved=True),
)
"""Every frame that deserves a look, one after the other until something is read."""

FIRST_LARGE = (FIRST[3], FIRST[1], FIRST[0], FIRST[2])
"""The same for a frame of many pixels, which are more than most codes need."""

TRACE = Stage("trace", as_it_is, lambda _image: Found())
"""Follows the grid of a suspect, and adds up what frames show of it (kiosk.reader.grid, kiosk.reader.votes)."""

CLOSE = (
    TRACE,
    Stage("close-sharp", sharper(1, 4), local_threshold),
    Stage("close-plain", as_it_is, both_ways),
    Stage("close-unmoved", unmoved, local_threshold),
    Stage("close-bright", brighter, global_threshold),
    Stage("close-stretched", stretched, both_ways),
    Stage("close-small", sharper(1.5, 2), both_ways, module_px=3),
    Stage("close-even", even, local_threshold),
    Stage("close-unblurred", unblurred(1.2), local_threshold),
    Stage("close-refocused", unblurred(2.5, 0.001), local_threshold),
    Stage("close-refocused-far", unblurred(3.1, 0.0003), local_threshold),
)
"""Where something like a code was not read; what the budget has no room for has its turn at the next frame."""


def zbar_close(zbar: Engine) -> tuple[Stage, ...]:
    """The last of the close stages: dear, and good with glare and blur."""
    return (
        Stage("zbar", as_it_is, zbar),
        Stage("zbar-unblurred", unblurred(1.2), zbar),
        Stage("zbar-unmoved", unmoved, zbar),
        Stage("zbar-stretched", stretched, zbar),
    )


def zbar_whole(zbar: Engine) -> tuple[Stage, ...]:
    """The last of all."""
    return (Stage("zbar-half", as_it_is, zbar, halved=True),)


SPARE = (
    Stage("half-bright", brighter, global_threshold, halved=True),
    Stage("half-wide", as_it_is, local_threshold, halved=True, stretch=(1.7, 1)),
    Stage("half-tall", as_it_is, local_threshold, halved=True, stretch=(1, 1.7)),
    Stage("quarter", sharper(1.5, 1), local_threshold, halved=True, stretch=(0.5, 0.5)),
    Stage("whole-split", split, global_threshold),
    Stage("whole-thick", thicker, global_threshold),
    Stage("whole-light-on-dark", as_it_is, both_ways),
    Stage("whole-bright", brighter, local_threshold),
    Stage("whole-sharp", sharper(2, 1.5), local_threshold),
    Stage("whole-even", even, local_threshold),
)
"""On the whole frame, in turns, while nothing is read."""
