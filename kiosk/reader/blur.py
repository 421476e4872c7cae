"""Takes blur away: finds how a picture was moved while the shutter was open, and filters that, or a defocus, out again.

Pure, on grey images of about a code's size. Must not know codes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.reader.sight import Frame

Field = NDArray[np.float32]
Spectrum = NDArray[np.float32]
"""Of a real image: rows x (columns / 2 + 1)."""

MOVED = 0.8
"""Evenness below which edges are so much weaker along one direction that it looks like a movement."""
SHORTEST, LONGEST = 3.0, 22.0
"""Pixels: movements that are looked for."""
_PAD = 24
_SENSOR = 0.5  # px, standard deviation: what every lens and pixel adds
_MOVED_NOISE = 0.01
_MOST_PX = 200
_FAINT = 60  # grey levels


def smear(image: Frame) -> tuple[float, float]:
    """(evenness, direction): how strong edges are along the direction in which they are weakest over those across it,
    1 where none is; and that direction in degrees, 0 to 180 from the right downwards.

    By the structure tensor (Bigun and Granlund, 1987): a movement wipes out the edges that lie across it.
    """
    soft = cv2.GaussianBlur(image, (0, 0), 0.7)
    right, down = (np.asarray(cv2.Sobel(soft, cv2.CV_32F, *way, ksize=3), np.float32) for way in ((1, 0), (0, 1)))
    tensor = np.array([[(right * right).mean(), (right * down).mean()], [(right * down).mean(), (down * down).mean()]])
    (least, most), vectors = np.linalg.eigh(tensor)
    direction = math.degrees(math.atan2(vectors[1, 0], vectors[0, 0])) % 180
    return math.sqrt(max(0.0, float(least)) / max(float(most), 1e-6)), direction


def movement(image: Frame, degrees: float) -> float:
    """How many pixels the picture moved in this direction.

    Each edge was drawn out into two ends with the movement between them, of opposite sign: where the picture's
    derivative along the movement is least like itself (Yitzhaky and Kopeika, 1997).
    """
    part = image[: 2 * (image.shape[0] // 2), : 2 * (image.shape[1] // 2)].astype(np.float32)
    part -= cv2.GaussianBlur(part, (0, 0), 8)
    right, down = (cv2.Sobel(part, cv2.CV_32F, *way, ksize=3) for way in ((1, 0), (0, 1)))
    turn = math.radians(degrees)
    across, along = math.cos(turn), math.sin(turn)
    slope = (right * across + down * along) * cv2.createHanningWindow((part.shape[1], part.shape[0]), cv2.CV_32F)
    high, wide = (cv2.getOptimalDFTSize(2 * side) for side in part.shape)
    power = np.abs(np.fft.rfft2(slope, s=(high, wide))) ** 2
    likeness = np.fft.fftshift(np.fft.irfft2(power, s=(high, wide))).astype(np.float32)
    ways = np.arange(SHORTEST, LONGEST, 0.5)
    x, y = wide // 2 + ways * across, high // 2 + ways * along
    line = cv2.remap(likeness, x[None].astype(np.float32), y[None].astype(np.float32), cv2.INTER_LINEAR)
    return float(ways[int(np.argmin(line))])


def unmoved(image: Frame) -> Frame | None:
    """The picture as if it had not moved; None if it does not look as if it had, or shows too little to tell."""
    middle = _middle(image)
    if min(middle.shape) < 2 * LONGEST or int(middle.max()) - int(middle.min()) < _FAINT:
        return None
    evenness, degrees = smear(middle)
    if evenness >= MOVED:
        return None
    length, turn = movement(middle, degrees), math.radians(degrees)

    def moved(down: Field, across: Field) -> Spectrum:
        line = np.sinc(length * (across * math.cos(turn) + down * math.sin(turn)))
        return np.asarray(line * _gaussian(_SENSOR, down, across), np.float32)

    return _filtered(image, moved, _MOVED_NOISE)


def unblurred(sigma: float, noise: float = 0.01) -> Callable[[Frame], Frame | None]:
    """Takes away a defocus of so many pixels (standard deviation). ``noise``: its power over the picture's."""
    return lambda image: _filtered(image, lambda down, across: _gaussian(sigma, down, across), noise)


def _gaussian(sigma: float, down: Field, across: Field) -> Spectrum:
    return np.asarray(np.exp(-2 * np.pi**2 * sigma**2 * (across**2 + down**2)), np.float32)


def _filtered(image: Frame, blur: Callable[[Field, Field], Spectrum], noise: float) -> Frame:
    """Wiener's filter (1949) against a symmetric blur, given by its spectrum over frequencies down and across."""
    high, wide = (cv2.getOptimalDFTSize(side + 2 * _PAD) for side in image.shape)
    below, beyond = high - image.shape[0] - _PAD, wide - image.shape[1] - _PAD
    around = cv2.copyMakeBorder(image, _PAD, below, _PAD, beyond, cv2.BORDER_REFLECT).astype(np.float32)
    spectrum = blur(np.fft.fftfreq(high)[:, None].astype(np.float32), np.fft.rfftfreq(wide)[None].astype(np.float32))
    sharp = np.fft.irfft2(np.fft.rfft2(around) * (spectrum / (spectrum * spectrum + noise)), s=(high, wide))
    inner = sharp[_PAD : _PAD + image.shape[0], _PAD : _PAD + image.shape[1]]
    return np.clip(inner, 0, 255).astype(np.uint8)


def _middle(image: Frame) -> Frame:
    over = [max(0, side - _MOST_PX) // 2 for side in image.shape]
    return np.ascontiguousarray(image[over[0] : over[0] + _MOST_PX, over[1] : over[1] + _MOST_PX])
