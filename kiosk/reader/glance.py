"""A cheap look at a whole frame: has anything changed, and where is something like a code?

Knows nothing of codes but that they are square patches full of edges in both directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.reader.sight import Frame, Suspect, square

CELLS_ACROSS = 80
LEAST_CELL = 8
STEP = 6
PASSED_OVER = 4
BUSY = 7.0
SHARE = 0.4
DARK = 70
LEAST_RANGE = 3
_MOST_SUSPECTS = 3
_MOST_CELLS = 0.5


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a glance shows: the frame at half its size, whether it deserves to be read, and whether it has moved."""

    half: Frame
    deserves: bool
    moved: bool


class Glance:
    """Whether a frame deserves to be read: something in it has changed, or four frames were passed over.

    A Pi looks at an empty door all day; reading takes many times longer to find nothing than this takes to see that
    nothing came. A code held up is seen at once, as it moves into view; one that was there before within five frames.
    """

    def __init__(self) -> None:
        self._before: Frame | None = None
        self._passed = 0
        self._awake = 0

    def at(self, frame: Frame) -> Glimpse:
        """Compares the frame with the one before, in cells of about 16 x 16 pixels."""
        half = halved(frame)
        cells = _averaged(half, max(1, max(half.shape) // CELLS_ACROSS))
        before, self._before = self._before, cells
        same = before is not None and before.shape == cells.shape
        moved = before is None or not same or int(cv2.absdiff(cells, before).max()) >= STEP
        self._awake = 2 * PASSED_OVER if moved else max(0, self._awake - 1)
        deserves = self._awake > 0 or self._passed >= PASSED_OVER
        self._passed = 0 if deserves else self._passed + 1
        return Glimpse(half, deserves, moved)


def halved(frame: Frame) -> Frame:
    """Half the size, each pixel the mean of four; a frame of one pixel stays one."""
    return _averaged(frame, 2)


def _averaged(image: Frame, by: int) -> Frame:
    """So many pixels become one, both ways. Whole numbers are averaged fast; what is over at the edge is left out."""
    high, wide = (max(1, side // by) for side in image.shape)
    part = image[: high * by, : wide * by] if min(image.shape) >= by else image
    return np.asarray(cv2.resize(part, (wide, high), interpolation=cv2.INTER_AREA), np.uint8)


def suspects(half: Frame) -> tuple[Suspect, ...]:
    """Patches of the frame that are full of edges in both directions, the likeliest first; corners as in the whole
    frame, those of an upright box."""
    cell = max(LEAST_CELL // 2, max(half.shape) // CELLS_ACROSS)
    if min(half.shape) < 4 * cell:
        return ()
    busy = _busy(_lit(half), cell)
    least = max(BUSY, SHARE * float(busy.max()))
    mask = (busy >= least).astype(np.uint8)
    joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, _, boxes, _ = cv2.connectedComponentsWithStats(joined, connectivity=4)
    ranked = []
    for left, top, wide, high, area in boxes[1:count].tolist():
        if min(wide, high) < 2 or area < 5 or area > _MOST_CELLS * busy.size:
            continue
        fill = area / (wide * high)
        likeness = float(busy[top : top + high, left : left + wide].mean()) * fill * min(wide, high) / max(wide, high)
        right, bottom = min(left + wide, half.shape[1] / cell), min(top + high, half.shape[0] / cell)
        box = square(*(2.0 * cell * edge for edge in (left, top, right, bottom)))
        ranked.append((likeness * min(area, 100) ** 0.5, box))
    ranked.sort(key=lambda one: one[0], reverse=True)
    return tuple(Suspect(box) for _, box in ranked[:_MOST_SUSPECTS])


def _lit(half: Frame) -> Frame:
    """A dark frame as if it were light; what is left of its noise is smoothed away."""
    brightest = int(half[::4, ::4].max())
    if brightest >= DARK:
        return half
    soft = cv2.GaussianBlur(half, (0, 0), 2)
    low, high = int(soft.min()), int(soft.max())
    if high - low < LEAST_RANGE:
        return half
    return np.asarray(
        cv2.convertScaleAbs(cv2.subtract(soft, np.full_like(soft, low)), alpha=200 / (high - low)), np.uint8
    )


def _busy(half: Frame, cell: int) -> NDArray[np.float32]:
    """Of each cell: how much neighbouring pixels differ on average, across or down, whichever is less."""
    high, wide = half.shape
    spare = (0, -high % cell, 0, -wide % cell)  # whole cells are averaged fast
    whole = cv2.copyMakeBorder(half, spare[0] + 1, spare[1] + 1, spare[2] + 1, spare[3] + 1, cv2.BORDER_REPLICATE)
    across = cv2.absdiff(whole[1:-1, 2:], whole[1:-1, :-2])
    down = cv2.absdiff(whole[2:, 1:-1], whole[:-2, 1:-1])
    size = (across.shape[1] // cell, across.shape[0] // cell)
    ways = [cv2.resize(way, size, interpolation=cv2.INTER_AREA) for way in (across, down)]
    return np.asarray(cv2.min(ways[0], ways[1]), np.float32)
