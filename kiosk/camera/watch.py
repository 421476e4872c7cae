"""Whether a device still sees: frames that stop, that repeat themselves, or that are black, are noticed in two seconds.

Pure. Must not be asked about what is replayed: a film may stand still, a sensor never does, as it has noise.
"""

from __future__ import annotations

import numpy as np

from kiosk.camera import Frame

BLIND_MS = 1800
OPENING_MS = 5000
STEP = 8
BLACK_MEAN, BLACK_DEVIATION = 2.0, 1.0

SILENT = "the camera's driver gives no frames; check its cable"
STUCK = "the camera shows the same picture over and over; check its cable"
COVERED = "the camera sees only black: its lens is covered, or there is no light"


class Watch:
    """One opening of a device, from ``now_ms`` on."""

    def __init__(self, now_ms: int) -> None:
        self._opened_ms = now_ms
        self._seen_ms: int | None = None
        self._changed_ms = self._lit_ms = now_ms
        self._before: Frame | None = None
        self._changed = False
        self.lit = False
        self.proven_ms: int | None = None
        """Since when this opening is known to see: two frames have differed and one was not black."""

    def see(self, frame: Frame, now_ms: int) -> None:
        """Takes a frame. Looks at every eighth point of every eighth row: a mean of more would hide the noise."""
        points = frame[::STEP, ::STEP].copy()
        if self._before is None:
            self._changed_ms = self._lit_ms = now_ms
        elif not np.array_equal(points, self._before):
            self._changed_ms, self._changed = now_ms, True
        if points.mean() >= BLACK_MEAN or points.std() >= BLACK_DEVIATION:
            self._lit_ms, self.lit = now_ms, True
        self._before, self._seen_ms = points, now_ms
        if self.proven_ms is None and self._changed and self.lit:
            self.proven_ms = now_ms

    def trouble(self, now_ms: int) -> str:
        """What is wrong by now, in words for a steward; "" if nothing is."""
        if self._seen_ms is None:
            return SILENT if now_ms - self._opened_ms > OPENING_MS else ""
        if now_ms - self._seen_ms > BLIND_MS:
            return SILENT
        if now_ms - self._lit_ms > BLIND_MS:
            return COVERED
        return STUCK if now_ms - self._changed_ms > BLIND_MS else ""
