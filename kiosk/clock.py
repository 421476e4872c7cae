"""The kiosk's time: milliseconds since boot, anchored to the server's by exchanges (docs/protocol.md, section 11).

A Pi has no clock of its own that could be trusted; CLOCK_BOOTTIME never jumps. Without an anchor in this boot there
is no ``now``, and the rules then refuse nobody for the time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DRIFT_PER_MS = 1 / 10_000
"""100 ppm: what a cheap crystal may drift."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """At ``boot_ms`` of boot ``boot`` it was ``server_ms`` of Unix time, give or take ``uncertainty_ms``."""

    boot: str
    boot_ms: int
    server_ms: int
    uncertainty_ms: int


class Clock:
    """``boot`` names this boot, ``ms`` counts its milliseconds; both are passed in."""

    def __init__(self, boot: str, ms: Callable[[], int]) -> None:
        self.boot = boot
        self.ms = ms
        self.anchor: Anchor | None = None

    def adopt(self, anchor: Anchor | None) -> None:
        """Takes an anchor that was kept, if it is of this boot."""
        if anchor is not None and anchor.boot == self.boot:
            self.anchor = anchor

    def hear(self, sent_ms: int, server: datetime) -> Anchor:
        """Anchors to the server's time: it was said between ``sent_ms`` of this boot and now.

        The better of the new and the held anchor stays, so that one slow exchange does not make the clock worse.
        """
        heard_ms = self.ms()
        half = max(0, heard_ms - sent_ms) // 2
        fresh = Anchor(self.boot, sent_ms + half, (server - _EPOCH) // timedelta(milliseconds=1), half + 1)
        if self.anchor is None or self._uncertainty(fresh, heard_ms) <= self._uncertainty(self.anchor, heard_ms):
            self.anchor = fresh
        return self.anchor

    def now(self) -> datetime | None:
        """The present instant in UTC, or None without an anchor in this boot."""
        return None if self.anchor is None else self.at(self.ms())

    def at(self, boot_ms: int) -> datetime | None:
        """The instant of a moment of this boot."""
        if self.anchor is None:
            return None
        return _EPOCH + timedelta(milliseconds=self.anchor.server_ms + boot_ms - self.anchor.boot_ms)

    @property
    def uncertainty_ms(self) -> int:
        """How far ``now`` may be off."""
        return 0 if self.anchor is None else self._uncertainty(self.anchor, self.ms())

    @staticmethod
    def _uncertainty(anchor: Anchor, ms: int) -> int:
        return anchor.uncertainty_ms + int(abs(ms - anchor.boot_ms) * DRIFT_PER_MS)
