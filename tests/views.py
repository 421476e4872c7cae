"""A badge before a kiosk's camera under named conditions: distance, tilt, blur, movement, light, glare, moiré, JPEG.

Every picture follows from its text, its conditions and a seed. Must not know any reader.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from admission.badge import PREFIX, TOKEN_LENGTH
from deploy.cards import PX_PER_MM, Look, Showing, code, picture
from deploy.optics import Frame, Matrix, Size, focal_px, foyer, lay, projection, uneven

MODULES = 37
_ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_Light = npt.NDArray[np.float32]
_CARD_MM = (74.0, 105.0)
_PAPER = 215.0  # grey level of white paper in good light


@dataclass(frozen=True, slots=True)
class View:
    """How a badge is seen. ``badge_mm``: its code's width without the quiet zone; ``defocus_px``: standard deviation;
    ``motion_px``: the way that the picture moves while the shutter is open, in the direction ``motion_deg``;
    ``light``: of what good light gives; ``noise``: grey levels; ``glare``: of the code that a lamp's reflection
    covers; ``jpeg``: quality, 0 for none; ``screen``: a phone instead of a card; ``dark_mode``: light on dark;
    ``off_px``: moves the code away from where it would be, right and down."""

    badge_mm: float = 40.0
    distance_cm: float = 30.0
    size: Size = (1280, 720)
    tilt_deg: float = 0.0
    defocus_px: float = 0.4
    motion_px: float = 0.0
    motion_deg: float = 0.0
    light: float = 1.0
    noise: float = 3.0
    glare: float = 0.0
    jpeg: int = 0
    screen: bool = False
    dark_mode: bool = False
    off_px: tuple[float, float] = (0.0, 0.0)

    @property
    def module_px(self) -> float:
        """Pixels a module where the badge is seen straight on."""
        return focal_px(self.size) / (self.distance_cm * 10) * self.badge_mm / MODULES


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame, and where the code's middle is in it (x, y)."""

    frame: Frame
    middle: tuple[float, float]


def token(seed: int) -> str:
    """A text that looks like a badge's."""
    return PREFIX + "".join(random.Random(seed).choices(_ALPHANUMERIC, k=TOKEN_LENGTH - len(PREFIX)))


def normal(badge_mm: float, dice: np.random.Generator, size: Size = (1280, 720)) -> View:
    """Normal handling at 30 cm: tilt up to 25 degrees, defocus up to 1.2 px, movement up to 3 px, uneven light."""
    return View(
        badge_mm=badge_mm,
        size=size,
        tilt_deg=dice.uniform(0, 25),
        defocus_px=dice.uniform(0.2, 1.2),
        motion_px=dice.uniform(0, 3),
        motion_deg=dice.uniform(0, 180),
        light=dice.uniform(0.5, 1.05),
        jpeg=int(dice.integers(75, 95)) if dice.random() < 0.5 else 0,
    )


def at_pixels(module_px: float, view: View) -> View:
    """The same view from the distance at which a module has so many pixels."""
    return replace(view, distance_cm=view.distance_cm * view.module_px / module_px)


def look(text: str, view: View, seed: int) -> Seen:
    """One frame."""
    dice = np.random.default_rng(seed)
    sheet, down_mm = _phone(text, view) if view.screen else _card(text, view)
    pose = _pose(view, down_mm, dice)
    place = projection(pose, view.size)
    frame = foyer(view.size, dice)
    lit = np.asarray(np.clip(sheet * (uneven(sheet.shape, dice) * (1.0 if view.screen else 0.85)), 0, 255), np.uint8)
    _lay_finely(frame, lit, place)
    light = frame.astype(np.float32)
    middle = _project(place, (0.0, down_mm))
    if view.glare > 0:
        light += _glare(view, middle, dice)
    light = _smeared(light, view)
    light = light * view.light + dice.standard_normal(light.shape, np.float32) * view.noise
    grey = np.clip(light, 0, 255).astype(np.uint8)
    return Seen(_through_jpeg(grey, view.jpeg), middle)


def _card(text: str, view: View) -> tuple[Frame, float]:
    """A badge as the demo draws it, with a code of the wanted width; and where that code's middle is below its own."""
    flat = picture(Showing(text, Look.CARD, "Ana Lovelace", 120, 0), np.random.default_rng(0))
    side = round(44 * PX_PER_MM)
    middle = (flat.shape[1] // 2, round(62 * PX_PER_MM))
    flat[middle[1] - side // 2 : middle[1] + side // 2, middle[0] - side // 2 : middle[0] + side // 2] = 255
    symbol = _symbol(text, view)
    top, left = middle[1] - symbol.shape[0] // 2, middle[0] - symbol.shape[1] // 2
    flat[top : top + symbol.shape[0], left : left + symbol.shape[1]] = symbol[: flat.shape[0] - top]
    return flat, 62 - _CARD_MM[1] / 2


def _phone(text: str, view: View) -> tuple[Frame, float]:
    """A phone that fills its screen with the code: bright, with a grid of pixels."""
    wide, high = 72.0, 140.0
    flat = np.full((round(high * PX_PER_MM), round(wide * PX_PER_MM)), 18, np.uint8)
    edge, ends = round(3 * PX_PER_MM), round(6 * PX_PER_MM)
    paper = 25 if view.dark_mode else 250
    flat[ends:-ends, edge:-edge] = paper
    symbol = _symbol(text, view)
    top, left = (flat.shape[0] - symbol.shape[0]) // 2, (flat.shape[1] - symbol.shape[1]) // 2
    flat[top : top + symbol.shape[0], left : left + symbol.shape[1]] = symbol
    rows, columns = np.ogrid[: flat.shape[0], : flat.shape[1]]
    grid = 0.9 + 0.1 * np.cos(rows * 2.2) * np.cos(columns * 2.2)
    return np.asarray(flat * grid, np.uint8), 0.0


def _symbol(text: str, view: View) -> Frame:
    symbol = code(text, view.badge_mm)
    return np.asarray(255 - symbol, np.uint8) if view.dark_mode else symbol


def _pose(view: View, down_mm: float, dice: np.random.Generator) -> Matrix:
    """The code's middle comes to lie near the frame's, wherever on the sheet it is."""
    axis, roll = dice.uniform(0, math.tau), dice.normal(0, 0.06)
    lean = math.radians(view.tilt_deg)
    per_px = view.distance_cm * 10 / focal_px(view.size)
    right, down = np.array(view.off_px) * per_px + dice.uniform(-8, 8, 2)
    return np.array([right, down - down_mm, view.distance_cm * 10, lean * math.cos(axis), lean * math.sin(axis), roll])


def _lay_finely(frame: Frame, sheet: Frame, place: Matrix) -> None:
    """Draws at three times the size, in the part of the frame where the sheet is: edges fall between pixels."""
    high, wide = np.array(sheet.shape) / PX_PER_MM / 2
    corners = np.array(
        [_project(place, corner) for corner in ((-wide, -high), (wide, -high), (wide, high), (-wide, high))]
    )
    left, top = np.maximum(np.floor(corners.min(axis=0)) - 2, 0).astype(int)
    right, bottom = np.minimum(np.ceil(corners.max(axis=0)) + 2, (frame.shape[1], frame.shape[0])).astype(int)
    part = frame[top:bottom, left:right]
    fine = np.asarray(cv2.resize(part, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST), np.uint8)
    to_fine = np.array([[3, 0, 1 - 3 * left], [0, 3, 1 - 3 * top], [0, 0, 1]])
    lay(fine, sheet, PX_PER_MM, to_fine @ place)
    part[:] = cv2.resize(fine, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_AREA)


def _project(place: Matrix, point_mm: tuple[float, float]) -> tuple[float, float]:
    x, y, w = place @ np.array([*point_mm, 1.0])
    return float(x / w), float(y / w)


def _glare(view: View, middle: tuple[float, float], dice: np.random.Generator) -> _Light:
    """A lamp's reflection on a glossy card: a bright ellipse over part of the code, soft at its edge."""
    side = view.module_px * MODULES
    area = view.glare * side * side
    stretch = dice.uniform(1, 2.5)
    half = math.sqrt(area / math.pi)
    axes = (half * math.sqrt(stretch), half / math.sqrt(stretch))
    aside = dice.uniform(-0.35, 0.35, 2) * side
    spot = np.zeros((view.size[1], view.size[0]), np.float32)
    where = (round(middle[0] + aside[0]), round(middle[1] + aside[1]))
    cv2.ellipse(spot, where, (round(axes[0]), round(axes[1])), dice.uniform(0, 180), 0, 360, (260.0,), -1)
    return np.asarray(cv2.GaussianBlur(spot, (0, 0), max(1.5, half * 0.25)), np.float32)


def _smeared(light: _Light, view: View) -> _Light:
    if view.motion_px > 0.3:
        light = np.asarray(cv2.filter2D(light, -1, line(view.motion_px, view.motion_deg)), np.float32)
    if view.defocus_px > 0:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), view.defocus_px), np.float32)
    return light


def line(length: float, degrees: float) -> _Light:
    """The kernel of an even movement over so many pixels."""
    half = math.ceil(length / 2) + 1
    fine, size = 8, 2 * half + 1
    kernel = np.zeros((size * fine, size * fine), np.float32)
    middle, turn = size * fine / 2 - 0.5, math.radians(degrees)
    for along in np.linspace(-length / 2, length / 2, 16 * size):
        x, y = middle + along * fine * math.cos(turn), middle + along * fine * math.sin(turn)
        kernel[round(y), round(x)] += 1
    small = np.asarray(cv2.resize(kernel, (size, size), interpolation=cv2.INTER_AREA), np.float32)
    return small / float(small.sum())


def _through_jpeg(grey: Frame, quality: int) -> Frame:
    if not quality:
        return grey
    good, packed = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert good
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
