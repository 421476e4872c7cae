"""The self-test: what the camera says of itself while the printed target is held up before it.

Fed by whoever has the frames, asked by whoever shows the outcome, from any threads. Keeps figures of a few seconds and
never a frame. Must not know camera, face or network; what the figures mean says :mod:`kiosk.diagnosis`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from admission.findings import Finding
from admission.target import TEXT
from kiosk import diagnosis
from kiosk.diagnosis import Held, Wanted, Watched
from kiosk.reader.sight import Advice, Frame, Sight
from kiosk.sighting import Sighting, sight_target

LASTS_MS = 10_000
"""As long as somebody needs to hold the target up; over as soon as enough has been seen."""
BRIEF_MS = 3000
"""So long the frames are counted, at least; without a target it is all."""
ENOUGH = 5
"""Sightings of the target that are enough."""
EVERY_MS = 200
"""The target is measured only so often: a few milliseconds each time, beside a gate that goes on reading."""
LATE_MS = 2500
"""So long whoever waits goes on waiting for a feeder that stands still."""
_POLL_S = 0.1
_SHARP = 0.25
"""Of the sightings in order of their blur, the one that counts: a hand shakes, a lens out of focus is never sharp."""


@dataclass
class _Notes:
    """Of one test. ``trouble``: why the camera was away last; ``suspects``: looks in which something like a code was
    not read, with the ``advice`` on it."""

    began_ms: int
    with_target: bool
    frames: int = 0
    first_ms: int = 0
    last_ms: int = 0
    measured_ms: int = -EVERY_MS
    size: tuple[int, int] = (0, 0)
    trouble: str = ""
    lights: list[float] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    advice: list[Advice | None] = field(default_factory=list)
    suspects: int = 0
    ended: bool = False

    @property
    def enough(self) -> bool:
        """Whether nothing more is to be learnt."""
        watched = self.frames > 0 and self.last_ms - self.began_ms >= BRIEF_MS
        return watched and (not self.with_target or len(self.sightings) >= ENOUGH)


class SelfTest:
    """One kiosk's. ``more``: findings that its process alone can tell, such as its clock's."""

    def __init__(
        self, now_ms: Callable[[], int], wanted: Wanted, more: Callable[[], Sequence[Finding]] = lambda: ()
    ) -> None:
        """``now_ms``: ms of this boot, as ``see`` is told."""
        self._now_ms, self._wanted, self._more = now_ms, wanted, more
        self._changed = threading.Condition()
        self._notes: _Notes | None = None

    @property
    def on(self) -> bool:
        """Whether one is under way: frames are then wanted fast, and to be looked at even if nothing moves."""
        with self._changed:
            self._expire()
            return self._notes is not None and not self._notes.ended

    def takes(self, text: str) -> bool:
        """Whether what is held up is the target of a test under way, and so no visitor's."""
        return text == TEXT and self.on

    def begin(self, *, with_target: bool = True) -> None:
        """Begins one anew. ``with_target``: it lasts until the target has been seen, LASTS_MS at most."""
        with self._changed:
            self._notes = _Notes(self._now_ms(), with_target)
            self._changed.notify_all()

    def see(self, frame: Frame, sight: Sight, now_ms: int) -> None:
        """Takes a frame and what was read in it; does nothing while no test is on. Never keeps the frame."""
        with self._changed:
            notes = self._notes
            if notes is None or notes.ended:
                return
            notes.first_ms = notes.first_ms if notes.frames else now_ms
            notes.frames, notes.last_ms = notes.frames + 1, now_ms
            notes.size = (frame.shape[1], frame.shape[0])
            due = bool(sight.spent) and now_ms - notes.measured_ms >= EVERY_MS
            notes.measured_ms = now_ms if due else notes.measured_ms
        sighting = _sighting(frame, sight) if due else None  # without the lock: nobody waits for arithmetic
        with self._changed:
            if due:
                _write(notes, sight, sighting)
            self._expire()

    def lose(self, why: str) -> None:
        """There is no frame, because the camera is away."""
        with self._changed:
            if self._notes is not None and not self._notes.ended:
                self._notes.trouble = why
            self._expire()

    def findings(self) -> list[Finding]:
        """What the last test, or the one under way so far, comes to; none before the first."""
        with self._changed:
            self._expire()
            notes = self._notes
            if notes is None:
                return []
            watched, held = _watched(notes), _held(notes)
            with_target = notes.with_target
        found = [diagnosis.camera(watched, self._wanted)]
        if watched.frames and with_target:
            found += diagnosis.target(held)
        if watched.frames and not any(one.topic == "light" for one in found):
            found.append(diagnosis.light(watched))
        return [*found, *self._more()]

    def examine(self, *, with_target: bool = True) -> list[Finding]:
        """Begins a test and waits until it is over, some ten seconds at most."""
        self.begin(with_target=with_target)
        with self._changed:
            while self._notes is not None and not self._notes.ended:
                self._changed.wait(_POLL_S)
                self._expire()
        return self.findings()

    def _expire(self) -> None:
        """Ends a test that has seen enough, or had its time. A camera that is away is worth no more than a brief
        wait; a feeder that stands still, a little more."""
        notes = self._notes
        if notes is None or notes.ended:
            return
        lasted = self._now_ms() - notes.began_ms
        gone = notes.frames == 0 and lasted >= BRIEF_MS + (0 if notes.trouble else LATE_MS)
        brief = not notes.with_target and lasted >= BRIEF_MS + LATE_MS
        if notes.enough or gone or brief or lasted >= LASTS_MS:
            notes.ended = True
            self._changed.notify_all()


def _sighting(frame: Frame, sight: Sight) -> Sighting | None:
    read = next((one for one in sight.readings if one.text == TEXT and one.quad is not None), None)
    return sight_target(frame, read.quad) if read is not None and read.quad is not None else None


def _write(notes: _Notes, sight: Sight, sighting: Sighting | None) -> None:
    """What a look has shown; lists stay short, as a test is."""
    notes.lights.append(sight.light)
    if sighting is not None:
        notes.sightings.append(sighting)
    elif not sight.readings and sight.suspect:
        notes.suspects += 1
        notes.advice.append(sight.advice)


def _watched(notes: _Notes) -> Watched:
    return Watched(
        frames=notes.frames,
        ms=notes.last_ms - notes.first_ms,
        size=notes.size,
        trouble=notes.trouble,
        light=median(notes.lights) if notes.lights else None,
    )


def _held(notes: _Notes) -> Held:
    if not notes.sightings:
        told = [one for one in notes.advice if one is not None]
        usual = max(told, key=told.count, default=None)
        return Held(advice=usual, suspect=notes.suspects >= 2)
    byblur = sorted(notes.sightings, key=lambda one: one.blur_modules)
    sharp = byblur[int(_SHARP * (len(byblur) - 1))]
    middle = {name: median(getattr(one, name) for one in byblur) for name in ("paper", "ink", "glare", "tilt_deg")}
    return Held(sighting=replace(sharp, **middle))
