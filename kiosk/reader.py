"""From a grey frame to the texts in it. No I/O.

Simple now: zbar, told to look for QR codes only. Badges are alphanumeric, so zbar's guesses at text encodings cannot
touch them; texts of other codes are only ever counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from pyzbar.pyzbar import ZBarSymbol, decode

from admission.badge import PREFIX

Frame = NDArray[np.uint8]
"""Grey, height x width."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that was read, and the middle of its code in pixels."""

    text: str
    x: float
    y: float


class Glance:
    """Whether a frame deserves to be read: something in it has changed, or four frames were passed over.

    A Pi looks at an empty door all day; zbar takes many times longer to find nothing than this takes to see that
    nothing came. A code held up is seen at once, as it moves into view; one that was there before within five frames.
    """

    CELLS = (80, 45)
    STEP = 6
    PASSED_OVER = 4

    def __init__(self) -> None:
        self._before: Frame | None = None
        self._passed = 0
        self._awake = 0

    def deserves(self, frame: Frame) -> bool:
        """True to read the frame. Compares it with the one before, in cells of about 16 x 16 pixels."""
        cells = np.asarray(cv2.resize(frame, self.CELLS, interpolation=cv2.INTER_AREA), np.uint8)
        before, self._before = self._before, cells
        moved = before is None or int(cv2.absdiff(cells, before).max()) >= self.STEP
        self._awake = 2 * self.PASSED_OVER if moved else max(0, self._awake - 1)
        if self._awake or self._passed >= self.PASSED_OVER:
            self._passed = 0
            return True
        self._passed += 1
        return False


class Reader(Protocol):
    """Finds the codes in a frame."""

    def read(self, frame: Frame) -> list[Reading]:
        """Everything that was read, badges of ours first, nearest the middle first. Never raises for any frame."""


class ZbarReader:
    """pyzbar on the frame as it is."""

    def read(self, frame: Frame) -> list[Reading]:
        """See Reader."""
        if frame.size == 0 or min(frame.shape[:2]) < 21:  # a QR code has at least 21 modules
            return []
        found = [
            Reading(
                code.data.decode("utf-8", "replace"),
                code.rect.left + code.rect.width / 2,
                code.rect.top + code.rect.height / 2,
            )
            for code in decode(frame, symbols=[ZBarSymbol.QRCODE])
        ]
        middle_y, middle_x = frame.shape[0] / 2, frame.shape[1] / 2

        def order(reading: Reading) -> tuple[bool, float]:
            away = (reading.x - middle_x) ** 2 + (reading.y - middle_y) ** 2
            return not reading.text.startswith(PREFIX), away

        return sorted(found, key=order)
