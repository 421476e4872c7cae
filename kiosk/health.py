"""The kiosk's diary of its own reading: what each frame took and gave, summed up over the last minute.

Written by the gate's thread, read by the uplink's. Keeps counts, times and light of each frame and never a text; must
not know camera or network, how anything is read, or what a code said. No I/O; the clock is passed in.
"""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median

from admission.health import MAX_COUNT, MAX_MS, MAX_TROUBLE, MOST_NAMES, Health, StageHealth
from kiosk.reader.sight import Sight

WINDOW_MS = 60_000
LEAST_MS = 1000
"""Figures of less time say nothing, and are not given."""
MOST_FRAMES = 6000
"""Kept at most: a minute at 100 frames a second. With a faster camera the window gets shorter, not the list longer."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is kept of a frame. ``advice``: given anew with it; ``needed``: the stage that a presentation began with;
    ``waited_ms``: how long it had been in view unread; ``light``: None if it was passed over."""

    at_ms: int
    spent: tuple[tuple[str, float], ...]
    advice: str = ""
    sharpness: float | None = None
    light: float | None = None
    began: bool = False
    needed: str = ""
    waited_ms: int = 0


class Diary:
    """Remembers the last minute of frames. May be written by one thread and read by others."""

    def __init__(self, now_ms: Callable[[], int], version: str = "") -> None:
        """``now_ms``: ms of this boot, as ``note`` is told; ``version``: of the software."""
        self._now_ms = now_ms
        self._version = version
        self._lock = threading.Lock()
        self._entries: deque[_Entry] = deque(maxlen=MOST_FRAMES)
        self._since: int | None = None
        self._unread_since: int | None = None
        self._advice = ""
        self._trouble, self._reopened = "", 0

    def note(self, sight: Sight, *, began: bool, now_ms: int) -> None:
        """Writes down one frame. ``began``: a presentation began with it."""
        # A frame that was passed over says nothing of what is in view: it neither begins nor ends a wait.
        passed_over = not sight.spent and not sight.readings
        entry = _Entry(now_ms, ()) if passed_over else self._looked_at(sight, began, now_ms)
        with self._lock:
            self._since = now_ms if self._since is None else self._since
            self._entries.append(entry)
            self._forget(now_ms)

    def note_camera(self, trouble: str, reopened: int) -> None:
        """The camera's trouble in words (empty: it is well), and how often it was opened again since the start."""
        plain = "".join(sign if sign.isprintable() else " " for sign in trouble)[:MAX_TROUBLE]
        with self._lock:
            self._since = self._now_ms() if self._since is None else self._since
            self._trouble, self._reopened = plain, min(max(reopened, 0), MAX_COUNT)

    def figures(self) -> Health | None:
        """The figures of the last minute; None before it has watched for a second."""
        now = self._now_ms()
        with self._lock:
            if self._since is None or now - self._since < LEAST_MS:
                return None
            self._forget(now)
            full = len(self._entries) == MOST_FRAMES
            begins = self._entries[0].at_ms if full else max(self._since, now - WINDOW_MS)
            entries, trouble, reopened = list(self._entries), self._trouble, self._reopened
        began = [entry for entry in entries if entry.began]
        median_ms, p95_ms = _waits(began)
        advice = Counter(entry.advice for entry in entries if entry.advice)
        return Health(
            seconds=max(1, now - begins) / 1000,
            frames=len(entries),
            looked=sum(1 for entry in entries if entry.light is not None),
            stages=_stages(entries, Counter(entry.needed for entry in began)),
            presentations=len(began),
            first_read_ms_median=median_ms,
            first_read_ms_p95=p95_ms,
            advice=tuple(advice.most_common(MOST_NAMES)),
            sharpness=_middle(entry.sharpness for entry in entries),
            light=_middle(entry.light for entry in entries),
            camera=trouble,
            reopened=reopened,
            version=self._version,
        )

    def _looked_at(self, sight: Sight, began: bool, now_ms: int) -> _Entry:
        unread_since = self._unread_since
        if sight.suspect and not sight.readings:
            self._unread_since = now_ms if unread_since is None else unread_since
        else:  # nothing is there, or what is there has been read
            self._unread_since = None
        advice = "" if sight.advice is None else sight.advice.value
        anew, self._advice = advice != self._advice, advice
        waited = now_ms - unread_since if began and unread_since is not None else 0
        return _Entry(
            at_ms=now_ms,
            spent=tuple((name, min(max(float(ms), 0.0), WINDOW_MS)) for name, ms in sight.spent),
            advice=advice if anew else "",
            sharpness=None if sight.sharpness is None else min(max(float(sight.sharpness), 0.0), 1.0),
            light=min(max(float(sight.light), 0.0), 255.0),
            began=began,
            needed=sight.stage if began else "",
            waited_ms=min(max(waited, 0), WINDOW_MS),
        )

    def _forget(self, now_ms: int) -> None:
        while self._entries and self._entries[0].at_ms <= now_ms - WINDOW_MS:
            self._entries.popleft()


def _stages(entries: Sequence[_Entry], needed: Counter[str]) -> tuple[StageHealth, ...]:
    """The stages by how often they ran: those that every frame goes through first."""
    runs: Counter[str] = Counter()
    ms: dict[str, float] = {}
    for name, took in chain.from_iterable(entry.spent for entry in entries):
        runs[name] += 1
        ms[name] = ms.get(name, 0.0) + took
    return tuple(
        StageHealth(name=name, runs=ran, ms=min(round(ms[name], 3), MAX_MS), needed=needed[name])
        for name, ran in runs.most_common(MOST_NAMES)
    )


def _waits(began: Sequence[_Entry]) -> tuple[float | None, float | None]:
    """How long the middle one took, and how long 95 in 100 took at most."""
    waits = sorted(float(entry.waited_ms) for entry in began)
    return _middle(waits), waits[math.ceil(0.95 * len(waits)) - 1] if waits else None


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(median(known), 3) if known else None
