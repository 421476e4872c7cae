"""Adds up what several frames show of one code's modules, until the sum can be read.

Glare wanders, noise averages out, a movement smears another way in each frame: what no frame shows whole, a few may.
Must not know frames, only modules.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kiosk.reader.grid import Modules, decode
from kiosk.reader.sight import Reading

MEMORY_MS = 1000
_FADES = 0.9
_LIKE = 0.25
"""Two codes are alike by 0.0 or so where their modules are their own; frames of one code by far more."""


class Votes:
    """The sum for the code that is being presented."""

    def __init__(self) -> None:
        self._sum: Modules | None = None
        self._at_ms = 0

    def add(self, modules: Modules, now_ms: int) -> Reading | None:
        """What the frames so far show together. Another code than before, or a second without any, begins anew."""
        before, late = self._sum, now_ms - self._at_ms > MEMORY_MS
        self._at_ms = now_ms
        if before is None or late or before.shape != modules.shape or _likeness(before, modules) < _LIKE:
            self._sum = modules.copy()
            return None
        self._sum = np.asarray(before * _FADES + modules, np.float32)
        return decode(np.asarray(self._sum / max(1.0, float(np.abs(self._sum).max())), np.float32))

    def forget(self) -> None:
        """The code was read."""
        self._sum = None


def _likeness(one: Modules, other: Modules) -> float:
    """From -1 to 1: whether they are pictures of the same code."""
    own = _own(one.shape[0])
    first, second = one[own], other[own]
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float((first * second).sum()) / size if size else 0.0


@lru_cache(maxsize=8)
def _own(count: int) -> NDArray[np.bool_]:
    """The modules that are not the same in every code of a size: all but finder patterns and timing."""
    own = np.ones((count, count), bool)
    own[:9, :9] = own[:9, -8:] = own[-8:, :9] = own[6] = own[:, 6] = False
    return own
