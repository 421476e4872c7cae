"""What one frame says of the camera when the printed target is held before it. Pure.

Measures by the places that admission.target names. Must not know what is made of the figures, and keeps no frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from admission.target import CODE_MM, MODULES, WEDGE_STEPS, wedge_middle
from kiosk.reader.advice import appearance
from kiosk.reader.sight import Frame, Quad

_PX = 8
"""Pixels to a module of the view straight on, in which sharpness is measured."""
_STEEPEST = 97.5
"""Per cent: as steep as that is about every pixel that lies in the middle of an edge, at eight pixels to a module."""
_TOLD_APART = 4.0
"""Grey levels between neighbouring steps of the wedge from which on they are two."""
_PATCH = 0.3
"""Of a step's width: what is averaged in its middle, each way."""
_LEAST_CONTRAST = 8.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """``module_px``: pixels a module; ``share``: the code's width over the frame's height; ``blur_px``: standard
    deviation of what an edge is smeared by, in the frame's pixels, ``blur_modules``: the same in modules;
    ``evenness``: see Appearance, low where something moved; ``paper``, ``ink``: grey levels of light and dark modules;
    ``glare``: of the code's area that shows nothing for brightness; ``tilt_deg``: from straight on; ``greys``: how many
    of the eight grey steps can be told apart, None where they are not all in view; ``cut``: the code reaches over the
    frame's edge."""

    module_px: float
    share: float
    blur_px: float
    blur_modules: float
    evenness: float
    paper: float
    ink: float
    glare: float
    tilt_deg: float
    greys: int | None
    cut: bool

    @property
    def contrast(self) -> float:
        """Grey levels from ink to paper."""
        return self.paper - self.ink


def sight_target(frame: Frame, quad: Quad) -> Sighting:
    """What a frame shows of the target whose code was read at ``quad``. Takes a few milliseconds."""
    appears = appearance(frame, quad)
    side = MODULES * _PX
    straight = _straight(frame, quad, side)
    ink, paper = (float(level) for level in np.percentile(straight, (10, 90)))
    blur = _blur(straight, paper - ink)
    module_px = quad.side / MODULES
    return Sighting(
        module_px=module_px,
        share=quad.side / frame.shape[0],
        blur_px=blur / _PX * module_px,
        blur_modules=blur / _PX,
        evenness=appears.evenness,
        paper=paper,
        ink=ink,
        glare=appears.glare,
        tilt_deg=tilt(quad),
        greys=_greys(frame, quad),
        cut=appears.cut,
    )


def tilt(quad: Quad) -> float:
    """How far a square is turned away from straight on, in degrees, whichever way: by how much shorter it is seen
    along one direction than across it."""
    corners = np.array(quad, np.float64)
    top_left, top_right, bottom_right, bottom_left = corners
    right = (top_right - top_left + bottom_right - bottom_left) / 2
    down = (bottom_left - top_left + bottom_right - top_right) / 2
    most, least = np.linalg.svd(np.array([right, down]), compute_uv=False)
    return math.degrees(math.acos(min(1.0, float(least) / max(float(most), 1e-9))))


def _straight(frame: Frame, quad: Quad, side: int) -> Frame:
    goal = np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float32)
    view = cv2.getPerspectiveTransform(np.array(quad, np.float32), goal)
    return np.asarray(cv2.warpPerspective(frame, view, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _blur(straight: Frame, contrast: float) -> float:
    """Standard deviation in pixels of the straight view: an edge blurred so rises by contrast / (s sqrt(2 pi)) in its
    middle."""
    soft = np.asarray(cv2.GaussianBlur(straight, (0, 0), 1.0), np.float32)
    slopes = (np.abs(soft[:, 2:] - soft[:, :-2]), np.abs(soft[2:] - soft[:-2]))
    steepest = max(float(np.percentile(slope, _STEEPEST)) for slope in slopes) / 2
    seen = max(contrast, _LEAST_CONTRAST) / max(steepest, 0.1) / math.sqrt(2 * math.pi)
    return math.sqrt(max(0.0, seen * seen - 1.0))  # less what was softened here


def _greys(frame: Frame, quad: Quad) -> int | None:
    """How many steps of the wedge differ from the one before, and one more."""
    corners = np.array([(0, 0), (CODE_MM, 0), (CODE_MM, CODE_MM), (0, CODE_MM)], np.float32)
    place = cv2.getPerspectiveTransform(corners, np.array(quad, np.float32))
    middles = np.array([wedge_middle(step) for step in range(WEDGE_STEPS)], np.float32)[None]
    spots: NDArray[np.float32] = np.asarray(cv2.perspectiveTransform(middles, place), np.float32)[0]
    half = max(1.0, _PATCH * float(np.linalg.norm(spots[1] - spots[0])))
    high, wide = frame.shape
    inside = (spots >= half) & (spots < np.array([wide - half, high - half]))
    if not bool(inside.all()):
        return None
    levels = [_mean(frame, x, y, half) for x, y in spots.tolist()]
    return 1 + sum(after - before >= _TOLD_APART for before, after in pairwise(levels))


def _mean(frame: Frame, x: float, y: float, half: float) -> float:
    return float(frame[int(y - half) : int(y + half) + 1, int(x - half) : int(x + half) + 1].mean())
