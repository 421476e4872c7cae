"""When advice to whoever holds a badge is shown: once it has stood for a moment, and not for ever.

Where an engine is sure that there is a code, a third of a second is enough. Elsewhere it may be a shirt or a poster:
that takes longer, and is over after some seconds, until nothing was advised for a while. Pure: advice and times in,
what to show out.
"""

from __future__ import annotations

from kiosk.reader.sight import Advice

FLICKER_MS = 350
STEADY_MS = {True: 350, False: 900}
MOST_MS = {True: 30_000, False: 4000}
QUIET_MS = 3000


class Hints:
    """One door's. A frame without advice takes nothing back at once: reading flickers."""

    def __init__(self) -> None:
        self._advice: Advice | None = None
        self._since = self._seen = self._began = -(10**9)

    def hear(self, advice: Advice | None, now_ms: int, *, sure: bool) -> Advice | None:
        """What to show now; None for nothing."""
        if now_ms - self._seen > QUIET_MS:
            self._began = now_ms
        if now_ms - self._seen > FLICKER_MS:
            self._advice = None
        if advice is not None:
            if advice is not self._advice:
                self._advice, self._since = advice, now_ms
            self._seen = now_ms
        if self._advice is None or now_ms - self._began > MOST_MS[sure]:
            return None
        return self._advice if now_ms - self._since >= STEADY_MS[sure] else None
