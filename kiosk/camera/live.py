"""The newest frame always wins: a thread drains a live camera into a place for one frame, and nobody reads a backlog.

Must not know what gives the frames, nor what becomes of them. Whoever is slow misses frames, and is never handed one
that is older than a tenth of a second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

from kiosk.camera import Away, CameraAway, Clock, Shot, Shots
from kiosk.camera.watch import BLIND_MS, COVERED, Watch

log = logging.getLogger(__name__)

OLDEST_MS = 100
POLL_S = 0.05
TOLD_MS = 1000
LETTING_GO_S = 0.5
LEFT_BEHIND = 3

LATE = "the camera's frames come too late to be decided on; is this computer overloaded?"
HANGS = "the camera's driver hangs; unplug the camera and plug it in again, or restart this computer"


class Live:
    """Drains one opening after another. Remembers the threads that a driver did not let go of: there are at most three,
    and no opening until one of them is back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left: list[threading.Thread] = []

    def newest(self, opening: Callable[[], Shots], watched: bool) -> Iterator[Shot | Away]:
        """Opens in a thread; each shot is the newest, was not handed out before, and is at most OLDEST_MS old.

        ``watched``: it is a sensor, whose frames never cease or repeat themselves. None is handed out before it is
        known to see, and CameraAway is raised within two seconds if it no longer does; a lens that is covered from
        the beginning makes it Away, about once a second, until it is not. Raises also what the opening raises.
        """
        self._left = [thread for thread in self._left if thread.is_alive()]
        if len(self._left) >= LEFT_BEHIND:
            raise CameraAway(HANGS)
        place = _Place(opening, self._clock, watched)
        thread = threading.Thread(target=place.drain, name="camera", daemon=True)
        thread.start()
        try:
            while True:
                yield place.take()
        finally:
            place.stop()
            thread.join(LETTING_GO_S)  # most drivers cannot be opened a second time
            if thread.is_alive():
                self._left.append(thread)


class _Place:
    """Room for one shot, between the thread that drains and whoever takes."""

    def __init__(self, opening: Callable[[], Shots], clock: Clock, watched: bool) -> None:
        self._opening = opening
        self._clock = clock
        self._watch = Watch(clock()) if watched else None
        self._news = threading.Condition()
        self._newest: Shot | None = None
        self._end: Exception | None = None
        self._stopped = False
        self._told_ms: int | None = None

    def drain(self) -> None:
        """What the thread does: puts each shot in the place of the one before, until it is stopped."""
        end: Exception = CameraAway("the camera gives no more frames")
        try:
            with closing(self._opening()) as shots:
                for shot in shots:
                    if not self._put(shot):
                        return
        except (CameraAway, OSError) as error:
            end = error  # raised again where the shots are taken
        except Exception as error:  # a driver's error of any kind is a camera that is away, not a kiosk that ends
            log.exception("the camera failed")
            end = CameraAway(f"the camera failed ({type(error).__name__}); unplug it and plug it in again")
        with self._news:
            self._end = end
            self._news.notify()

    def take(self) -> Shot | Away:
        """Waits for what comes next. Raises CameraAway, and what the camera raised."""
        asked = self._clock()
        with self._news:
            while True:
                now = self._clock()
                if (away := self._blind(now)) is not None:  # before any shot: one that repeats itself is fresh, too
                    return away
                shot, self._newest = self._newest, None
                if shot is not None and now - shot.taken_ms <= OLDEST_MS:
                    return shot
                if self._end is not None:
                    raise self._end
                self._check_late(asked, now)
                self._news.wait(POLL_S)

    def stop(self) -> None:
        """Nobody takes any more: the thread closes the camera at its next frame."""
        with self._news:
            self._stopped, self._newest = True, None

    def _put(self, shot: Shot) -> bool:
        with self._news:
            if self._watch is not None:
                self._watch.see(shot.frame, self._clock())
            if self._watch is None or self._watch.proven_ms is not None:
                self._newest = shot
                self._news.notify()
            return not self._stopped

    def _blind(self, now: int) -> Away | None:
        if self._watch is None or self._end is not None:  # how it ended is the better word
            return None
        why = self._watch.trouble(now)
        if why == COVERED and not self._watch.lit:  # to open it again would not take the cover off
            if self._told_ms is not None and now - self._told_ms < TOLD_MS:
                return None
            self._told_ms = now
            return Away(why)
        if why:
            raise CameraAway(why)
        return None

    def _check_late(self, asked: int, now: int) -> None:
        seeing = self._watch.proven_ms if self._watch is not None else None
        if seeing is not None and now - max(asked, seeing) > BLIND_MS:
            raise CameraAway(LATE)
