"""From a grey frame to the texts in it. No I/O.

Simple now: zbar, told to look for QR codes only. Badges are alphanumeric, so zbar's guesses at text encodings cannot
touch them; texts of other codes are only ever counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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
