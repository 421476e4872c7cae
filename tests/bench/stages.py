"""A stop watch for one presentation, and the kiosk's parts with it around them.

Knows nothing of frames, films or processes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from admission.badge import Badge
from admission.wire import Whereabouts
from kiosk.doorkeeper import Decision, Doorkeeper
from kiosk.face import Shown, Status
from kiosk.reader import Frame, Sight
from kiosk.site import Site
from kiosk.uplink import Uplink
from tests.eyes import new_eye

READING, ASKING, DECIDING, REST = "reading", "asking", "deciding and committing", "all the rest"
PARTS = (READING, ASKING, DECIDING, REST)


class Watch:
    """Runs from ``begin`` to the welcome; keeps each presentation's time, in all and by part."""

    def __init__(self) -> None:
        self._began = (0.0, 0.0)
        self.early = False
        """Whether there was a welcome before the watch began: the badge was read before it was thought readable."""
        self._cpu: list[float] = []
        self._parts: dict[str, float] | None = None
        self._kept: list[tuple[float, dict[str, float]]] = []

    def begin(self) -> None:
        """The first readable frame is handed over now."""
        if self.early:
            return
        self._parts = dict.fromkeys(PARTS, 0.0)
        self._began = time.perf_counter(), time.thread_time()

    def stop(self) -> None:
        """The welcome is shown now; a watch that does not run stays as it is."""
        if self._parts is not None:
            began, spent = self._began
            total = (time.perf_counter() - began) * 1000
            self._cpu.append((time.thread_time() - spent) * 1000)
            self._parts[REST] = total - sum(self._parts.values())
            self._kept.append((total, self._parts))
            self._parts = None
        else:
            self.early = True

    def clear(self) -> None:
        """Forgets what was kept."""
        self._kept.clear()
        self._cpu.clear()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Counts the block's time as a part's."""
        began = time.perf_counter()
        try:
            yield
        finally:
            if self._parts is not None:
                self._parts[name] += (time.perf_counter() - began) * 1000

    def totals(self) -> list[float]:
        """Milliseconds of every presentation that ended in a welcome."""
        return [total for total, _ in self._kept]

    def cpu(self) -> list[float]:
        """Of those, how many the gate's thread ran: free of whatever else the machine does."""
        return list(self._cpu)

    def of(self, part: str) -> list[float]:
        """Milliseconds of one part in each of them."""
        return [parts[part] for _, parts in self._kept]


class RecordingFace:
    """Stops the watch at a welcome."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def show(self, shown: Shown) -> None:
        """See Face."""
        if shown.state == "welcome":
            self._watch.stop()

    def report(self, status: Status) -> None:
        """See Face."""


class TimedReader:
    """The kiosk's reader."""

    def __init__(self, watch: Watch) -> None:
        self._reader = new_eye()
        self._reader.warm_up()
        self._watch = watch

    def look(self, frame: Frame, now_ms: int, *, insist: bool = False) -> Sight:
        """See Reader."""
        with self._watch.part(READING):
            return self._reader.look(frame, now_ms, insist=insist)


class TimedUplink(Uplink):
    """The kiosk's uplink; its watch is set after it was made."""

    watch: Watch

    def ask(self, badge: int, room: str) -> Whereabouts | None:
        """See Uplink."""
        with self.watch.part(ASKING):
            return super().ask(badge, room)


class TimedDoorkeeper(Doorkeeper):
    """The kiosk's doorkeeper; its watch is set after it was made."""

    watch: Watch

    def judge(self, badge: Badge, site: Site, word: Whereabouts | None, *, link_up: bool) -> Decision:
        """See Doorkeeper."""
        with self.watch.part(DECIDING):
            return super().judge(badge, site, word, link_up=link_up)
