"""How many frames a second are worth their work: few before an empty door, all of them once something moves.

Pure. Must not know what moves, nor which camera it is for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kiosk.camera import Clock

AWAKE_MS = 3000
EARLY = 4


class Pace:
    """Noted by the loop at the gate, asked by the thread of the camera. Awake until it is told that nothing moves."""

    def __init__(self, fps: int = 30, idle_fps: int = 10) -> None:
        self._awake_ms = 1000 // fps
        self._idle_ms = 1000 // idle_fps
        self._until: int | None = None

    def note(self, moved: bool, now_ms: int) -> None:
        """Something moved or was held up at this instant, or nothing did."""
        if moved or self._until is None:
            self._until = now_ms + AWAKE_MS

    def interval_ms(self, now_ms: int) -> int:
        """The wanted time from one frame to the next."""
        return self._awake_ms if self._until is None or now_ms < self._until else self._idle_ms

    def due(self, before_ms: int, now_ms: int) -> bool:
        """Whether a frame taken now is wanted after one taken then. One that is early by a quarter is: cameras are
        not that regular, and one that is passed over costs a whole frame."""
        interval = self.interval_ms(now_ms)
        return now_ms - before_ms >= interval - interval // EARLY


@dataclass(frozen=True, slots=True)
class Look:
    """What a device is looked at with; ``tell`` is told at each opening what the driver refused, in words ("": nothing,
    and it may be told the same as before)."""

    clock: Clock
    pace: Pace
    tell: Callable[[str], object]
