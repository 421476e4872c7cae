"""Many frames of one held-up badge are one presentation. Pure: readings and times in, presentations out.

A presentation ends when its code has been out of sight for 1.5 s. Of several badges in view the one nearest the middle
begins; another has its turn when that one is gone, or when it is held nearer, and never before the first one's answer
could be seen, so that the decision does not flip between two. Codes that are not ours never come before a badge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from admission.badge import PREFIX
from kiosk.reader.sight import Reading

UNSEEN_MS = 1500
GONE_MS = 400
"""A badge that is not seen for so long makes room for another, though its presentation has not ended."""
ANSWER_MS = 1200
"""So long an answer stands before another badge in view has its turn."""
YIELD_MS = 5000
"""A badge that stays in view no longer keeps others from theirs after this; it may have been left lying there."""
NEARER = 1.3
"""Another code is held nearer if it is so many times as large."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """Whose badge was the last to begin, and how large its code is."""

    text: str
    since_ms: int
    side: float


class Presentations:
    """Remembers which codes are in view, and whose turn it is."""

    def __init__(self) -> None:
        self._last_seen: dict[str, int] = {}
        self._turn: _Turn | None = None

    def see(self, readings: Sequence[Reading], at_ms: int) -> str | None:
        """The text whose presentation begins with this frame, or None; at most one begins at a time.

        ``readings``: badges first, nearest the middle first.
        """
        self._last_seen = {text: seen for text, seen in self._last_seen.items() if at_ms - seen < UNSEEN_MS}
        if self._turn is not None and self._turn.text not in self._last_seen:
            self._turn = None
        texts = [one.text for one in readings]
        begun = next((one for at, one in enumerate(readings) if self._may_begin(one, texts[:at], at_ms)), None)
        self._last_seen.update((text, at_ms) for text in texts if text in self._last_seen)
        if begun is None:
            return None
        self._last_seen[begun.text] = at_ms
        if _is_badge(begun):
            self._turn = _Turn(begun.text, at_ms, _side(begun))
        return begun.text

    def _may_begin(self, one: Reading, before: Sequence[str], at_ms: int) -> bool:
        """``before``: what is in view and comes before it; badges come before all else."""
        if one.text in self._last_seen or (not _is_badge(one) and any(text.startswith(PREFIX) for text in before)):
            return False
        turn = self._turn
        if turn is None or at_ms - self._last_seen[turn.text] >= GONE_MS:
            return True
        if not _is_badge(one):
            return False
        nearer = turn.text not in before or _side(one) > NEARER * turn.side
        return at_ms - turn.since_ms >= (ANSWER_MS if nearer else YIELD_MS)

    @property
    def idle(self) -> bool:
        """Whether nothing is being presented."""
        return not self._last_seen

    def shows(self, text: str) -> bool:
        """Whether the text's presentation has not ended."""
        return text in self._last_seen


def _is_badge(one: Reading) -> bool:
    return one.text.startswith(PREFIX)


def _side(one: Reading) -> float:
    return one.quad.side if one.quad is not None else 0.0
