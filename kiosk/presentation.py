"""Many frames of one held-up badge are one presentation. Pure: readings and times in, presentations out.

A presentation ends when its code has been out of sight for 1.5 s. Of several badges in view the one nearest the middle
begins; another has its turn once that one's answer has stood for a moment, and it is gone, or the other is held nearer:
so the decision never flips between two. Codes that are not badges are answered only when no badge is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from admission.badge import is_like_badge
from kiosk.reader.sight import Reading

UNSEEN_MS = 1500
GONE_MS, GONE_LOOKS = 200, 3
"""A badge that is not seen for so long, and in so many looks, makes room for another, though its presentation has not
ended: reading flickers."""
ANSWER_MS, AWAY_MS = 1200, 600
"""So long an answer stands before another badge in view has its turn (or after a stranger's, another stranger's); and
if whoever was answered has already taken the badge away."""
STRANGER_MS = 3000
"""So long the answer to a badge stands before a code that is none is answered."""
YIELD_MS = 5000
"""A badge that stays in view no longer keeps others from theirs after this: it may have been left lying there. And so
long a badge that was out of view does not begin again while another has its turn."""
NEARER = 1.3
"""Another code is held nearer if it is so many times as large."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """Whose presentation was the last to begin, and how large its code is; when it was seen last, and how many looks
    have missed it since."""

    text: str
    since_ms: int
    seen_ms: int
    side: float
    missed: int = 0

    @property
    def is_badge(self) -> bool:
        return is_like_badge(self.text)


class Presentations:
    """Remembers which codes are in view, and whose turn it is."""

    def __init__(self) -> None:
        self._last_seen: dict[str, int] = {}
        self._began: dict[str, int] = {}
        self._turn: _Turn | None = None

    def see(self, readings: Sequence[Reading], at_ms: int) -> str | None:
        """The text whose presentation begins with this frame, or None; at most one begins at a time.

        For frames that were looked at. ``readings``: badges first, nearest the middle first.
        """
        self._last_seen = {text: seen for text, seen in self._last_seen.items() if at_ms - seen < UNSEEN_MS}
        self._began = {text: began for text, began in self._began.items() if at_ms - began < YIELD_MS}
        texts = [one.text for one in readings]
        self._last_seen.update((text, at_ms) for text in texts if text in self._last_seen)
        if self._turn is not None and self._turn.text in texts:
            self._turn = replace(self._turn, seen_ms=at_ms, missed=0)
        elif self._turn is not None:
            self._turn = replace(self._turn, missed=self._turn.missed + 1)
        begun = next((one for at, one in enumerate(readings) if self._may_begin(one, texts, at, at_ms)), None)
        if begun is None:
            return None
        self._last_seen[begun.text] = self._began[begun.text] = at_ms
        self._turn = _Turn(begun.text, at_ms, at_ms, _side(begun))
        return begun.text

    def _may_begin(self, one: Reading, texts: Sequence[str], at: int, at_ms: int) -> bool:
        """``texts``: what is in view, of which this is number ``at``."""
        badge, turn = is_like_badge(one.text), self._turn
        if one.text in self._last_seen or (not badge and is_like_badge(texts[0])):
            return False
        if one.text in self._began and self._others(one.text, at_ms):
            return False
        if turn is None or (badge and not turn.is_badge) or turn.text == one.text:
            return True
        held, gone = at_ms - turn.since_ms, at_ms - turn.seen_ms >= GONE_MS and turn.missed >= GONE_LOOKS
        if not badge:
            return gone and held >= (STRANGER_MS if turn.is_badge else ANSWER_MS)
        if gone or held < ANSWER_MS:
            return gone and held >= AWAY_MS
        in_view = turn.text in texts
        nearer = in_view and (turn.text in texts[at:] or _side(one) > NEARER * turn.side)
        return nearer or held >= YIELD_MS

    def _others(self, text: str, at_ms: int) -> bool:
        """Whether another badge is held up meanwhile."""
        return any(
            other != text and at_ms - seen < 3 * GONE_MS and is_like_badge(other)
            for other, seen in self._last_seen.items()
        )

    def forget(self, text: str) -> None:
        """Ends a presentation that could not be decided on: the code begins anew when its turn comes again."""
        self._last_seen.pop(text, None)
        self._began.pop(text, None)

    @property
    def idle(self) -> bool:
        """Whether nothing is being presented."""
        return not self._last_seen

    @property
    def badge_held(self) -> bool:
        """Whether a badge is being presented."""
        return any(is_like_badge(text) for text in self._last_seen)

    def shows(self, text: str) -> bool:
        """Whether the text's presentation has not ended."""
        return text in self._last_seen


def _side(one: Reading) -> float:
    return one.quad.side if one.quad is not None else 0.0
