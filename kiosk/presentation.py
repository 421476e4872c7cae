"""Many frames of one held-up badge are one presentation. Pure: texts and times in, presentations out.

A presentation ends when its code has been out of sight for 1.5 s; while another one is in view it goes on, so that
the decision never flips between two codes.
"""

from __future__ import annotations

from collections.abc import Sequence

UNSEEN_MS = 1500


class Presentations:
    """Remembers which codes are in view."""

    def __init__(self) -> None:
        self._last_seen: dict[str, int] = {}

    def see(self, texts: Sequence[str], at_ms: int) -> str | None:
        """The text whose presentation begins with this frame, or None. ``texts``: the best candidate first.

        At most one begins at a time; another code in the same frame has its turn in the next.
        """
        self._last_seen = {text: seen for text, seen in self._last_seen.items() if at_ms - seen < UNSEEN_MS}
        begun = None
        for text in texts:
            if text in self._last_seen or begun is None:
                begun = text if text not in self._last_seen and begun is None else begun
                self._last_seen[text] = at_ms
        return begun

    @property
    def idle(self) -> bool:
        """Whether nothing is being presented."""
        return not self._last_seen

    def shows(self, text: str) -> bool:
        """Whether the text's presentation has not ended."""
        return text in self._last_seen
