"""When advice to whoever holds a badge is shown: once it has stood for a moment.

Pure: what the reader advises and times in, what to show out.
"""

from __future__ import annotations

from kiosk.reader.sight import Advice

STEADY_MS = 350


class Hints:
    """One door's. A frame without advice takes nothing back at once: reading flickers."""

    def __init__(self) -> None:
        self._advice: Advice | None = None
        self._since = 0
        self._seen = 0

    def hear(self, advice: Advice | None, now_ms: int) -> Advice | None:
        """What to show now; None for nothing."""
        if now_ms - self._seen > STEADY_MS:
            self._advice = None
        if advice is not None:
            if advice is not self._advice:
                self._advice, self._since = advice, now_ms
            self._seen = now_ms
        steady = self._advice is not None and now_ms - self._since >= STEADY_MS
        return self._advice if steady else None
