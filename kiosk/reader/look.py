"""One frame's account: what there is to spend, what was spent on what, and what came of it.

Must not know stages or what is remembered from frame to frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from admission.badge import is_like_badge
from kiosk.reader.engines import MOST_SUSPECTS
from kiosk.reader.places import same_place
from kiosk.reader.sight import Found, Frame, Reading, Suspect


@dataclass
class Look:
    """``half``: the frame at half its size; ``clock``: CPU ms; ``allowance``: how many of them since ``began``."""

    frame: Frame
    half: Frame
    clock: Callable[[], float]
    began: float
    spent: dict[str, float]
    allowance: float = 0.0
    readings: dict[str, Reading] = field(default_factory=dict)
    suspects: list[Suspect] = field(default_factory=list)
    stage: str = ""

    @property
    def left(self) -> float:
        """CPU ms that may still be spent."""
        return self.allowance - self.cpu_ms

    def take(self, found: Found, stage: str) -> None:
        """Notes what a stage has found; the same text twice is one."""
        for one in found.readings:
            self.readings.setdefault(one.text, one)
        if found.readings and not self.stage:
            self.stage = stage
        for suspect in found.suspects:
            if len(self.suspects) < MOST_SUSPECTS and not self.suspected(suspect):
                self.suspects.append(suspect)

    def suspected(self, one: Suspect) -> bool:
        """Whether it is known already, and taken for the same."""
        return any(one.modules in (0, other.modules) and same_place(one.quad, other.quad) for other in self.suspects)

    def covered(self, one: Suspect) -> bool:
        """Whether it lies where something was read."""
        return any(
            reading.quad is not None and same_place(one.quad, reading.quad) for reading in self.readings.values()
        )

    @property
    def cpu_ms(self) -> float:
        """Spent so far."""
        return self.clock() - self.began

    @property
    def sure(self) -> bool:
        """Whether one of the suspects surely is a code."""
        return any(one.sure for one in self.suspects)

    def ordered(self) -> list[Reading]:
        """Badges of ours first, nearest the middle first."""
        high, wide = self.frame.shape

        def order(reading: Reading) -> tuple[bool, float]:
            away = (reading.x - wide / 2) ** 2 + (reading.y - high / 2) ** 2
            return not is_like_badge(reading.text), away

        return sorted(self.readings.values(), key=order)
