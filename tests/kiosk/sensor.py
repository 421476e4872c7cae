"""A camera for tests: a frame when it is told to, on a clock that stands still unless it is moved."""

from __future__ import annotations

import queue
import threading

import numpy as np

from kiosk.camera import Away, CameraAway, Frame, Shot, Shots

PATIENCE_S = 20
BLACK = np.zeros((48, 64), np.uint8)


def frame(number: int) -> Frame:
    """A frame that differs from the one before, and tells its number."""
    return np.full((48, 64), 50 + number % 200, np.uint8)


def number_of(shot: Shot | Away) -> int:
    """The number of such a frame."""
    assert isinstance(shot, Shot)
    return int(shot.frame[0, 0]) - 50


class Clock:
    """Stands still unless it is moved; ``hurry``: and moves by so much whenever it is looked at."""

    def __init__(self, hurry: int = 0) -> None:
        self.now, self._hurry = 1_000_000, hurry

    def __call__(self) -> int:
        self.now += self._hurry
        return self.now


class Sensor:
    """Gives a frame when it is told to; ``show`` returns when the frame has been put in its place."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._orders: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._progress = threading.Condition()
        self._ordered = self._put = 0
        self.closed = threading.Event()
        self.opened = 0

    def shots(self) -> Shots:
        """One opening."""
        self.opened += 1
        try:
            while (seen := self._orders.get()) is not None:
                yield Shot(seen, self._clock.now)
                with self._progress:
                    self._put += 1
                    self._progress.notify()
            raise CameraAway("the cable was pulled")
        finally:
            self.closed.set()

    def show(self, seen: Frame, after_ms: int = 0) -> None:
        """The next frame."""
        self._clock.now += after_ms
        self.order(seen)
        with self._progress:
            assert self._progress.wait_for(lambda: self._put == self._ordered, PATIENCE_S)

    def order(self, seen: Frame | None) -> None:
        """The next frame, or the end, some time soon."""
        self._ordered += seen is not None
        self._orders.put(seen)
