"""Adds up what several frames show of one code's modules, until the sum can be read.

Glare wanders, noise averages out, a movement smears another way in each frame: what no frame shows whole, a few may.
Must not know frames, only modules.
"""

from __future__ import annotations

import numpy as np

from kiosk.reader.grid import Modules, decode

MOST = 12
_FADES = 0.9
_LIKE = 0.35


class Votes:
    """The sum for the code that is being presented."""

    def __init__(self) -> None:
        self._sum: Modules | None = None
        self._frames = 0

    def add(self, modules: Modules) -> str:
        """The text that the frames so far show together, or "". Another code than before begins anew."""
        if self._sum is None or self._sum.shape != modules.shape or _likeness(self._sum, modules) < _LIKE:
            self._sum, self._frames = modules.copy(), 1
            return ""
        self._sum = np.asarray(self._sum * _FADES + modules, np.float32)
        self._frames = min(MOST, self._frames + 1)
        return decode(np.asarray(self._sum / max(1.0, float(np.abs(self._sum).max())), np.float32))

    def forget(self) -> None:
        """The presentation is over."""
        self._sum, self._frames = None, 0


def _likeness(one: Modules, other: Modules) -> float:
    """From -1 to 1: whether they are pictures of the same code."""
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / size if size else 0.0
