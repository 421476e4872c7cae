"""What people in the demo's films hold up: badges, phones, copies, torn badges, somebody else's codes.

Draws flat grey pictures at a fixed scale, as if seen from straight ahead in even light. Must not know how a
camera sees them, when they are shown, or what the text in a code means.
"""

import math
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

from deploy.optics import Frame

QUIET_MODULES = 4
QR_MM = 40.0
PX_PER_MM = 5 * 37 / QR_MM  # five pixels to a module of a badge's code, so that its edges are exact

_BADGE_MM = (74.0, 105.0)  # A7 upright
_BADGE_QR_MM = 62.0  # from the top to the middle of its code
_PHONE_MM = (72.0, 150.0)
_PHONE_QR_MM = 46.0
_BAND_MM = 14.0
_FONTS = ("DejaVuSans-Bold.ttf", "NotoSans-Bold.ttf")
_WIDE_FONTS = ("DroidSansFallbackFull.ttf", "NotoSansCJK-Bold.ttc")
_FIRST_WIDE = "\u2e80"  # from here on the code charts are mostly Chinese, Japanese and Korean


class Look(Enum):
    """How a code is shown to the camera."""

    CARD = "card"
    PHONE = "phone"
    COPY = "copy"  # photocopied: grey ink on grey paper, with grain
    DAMAGED = "damaged"  # more of the code is gone than error correction can restore
    FOREIGN = "foreign"  # a leaflet with a code that is not a badge


@dataclass(frozen=True, slots=True)
class Showing:
    """One thing held up once. `colour` is the category band's grey level (0..255), `seconds` how long it is
    held still, without the moments in which it comes and goes."""

    text: str
    look: Look
    name: str
    colour: int
    seconds: float


def picture(showing: Showing, rng: np.random.Generator) -> Frame:
    """The thing held up, seen flat, at `PX_PER_MM`. Raises qrcode's `DataOverflowError` if the text fits no
    code."""
    match showing.look:
        case Look.CARD:
            return _badge(showing)
        case Look.PHONE:
            return _phone(showing)
        case Look.COPY:
            return _copied(_badge(showing), rng)
        case Look.DAMAGED:
            return _damaged(_badge(showing), rng)
        case Look.FOREIGN:
            return _leaflet(showing)


def code(text: str, width_mm: float = QR_MM) -> Frame:
    """The QR code of a text with its quiet zone, at `PX_PER_MM`; `width_mm` is without the quiet zone."""
    modules = _modules(text)
    across = modules.shape[0]
    side = round(width_mm * PX_PER_MM * across / (across - 2 * QUIET_MODULES))
    fine = np.kron(modules, np.full((8, 8), 255, np.uint8))
    return np.asarray(cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


@lru_cache(maxsize=64)
def _modules(text: str) -> Frame:
    """1 where a module is white. Error correction M: at a fixed print size more correction reads worse."""
    qr = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_MODULES)
    qr.add_data(text, optimize=0)  # one segment: alphanumeric if the text allows it
    qr.make(fit=True)
    modules = 1 - np.array(qr.get_matrix(), np.uint8)
    modules.setflags(write=False)
    return modules


def _px(mm: float) -> int:
    return round(mm * PX_PER_MM)


def _sheet(size_mm: tuple[float, float], grey: int) -> Frame:
    return np.full((_px(size_mm[1]), _px(size_mm[0])), grey, np.uint8)


def _place(sheet: Frame, part: Frame, top_mm: float) -> None:
    """Lays a part on a sheet, centred, as much of it as fits."""
    top = _px(top_mm)
    left = max(0, (sheet.shape[1] - part.shape[1]) // 2)
    room = sheet[top : top + part.shape[0], left : left + part.shape[1]]
    room[:] = part[: room.shape[0], : room.shape[1]]


def _badge(showing: Showing) -> Frame:
    sheet = _sheet(_BADGE_MM, 255)
    sheet[: _px(_BAND_MM)] = showing.colour
    _write(sheet, showing.name, _BAND_MM + 9, 7)
    qr = code(showing.text)
    _place(sheet, qr, _BADGE_QR_MM - qr.shape[0] / PX_PER_MM / 2)
    return sheet


def _leaflet(showing: Showing) -> Frame:
    sheet = _sheet(_BADGE_MM, 235)
    _place(sheet, code(showing.text), 6)
    _write(sheet, showing.name, 60, 6)
    for line in range(5):
        _place(sheet, _sheet((50.0 - 3 * line, 1.2), 120), 67 + 4.0 * line)
    return sheet


def _phone(showing: Showing) -> Frame:
    sheet = _sheet(_PHONE_MM, 25)
    screen = _sheet((_PHONE_MM[0] - 5, _PHONE_MM[1] - 12), 255)
    screen[: _px(_BAND_MM)] = showing.colour
    _write(screen, showing.name, 26, 6)
    _place(screen, code(showing.text, _PHONE_QR_MM), 42)
    # A pixel grid near the camera's own pitch beats against it: the moire appears by itself when it is seen.
    rows, columns = np.ogrid[: screen.shape[0], : screen.shape[1]]
    grid = 0.96 + 0.04 * np.cos(rows * 2.2) * np.cos(columns * 2.2)
    _place(sheet, (screen * grid).astype(np.uint8), 6)
    return sheet


def _copied(sheet: Frame, rng: np.random.Generator) -> Frame:
    """A photocopy: ink turns grey, paper too, toner is missing in specks and drifts over the page."""
    noise = rng.normal(0, 30, sheet.shape).astype(np.float32)
    grain = np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.0), np.float32)
    streaks = rng.normal(0, 4, (1, sheet.shape[1])).astype(np.float32)
    copied = 95 + sheet * (105 / 255) + grain + streaks
    return np.asarray(np.clip(copied, 0, 255), np.uint8)


def _damaged(sheet: Frame, rng: np.random.Generator) -> Frame:
    """Tears off or blots out two to three fifths of the code; error correction M restores about a seventh."""
    share = rng.uniform(0.4, 0.6)
    if rng.random() < 0.5:
        middle = (sheet.shape[1] // 2, _px(_BADGE_QR_MM))
        blot = round(math.sqrt(share / math.pi) * _px(QR_MM))
        return np.asarray(cv2.circle(sheet, middle, blot, (45,), cv2.FILLED, cv2.LINE_AA), np.uint8)
    left = sheet.shape[1] // 2 + round((0.5 - share) * _px(QR_MM))
    return sheet[:, :left] if rng.random() < 0.5 else sheet[:, -left:]


def _write(sheet: Frame, text: str, middle_mm: float, height_mm: float) -> None:
    """Writes a line across the middle, smaller if it is too long for the sheet."""
    size = _px(height_mm)
    image = Image.fromarray(sheet)
    pen = ImageDraw.Draw(image)
    wide = any(char >= _FIRST_WIDE for char in text)
    length = pen.textlength(text, _font(wide, size))
    limit = sheet.shape[1] * 0.9
    font = _font(wide, size if length <= limit else max(6, int(size * limit / length)))
    pen.text((sheet.shape[1] / 2, _px(middle_mm)), text, fill=20, font=font, anchor="mm")
    sheet[:] = np.asarray(image)


@lru_cache(maxsize=64)
def _font(wide: bool, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in (*(_WIDE_FONTS if wide else ()), *_FONTS):
        try:
            return ImageFont.truetype(name, size)
        except OSError:  # not on this machine
            continue
    return ImageFont.load_default(size)
