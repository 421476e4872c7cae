"""The way through the door: opened for a passage that is on the disk, and what is written if nobody takes it.

Knows neither pins nor badges: a barrier is passed in, and what may be written is :mod:`kiosk.stewarding`'s.
"""

from __future__ import annotations

from typing import Protocol

from kiosk.standing import Standing
from kiosk.stewarding import Stewarding

UNWRITTEN = 0
"""In place of a passage's number: an exit that could not be written. Everybody gets out."""


class Barrier(Protocol):
    """What keeps the way shut until somebody may pass: a turnstile, a door's latch."""

    @property
    def trouble(self) -> str:
        """What is wrong with it, for staff; "" if nothing is."""

    def open(self, seq: int) -> None:
        """Lets one body through for passage ``seq``. Returns at once."""

    def undone(self) -> int | None:
        """A passage for which nobody went through after all: each once."""


class Way:
    """One door's way, behind its barrier."""

    def __init__(self, barrier: Barrier, stewarding: Stewarding, standing: Standing) -> None:
        self._barrier, self._stewarding, self._standing = barrier, stewarding, standing
        self._stuck: int | None = None

    @property
    def trouble(self) -> str:
        """What is wrong with the barrier, for staff; "" if nothing is."""
        return self._barrier.trouble

    def open(self, seq: int) -> None:
        """Opens for one body. To be called only when passage ``seq`` is on the disk, or for UNWRITTEN."""
        self._barrier.open(seq)

    def take_back(self) -> int:
        """The passage for which nobody went through after all, if that was written now; 0 if there is none.

        Raises DiskError; it is then tried again.
        """
        self._stuck = self._barrier.undone() if self._stuck is None else self._stuck
        seq, site = self._stuck, self._standing.site
        if seq is None or site is None:
            return 0
        written = seq != UNWRITTEN and self._stewarding.take_back(seq, site)
        self._stuck = None
        return seq if written else 0
