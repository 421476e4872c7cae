"""Reads the modules of a code whose corners are roughly known, also where paper or cloth is bent.

A projective view of a flat code is only a first guess. Where the grid really runs is told by the phase of the edges:
edges between modules lie one module apart, so the edge image, multiplied by a wave of that period and smoothed, has
the grid's displacement as its phase (demodulation, as in fringe analysis: Takeda, Ina and Kobayashi, JOSA 72, 1982).
Two rounds follow a curved card, a fold, a cushion. The modules are then drawn anew, clean and square, and an engine
reads that picture.

Must not know frames over time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.reader.engines import global_threshold
from kiosk.reader.sight import Frame, Quad, Reading, Suspect

Modules = NDArray[np.float32]
"""n x n, how dark each module is: above 0 dark, below 0 light, 0 unknown; about 1 in size where it is plain."""
Field = NDArray[np.float32]

BADGE_MODULES = 37
MOST_MODULES = 57
"""Larger codes cost too much to follow; no badge is one."""
_PX = 6  # pixels a module in the view straight on
_EDGE = 2  # modules of quiet zone in it
_ROUNDS = 2
_SPREAD = 2.2  # modules over which the phase is smoothed
_SATURATED = 250
_FINDER = np.pad(np.pad(np.ones((3, 3), np.float32), 1, constant_values=-1), 1, constant_values=1)
_ALIGNMENT = np.pad(np.pad(np.ones((1, 1), np.float32), 1, constant_values=-1), 1, constant_values=1)
_DRAWN_PX = 3
_QUIET = 4
_TURNS = 2 * np.pi * (np.arange(_PX) + 0.5) / _PX
_WAVES = np.column_stack((np.cos(_TURNS), np.sin(_TURNS))).astype(np.float32)
"""A wave of one module's length, and the same a quarter later."""


def trace(frame: Frame, suspect: Suspect) -> Iterator[Modules]:
    """The modules of a code, guess by guess: each follows the grid better."""
    count = suspect.modules or BADGE_MODULES
    for turn, view in enumerate(views(frame, suspect)):
        if turn > 0:  # an engine has seen it as if it were flat
            yield _darkness(view, count)


def views(frame: Frame, suspect: Suspect) -> Iterator[Frame]:
    """The code straight on: as if it were flat, then along its grid, better and better."""
    count = suspect.modules or BADGE_MODULES
    flat = _flat(suspect.quad, count)
    grid = _straight(count)
    for turn in range(_ROUNDS + 1):
        view = _seen(frame, flat, grid)
        yield view
        if turn < _ROUNDS:
            soft = np.asarray(cv2.GaussianBlur(view, (3, 3), 0.8), np.uint8)
            grid = grid + np.dstack((_displacement(soft), _displacement(np.ascontiguousarray(soft.T)).T))


def decode(modules: Modules) -> Reading | None:
    """What a code of these modules says, in a picture of its own, if it can be read; what every code of its size has
    is drawn in."""
    drawn = _with_patterns(modules)
    for threshold in (0.0, _local(drawn)):
        found = global_threshold(_drawing(drawn > threshold))
        if found.readings:
            return found.readings[0]
    return None


def read(frame: Frame, suspect: Suspect, also: Callable[[Modules], Reading | None] = lambda _: None) -> Reading | None:
    """The text of a suspect, if its modules can be made out. ``also``: is given the last guess of them."""
    if suspect.modules > MOST_MODULES:
        return None
    modules = None
    for modules in trace(frame, suspect):
        reading = decode(modules)
        if reading is not None:
            break
    else:
        reading = also(modules) if modules is not None else None
    if reading is None:
        return None
    middle = suspect.quad.middle
    return replace(reading, x=middle.x, y=middle.y, quad=suspect.quad)


@lru_cache(maxsize=8)
def _straight(count: int) -> Field:
    """The middles of all modules, quiet zone and all, in a view straight on: y, x, (right, down) in its pixels."""
    middles = (np.arange(count + 2 * _EDGE) + 0.5) * _PX - 0.5
    return np.asarray(np.dstack(np.meshgrid(middles, middles)), np.float32)


def _flat(quad: Quad, count: int) -> Field:
    """From the view straight on to the frame, for a flat code."""
    near, far = _EDGE * _PX - 0.5, (_EDGE + count) * _PX - 0.5
    corners = np.array([(near, near), (far, near), (far, far), (near, far)], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(corners, np.array(quad, np.float32)), np.float32)


def _seen(frame: Frame, flat: Field, grid: Field) -> Frame:
    """The view straight on, along the grid. Between the middles of modules a straight line is near enough."""
    places = cv2.perspectiveTransform(grid, flat)
    side = grid.shape[0] * _PX
    x, y = (cv2.resize(way, (side, side), interpolation=cv2.INTER_LINEAR) for way in cv2.split(places))
    return np.asarray(cv2.remap(frame, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _displacement(patch: Frame) -> Field:
    """How far right of its place the grid is, at the middle of each module, in pixels of the view."""
    edges = np.abs(np.asarray(cv2.Sobel(patch, cv2.CV_32F, 1, 0, ksize=3), np.float32))
    cells = patch.shape[0] // _PX
    folded = (edges.reshape(-1, _PX) @ _WAVES).reshape(cells, _PX, cells, 2).sum(axis=1)
    smooth = np.asarray(cv2.GaussianBlur(folded, (0, 0), _SPREAD), np.float32)[_EDGE:-_EDGE, _EDGE:-_EDGE]
    phase = _unwrapped(np.arctan2(smooth[:, :, 1], smooth[:, :, 0]))
    phase -= 2 * np.pi * np.round(np.median(phase[:7, :7]) / (2 * np.pi))  # the corners are right to half a module
    return np.asarray(np.pad(phase * (_PX / (2 * np.pi)), _EDGE, mode="edge"), np.float32)


def _unwrapped(phase: Field) -> Field:
    """The phase without jumps of whole turns, by least squares over all neighbours at once, so that one place where
    it cannot be told spoils no line (Ghiglia and Romero, JOSA A 11, 1994)."""
    whole = np.pad(
        phase, ((0, phase.shape[0] % 2), (0, phase.shape[1] % 2)), mode="edge"
    )  # OpenCV's DCT wants even sides
    right = _wrapped(np.diff(whole, axis=1))
    down = _wrapped(np.diff(whole, axis=0))
    slope = np.diff(np.pad(right, ((0, 0), (1, 1))), axis=1) + np.diff(np.pad(down, ((1, 1), (0, 0))), axis=0)
    smooth = cv2.idct(np.asarray(cv2.dct(slope.astype(np.float32)) / _spectrum(whole.shape[0]), np.float32))
    near = smooth[: phase.shape[0], : phase.shape[1]]
    near = near + np.median(_wrapped(phase - near)[:7, :7])
    return np.asarray(phase + 2 * np.pi * np.round((near - phase) / (2 * np.pi)), np.float32)


def _wrapped(turn: Field) -> Field:
    return np.asarray(turn - 2 * np.pi * np.round(turn / (2 * np.pi)), np.float32)


@lru_cache(maxsize=8)
def _spectrum(side: int) -> Field:
    """Of the Laplace operator with free edges."""
    waves = 2 * np.cos(np.pi * np.arange(side) / side) - 2
    both = waves[:, None] + waves[None]
    both[0, 0] = np.inf  # the mean is told otherwise
    return np.asarray(both, np.float32)


def _darkness(patch: Frame, count: int) -> Modules:
    """Each module against what is light and dark around it; glare tells nothing."""
    mean = np.asarray(cv2.blur(patch, (3, 3)), np.float32)
    at = (np.arange(count) + _EDGE) * _PX + _PX // 2
    values = mean[np.ix_(at, at)]
    lightest = cv2.dilate(values, np.ones((7, 7), np.uint8))
    darkest = cv2.erode(values, np.ones((7, 7), np.uint8))
    reach = np.maximum(np.asarray(lightest - darkest, np.float32) / 2, 4.0)
    dark = np.clip(((lightest + darkest) / 2 - values) / reach, -1, 1)
    dark[(values >= _SATURATED) & (darkest >= _SATURATED - 30)] = 0
    return np.asarray(dark, np.float32)


def _local(drawn: Modules) -> Modules:
    return np.asarray(cv2.blur(drawn, (9, 9)), np.float32)


def _with_patterns(modules: Modules) -> Modules:
    """The same with what every code of this size has: finder patterns, timing, the last alignment pattern."""
    drawn, count = modules.copy(), modules.shape[0]
    for top, left in ((0, 0), (0, count - 7), (count - 7, 0)):
        drawn[max(0, top - 1) : top + 8, max(0, left - 1) : left + 8] = -1
        drawn[top : top + 7, left : left + 7] = _FINDER
    timing = np.where(np.arange(8, count - 8) % 2 == 0, 1, -1)
    drawn[6, 8 : count - 8] = drawn[8 : count - 8, 6] = timing
    if count > LEAST_WITH_ALIGNMENT:
        drawn[count - 9 : count - 4, count - 9 : count - 4] = _ALIGNMENT
    return drawn


LEAST_WITH_ALIGNMENT = 21


def _drawing(dark: NDArray[np.bool_]) -> Frame:
    picture = np.pad(np.where(dark, 0, 255).astype(np.uint8), _QUIET, constant_values=255)
    side = picture.shape[0] * _DRAWN_PX
    return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8)
