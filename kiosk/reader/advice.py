"""Why something like a code cannot be read: what its picture looks like, and what whoever holds it can do.

Knows the region that was looked at, no text and no frame but this one.
"""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.reader.blur import smear
from kiosk.reader.grid import BADGE_MODULES
from kiosk.reader.sight import Advice, Appearance, Frame, Quad

FEWEST_PX = 2.1
DARK = 45.0
GLARE = 0.012
STILL = 0.55
SHARP = 0.5
_FULL = 250
_EDGE_PX = 3
_EDGE = 0.1  # of the side: the quiet zone is needed, too
_LEAST_PX = 8
MOST_PX = 200


def appearance(frame: Frame, quad: Quad, most_px: int = MOST_PX) -> Appearance:
    """What the region of a code looks like. ``most_px``: across as much of its middle."""
    left, top, right, bottom = quad.box(0, frame.shape)
    part = _middle(frame[top:bottom, left:right], most_px)
    high, wide = frame.shape
    cut = min(left, top, wide - right, high - bottom) <= _EDGE_PX + _EDGE * quad.side
    if min(part.shape, default=0) < _LEAST_PX:
        return Appearance(float(part.mean()) if part.size else 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, cut)
    dark, light = _level(part, 0.05), _level(part, 0.9)
    soft = np.asarray(cv2.GaussianBlur(part, (0, 0), 0.7), np.uint8)
    steps = max(_step(soft[:, 2:], soft[:, :-2]), _step(soft[2:], soft[:-2]))
    evenness, direction = smear(part)
    sharpness = min(1.0, steps / max(light - dark, 8.0))
    return Appearance(light, quad.side / BADGE_MODULES, sharpness, evenness, direction, _glare(part), cut)


def advise(appears: Appearance) -> Advice | None:
    """What would help most; None if it looks as it should."""
    checks = (
        (appears.light < DARK, Advice.DARK),
        (appears.cut, Advice.CUT_OFF),
        (appears.glare > GLARE, Advice.GLARE),
        (appears.module_px < FEWEST_PX, Advice.CLOSER),
        (appears.evenness < STILL, Advice.HOLD_STILL),
        (appears.sharpness < SHARP, Advice.BLURRED),
    )
    return next((advice for true, advice in checks if true), None)


def is_dark(half: Frame) -> bool:
    """Whether so little light falls on everything in view that not even a place could be told."""
    return _level(np.ascontiguousarray(half[::4, ::4]), 0.99) < DARK


def _middle(part: Frame, most: int) -> Frame:
    over = [max(0, side - most) // 2 for side in part.shape]
    return np.ascontiguousarray(part[over[0] : over[0] + most, over[1] : over[1] + most])


def _step(one: Frame, other: Frame) -> float:
    """A large difference between neighbours."""
    return _level(np.asarray(cv2.absdiff(one, other), np.uint8), 0.9)


def _level(image: Frame, share: float) -> float:
    """The grey level that so much of the image does not exceed."""
    counts = cv2.calcHist([image], [0], None, [256], [0, 256]).ravel()
    return float(np.searchsorted(np.cumsum(counts), share * image.size))


def _glare(part: Frame) -> float:
    """Of the area, what is full in a patch as large as no light module is."""
    full = (part >= _FULL).astype(np.uint8)
    patch = max(3, min(part.shape) // 12)
    return float(cv2.erode(full, np.ones((patch, patch), np.uint8)).mean()) if full.any() else 0.0
