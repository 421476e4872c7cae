"""Where something like a code has been looked at in vain, and how often: posters and shirts must not keep a Pi hot.

Knows places and counts, no pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kiosk.reader.sight import Quad, Suspect

UNSEEN_MS = 3000
_SAME = 0.5
_MOST = 16


@dataclass(slots=True)
class _Place:
    quad: Quad
    looks: int
    at_ms: int


class Places:
    """Remembers them for three seconds after they were seen last."""

    def __init__(self) -> None:
        self._known: list[_Place] = []

    def looks(self, one: Suspect) -> int:
        """How often it has been looked at in vain."""
        place = self._at(one.quad)
        return place.looks if place is not None else 0

    def note(self, suspects: Sequence[Suspect], now_ms: int) -> None:
        """These were looked at in vain."""
        lately = [place for place in self._known if now_ms - place.at_ms <= UNSEEN_MS]
        self._known = sorted(lately, key=lambda place: place.at_ms)[-_MOST:]
        for one in suspects:
            place = self._at(one.quad)
            if place is None:
                self._known.append(_Place(one.quad, 1, now_ms))
            elif place.at_ms != now_ms:
                place.quad, place.looks, place.at_ms = one.quad, place.looks + 1, now_ms

    def _at(self, quad: Quad) -> _Place | None:
        return next((place for place in self._known if same_place(quad, place.quad)), None)


def same_place(one: Quad, other: Quad) -> bool:
    """Whether the middle of one is well within the other, and they are of about the same size."""
    here, there, side, size = one.middle, other.middle, one.side, other.side
    apart = max(abs(here.x - there.x), abs(here.y - there.y))
    return apart < _SAME * max(side, size) and 0.5 < side / max(size, 1e-6) < 2
