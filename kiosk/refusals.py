"""Refusals are passages too, but at most two per badge, reason and minute: the first at once, the rest as a count."""

from __future__ import annotations

from dataclasses import dataclass

from admission.rules import Why

MINUTE_MS = 60_000


@dataclass(slots=True)
class _Run:
    """A run of the same refusal: when it began (ms of this boot), and how many more came."""

    began: int
    session: str
    more: int = 0


class Refusals:
    """Counts repeated refusals. Pure but for its own memory: what a power cut takes is a count, never a passage."""

    def __init__(self) -> None:
        self._runs: dict[tuple[int, Why], _Run] = {}
        self._ended: list[tuple[int, Why, str, int]] = []

    def note(self, badge: int, why: Why, session: str, at_ms: int) -> bool:
        """True if this refusal is to be written now; otherwise it is counted."""
        run = self._runs.get((badge, why))
        if run is not None and at_ms - run.began < MINUTE_MS:
            run.more += 1
            return False
        self._end(badge, why)
        self._runs[(badge, why)] = _Run(at_ms, session)
        return True

    def due(self, at_ms: int) -> list[tuple[int, Why, str, int]]:
        """(badge, reason, session, count) of the runs whose minute is over and that are to be written as a count."""
        over = [key for key, run in self._runs.items() if at_ms - run.began >= MINUTE_MS]
        for badge, why in over:
            self._end(badge, why)
        ended, self._ended = self._ended, []
        return ended

    def put_back(self, counted: list[tuple[int, Why, str, int]]) -> None:
        """What was due and could not be written stays due."""
        self._ended = counted + self._ended

    def _end(self, badge: int, why: Why) -> None:
        run = self._runs.pop((badge, why), None)
        if run is not None and run.more:
            self._ended.append((badge, why, run.session, run.more))
