"""Where a steward is in the corner, as one view after the other; waited for by whoever shows it.

Shuts itself after a while. Knows the stages, and nothing of what is done in them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from kiosk.stages import Note, Stage, View

IDLE_MS = 60_000
BECKON_MS = 20_000
"""Anybody can open the corner: for so long the next badge is taken for a steward's."""


class Position:
    """``moved`` is to be held by whoever goes on. ``shut`` is called, with it held, whenever the steward is to be
    forgotten; ``now_ms``: of this boot."""

    def __init__(self, now_ms: Callable[[], int], shut: Callable[[], None]) -> None:
        self._now_ms, self._shut = now_ms, shut
        self.moved = threading.Condition(threading.RLock())
        self._view = View(0, Stage.CLOSED)
        self._since = 0

    @property
    def view(self) -> View:
        """What is shown now."""
        with self.moved:
            self._expire()
            return self._view

    @property
    def stage(self) -> Stage:
        """Where the steward is now."""
        return self.view.stage

    def await_change(self, number: int, patience_s: float) -> View:
        """What is shown as soon as that is no longer view ``number``, or after so long."""
        with self.moved:
            self.moved.wait_for(lambda: self._view.number != number, patience_s)
        return self.view

    def go(self, view: View) -> None:
        """Shows this from now on; its number is given here."""
        if view.stage in (Stage.CLOSED, Stage.BADGE, Stage.LOCKED):
            self._shut()
        self._view = replace(view, number=self._view.number + 1)
        self._since = self._now_ms()
        self.moved.notify_all()

    def note(self, note: Note) -> None:
        """Says something and stays; the time that is left stays, too."""
        self._view = replace(self._view, number=self._view.number + 1, note=note)
        self.moved.notify_all()

    def _expire(self) -> None:
        """Nobody need remember to shut it."""
        if self._view.stage is Stage.CLOSED:
            return
        patience = BECKON_MS if self._view.stage is Stage.BADGE else IDLE_MS
        if self._now_ms() - self._since >= patience:
            self.go(View(0, Stage.CLOSED))
