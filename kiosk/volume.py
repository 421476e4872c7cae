"""How loud the door is at this moment: the settings' volume or what a steward has chosen since, and silence at night.

Knows neither sounds nor pages. What a steward has chosen is on the disk and outlives a restart.
"""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.clock import Clock
from kiosk.disk import Disk
from kiosk.face.sound import Span, silent
from kiosk.standing import Standing

FACT = "volume"
STEP = 10


class Volume:
    """One kiosk's. ``usual``: from 0 to 100, as the settings say; ``quiet``: the hours of the venue's day in which the
    door says nothing."""

    def __init__(self, usual: int, quiet: Sequence[Span], disk: Disk, standing: Standing, clock: Clock) -> None:
        self._quiet, self._disk, self._standing, self._clock = quiet, disk, standing, clock
        kept = disk.fact(FACT)
        self._level = int(kept) if kept is not None else usual

    @property
    def level(self) -> int:
        """What is chosen, 0 to 100."""
        return self._level

    def change(self, steps: int) -> int:
        """Louder or softer by so many steps of ten; what it is then. Raises DiskError, and then nothing has changed."""
        level = max(0, min(100, self._level + steps * STEP))
        with self._disk.held, self._disk.transaction():
            self._disk.set_fact(FACT, str(level))
        self._level = level
        return level

    def now(self) -> int:
        """What is heard now: nothing in silent hours. Without a clock nobody knows that it is night."""
        now, site = self._clock.now(), self._standing.site
        if now is None or site is None:
            return self._level
        return 0 if silent(now.astimezone(site.zone).time(), self._quiet) else self._level
