"""What a kiosk's camera would see: an empty foyer, and hands that hold something up and take it away.

Knows hands and how they move. Must not know the time of day, who is shown next, or where frames go.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from deploy.cards import PX_PER_MM, Look, Showing, picture
from deploy.optics import Frame, Grain, Matrix, Size, box_around, foyer, lay, moved, projection, seen, uneven

_SHUTTER = 0.2  # part of a frame's time during which light comes in
_MOST_SMEAR = 60  # pixels
_BACKDROPS = 6
_MARGIN = 6  # pixels around what is drawn, so that its blur fades out inside the part that is redrawn
_COMING_SECONDS = 0.5
_FOCUSING_SECONDS, _FOCUSING_PX = 0.9, 1.6  # the lens was set for the foyer, and finds what is near
_NEAREST_MM, _FARTHEST_MM = 250.0, 345.0
_MOST_TILT = math.radians(20)
_TYPICAL_TILT = math.radians(8)
# How far a hand wanders while it holds still: mm right, down and away; radians of pitch, yaw and roll.
_TREMOR = (4.0, 4.0, 6.0, 0.04, 0.04, 0.03)
_SWAY_FRAMES = 7  # over which wandering is smoothed
_OUT_OF_VIEW = np.array([(0.0, 210.0), (-270.0, 60.0), (270.0, 60.0)])  # mm: below, to the left, to the right
_WAYS = (0.6, 0.2, 0.2)  # how often people come and go there


@dataclass(frozen=True, slots=True)
class _Shape:
    """A flat grey thing; its outline is in mm from the middle of what is held."""

    outline: Matrix
    grey: int


@dataclass(frozen=True, slots=True)
class _Hold:
    """All that stays the same while one thing is held up."""

    image: Frame
    paper: Matrix  # its corners, in mm
    behind: tuple[_Shape, ...]
    thumb: _Shape
    defocus_px: float  # when the lens has found it


class Scene:
    """One camera's view. `size` in pixels, `fps` in frames per second; the same `rng` gives the same films."""

    def __init__(self, size: Size, fps: int, rng: np.random.Generator) -> None:
        self.size = size
        self.fps = fps
        self._rng = rng
        self._flicker = rng.spawn(1)[0]  # its own dice, so that frames left out change nobody's movements
        self._count = 0
        self._phase = rng.uniform(0, math.tau)
        self._clean = foyer(size, rng)
        self._grain = Grain(size, self._flicker)
        self._backdrops = [self._grain.over(self._clean) for _ in range(_BACKDROPS)]
        self._backdrop = 0

    def empty(self) -> Frame:
        """The next frame of nobody."""
        self._count += 1
        # Never the same twice running, which would look like a camera that has frozen.
        self._backdrop = (self._backdrop + int(self._flicker.integers(1, _BACKDROPS))) % _BACKDROPS
        return self._lit(self._backdrops[self._backdrop])

    def frames(self, showing: Showing) -> Iterator[Frame]:
        """Something comes into view, is held for `showing.seconds` and leaves, frame by frame."""
        return (take() for take in self.takes(showing))

    def takes(self, showing: Showing) -> list[Callable[[], Frame]]:
        """The same frames, not yet rendered, so that leaving one out costs nothing."""
        hold = self._hold(showing)
        poses = self._movement(showing.seconds)
        before = np.vstack([poses[:1], poses[:-1]])
        blurs = hold.defocus_px + _FOCUSING_PX * np.clip(
            1 - np.arange(len(poses)) / (_FOCUSING_SECONDS * self.fps), 0, 1
        )
        return [
            partial(self._render, hold, pose, last, blur)
            for pose, last, blur in zip(poses, before, blurs.tolist(), strict=True)
        ]

    def _lit(self, part: Frame) -> Frame:
        """Slow changes of light. Only upwards: OpenCV takes away four times slower than it adds."""
        light = 4 + 4 * math.sin(self._phase + self._count / self.fps * math.tau / 40)
        return np.asarray(cv2.convertScaleAbs(part, alpha=1.0, beta=round(light)), np.uint8)

    def _hold(self, showing: Showing) -> _Hold:
        rng = self._rng
        flat = picture(showing, rng)
        light = 1.0 if showing.look is Look.PHONE else rng.uniform(0.75, 0.9)  # paper does not shine
        height, width = np.array(flat.shape) / PX_PER_MM / 2
        aside, sleeve, skin = rng.uniform(-12, 12), int(rng.integers(25, 120)), int(rng.integers(75, 180))
        return _Hold(
            image=(flat * (uneven(flat.shape, rng) * light)).astype(np.uint8),
            paper=np.array([(-width, -height), (width, -height), (width, height), (-width, height)]),
            behind=(
                _Shape(_forearm(aside, height + 40), sleeve),
                _Shape(_ellipse(aside, height + 20, 32, 36), skin),
            ),
            thumb=_Shape(_ellipse(aside, height + 3, 9.5, 14), skin + 15),
            defocus_px=rng.uniform(0.3, 0.85),
        )

    def _movement(self, seconds: float) -> Matrix:
        """One pose per frame."""
        rng = self._rng
        coming = max(1, round(_COMING_SECONDS * self.fps))
        held = max(1, round(seconds * self.fps))
        towards, tilt = rng.uniform(0, math.tau), rng.normal(0, _TYPICAL_TILT)
        rest = (rng.uniform(-45, 45), rng.uniform(-22, 22), rng.uniform(_NEAREST_MM, _FARTHEST_MM))
        turn = (tilt * math.sin(towards), tilt * math.cos(towards), rng.normal(0, 0.07))
        poses = np.array([*rest, *turn]) + _wandering(coming + held + coming, rng)
        away = np.linspace(1, 0, coming, endpoint=False)[:, None] ** 2
        came, went = _OUT_OF_VIEW[rng.choice(3, 2, p=_WAYS)]
        poses[:coming, :2] += away * came
        poses[-coming:, :2] += away[::-1] * went
        leaning = np.hypot(poses[:, 3], poses[:, 4])
        poses[:, 3:5] *= np.minimum(1, _MOST_TILT / np.maximum(leaning, 1e-9))[:, None]
        return poses

    def _render(self, hold: _Hold, pose: Matrix, last: Matrix, defocus_px: float) -> Frame:
        frame = self.empty()
        view = projection(pose, self.size)
        outlines = np.vstack([hold.paper, *(shape.outline for shape in hold.behind)])
        box = box_around(seen(outlines, view), _MARGIN, self.size)
        if box is None:
            return frame
        part = self._lit(self._clean[box])
        near = moved(view, -box[1].start, -box[0].start)
        for shape in hold.behind:
            _fill(part, shape, near)
        lay(part, hold.image, PX_PER_MM, near)
        _fill(part, hold.thumb, near)
        middle = np.zeros((1, 2))
        smear = _SHUTTER * (seen(middle, view) - seen(middle, projection(last, self.size)))[0]
        frame[box] = self._grain.over(_blurred(part, smear, defocus_px))
        return frame


def _blurred(part: Frame, smear: Matrix, defocus_px: float) -> Frame:
    """Motion is smeared over a rectangle, not a line: a box costs the same however long it is."""
    across, down = np.clip(np.abs(smear).round().astype(int), 0, _MOST_SMEAR).tolist()
    smeared = cv2.blur(part, (across + 1, down + 1)) if across or down else part
    return np.asarray(cv2.GaussianBlur(smeared, (7, 7), defocus_px), np.uint8)


def _wandering(frames: int, rng: np.random.Generator) -> Matrix:
    """A hand's tremor: smooth, random, around nought; one pose per frame."""
    window = np.hanning(_SWAY_FRAMES + 2)[1:-1]
    window /= np.sqrt(np.sum(window**2))  # keeps the standard deviation
    noise = rng.standard_normal((len(_TREMOR), frames + _SWAY_FRAMES - 1))
    smooth = [np.convolve(row, window, mode="valid") for row in noise]
    return np.asarray(np.column_stack(smooth) * np.array(_TREMOR), np.float64)


def _ellipse(right: float, down: float, half_width: float, half_height: float) -> Matrix:
    turn = np.linspace(0, math.tau, 36, endpoint=False)
    return np.column_stack([right + half_width * np.cos(turn), down + half_height * np.sin(turn)])


def _forearm(right: float, down: float) -> Matrix:
    """Long enough to leave the picture at the bottom."""
    return np.array([(right - 28, down), (right + 28, down), (right + 50, down + 320), (right - 20, down + 320)])


def _fill(part: Frame, shape: _Shape, view: Matrix) -> None:
    cv2.fillConvexPoly(part, seen(shape.outline, view).round().astype(np.int32), (shape.grey,), cv2.LINE_AA)
