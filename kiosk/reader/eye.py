"""The kiosk's eye: looks at frame after frame, cheaply while nobody is there, harder while something cannot be read.

A frame is glanced at; if it deserves it, read as it is; if that gives nothing, and something in it looks like a code,
looked at closely, stage after stage, within a budget. What one frame has no time for has its turn at the next, and what
was learnt - where the code was, how it was read - is where the next look begins. Engines and clock are passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from kiosk.reader import grid
from kiosk.reader.advice import Appearance, advise, appearance, is_dark
from kiosk.reader.engines import LEAST_SIDE, Engine
from kiosk.reader.glance import Glance, suspects
from kiosk.reader.look import Look
from kiosk.reader.places import Places, same_place
from kiosk.reader.sight import Advice, Found, Frame, Quad, Sight, Suspect, square
from kiosk.reader.stages import CLOSE, FIRST, FIRST_LARGE, SPARE, TRACE, Stage, close_up, placed, zbar_close, zbar_whole
from kiosk.reader.votes import Votes

BUDGET_MS = 25.0
BUDGET_PIXELS = 1280 * 720
"""The budget is for a frame of so many pixels; at first a smaller one gets less of it."""
MEMORY_MS = 1000
WHOLE_EVERY = 4
"""While a badge is read again and again, the whole frame is looked at every so many looks: somebody may join."""
LARGE = 250_000
"""Pixels: a frame of so many is first read at half its size."""
LARGEST_SIDE = 2048
"""Pixels: a larger frame is reduced to it; the smallest badge in it is then still larger than it need be."""
BORED = {False: 12, True: 60}
"""After so many looks in vain at what may be a code (False) or surely is one (True) ..."""
BORED_EVERY = 8
"""... it is looked at harder only so often: a poster must not keep a Pi hot."""
MOVED_MS = 3000
BORED_MS, EMPTY_MS = 3.0, 1.0
TURNS = 4
WEIGH_EVERY = 8
"""A code that is read is measured for the health figures only so often."""
_SURE, _UNSURE, _IMPATIENCE = 0.2, 0.5, 0.25
_MOST_PLACES, _MOST_GUESSES = 2, 4
_GAIN, _FORGETS = 0.3, 0.9
_LITTLE_PX = 96

_Turn = tuple[Stage, Callable[[], Found]]


@dataclass(frozen=True, slots=True)
class _Track:
    """The code that was read last, and the stage that reads it closely."""

    quad: Quad
    modules: int
    stage: Stage
    at_ms: int


class Eye:
    """Reads frames that come one after the other. ``clock``: CPU ms spent so far, of whatever is asked; ``zbar``: the
    engine that lives elsewhere; ``budget_ms``: at most so much for one frame of 1280x720."""

    def __init__(self, clock: Callable[[], float], zbar: Engine, budget_ms: float = BUDGET_MS) -> None:
        self._clock = clock
        self._budget = budget_ms
        self._glance = Glance()
        self._places = Places()
        self._votes = Votes()
        self._track: _Track | None = None
        self._looks = self._turn = self._empty = 0
        self._moved_ms = 0
        self._costs: dict[str, float] = {}
        self._ladder = (*CLOSE, *zbar_close(zbar))
        self._spare = (*SPARE, *zbar_whole(zbar))

    def warm_up(self) -> None:
        """Runs every stage once on nothing, so that the first visitor need not wait for what the first run costs."""
        blank = np.full((96, 96), 128, np.uint8)
        nothing = Suspect(square(20, 20, 76, 76), sure=True)
        for stage in (*FIRST, *self._spare):
            stage.whole(blank, blank)
        for stage in self._ladder:
            close_up(blank, nothing, stage)
        grid.read(blank, nothing)
        suspects(blank)

    def look(self, frame: Frame, now_ms: int, *, insist: bool = False) -> Sight:
        """See Reader."""
        if min(frame.shape[:2], default=0) < LEAST_SIDE:
            return Sight()
        over = max(frame.shape) / LARGEST_SIDE
        if over <= 1:
            return self._look(frame, now_ms, insist)
        size = (max(1, round(frame.shape[1] / over)), max(1, round(frame.shape[0] / over)))
        small = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
        sight = self._look(small, now_ms, insist)
        return replace(sight, readings=placed(Found(sight.readings), (over, over), (0, 0)).readings)

    def _look(self, frame: Frame, now_ms: int, insist: bool) -> Sight:
        began = self._clock()
        glimpse = self._glance.at(frame)
        spent = {"glance": self._clock() - began}
        if not glimpse.deserves and not insist:
            return Sight(light=float(glimpse.half[::8, ::8].mean()))
        look = Look(frame, glimpse.half, self._clock, began, spent)
        self._looks += 1
        track = self._remembered(now_ms)
        if track is None or not self._again(look, track):
            self._whole(look)
            if not look.readings:
                self._harder(look, track)
        self._remember(look, track, now_ms)
        self._moved_ms = now_ms if glimpse.moved else self._moved_ms
        return self._sight(look, moved=glimpse.moved, lately=now_ms - self._moved_ms < MOVED_MS)

    def _again(self, look: Look, track: _Track) -> bool:
        """Looks where the code was, in the way that read it; True if that is enough for this frame."""
        suspect = Suspect(track.quad, track.modules)
        self._run(look, "again", partial(close_up, look.frame, suspect, track.stage))
        return bool(look.readings) and self._looks % WHOLE_EVERY != 0

    def _whole(self, look: Look) -> None:
        for stage in self._first(look):
            self._run(look, stage.name, partial(stage.whole, look.frame, look.half))
            if look.readings:
                return

    def _first(self, look: Look) -> Sequence[Stage]:
        """The stages of every frame; those that find least have their turn now and then while nobody is there."""
        stages = FIRST_LARGE if look.frame.size >= LARGE else FIRST
        return (
            stages if self._empty == 0 or self._looks % TURNS == 0 else stages[:2] if stages is FIRST_LARGE else stages
        )

    def _harder(self, look: Look, track: _Track | None) -> None:
        """What was not read is looked at closely; where nothing looks like a code, the whole frame in other ways."""
        if track is not None:
            look.suspects.insert(0, Suspect(track.quad, track.modules, sure=True))
        if not look.suspects and (self._empty == 0 or self._looks % 2 == 0):
            look.suspects += suspects(look.half)
        fresh = [one for one in look.suspects if self._places.looks(one) <= BORED[one.sure]]
        look.allowance = self._allowance(look, fresh)
        for stage, run in self._turns(look, fresh or look.suspects):
            cost = self._costs.get(stage.name, 0.0)
            if cost > look.left:
                self._costs[stage.name] = cost * _FORGETS  # one slow run must not shut it out for ever
                continue
            self._run(look, stage.name, run)
            if look.readings:
                return

    def _allowance(self, look: Look, fresh: Sequence[Suspect]) -> float:
        """More with every frame in which the same thing was not read; at first less of it for a small frame, and
        least where nobody knows whether it is a code at all."""
        share = min(1.0, look.frame.size / BUDGET_PIXELS)
        if not fresh and (look.suspects or self._empty > 0):
            spare = BORED_MS if look.suspects else EMPTY_MS
            return look.clock() - look.began + spare * share if self._looks % BORED_EVERY == 0 else 0.0
        vain = min((self._places.looks(one) for one in fresh), default=0)
        first = max(share, _SURE) if look.sure else share**3 * _UNSURE
        return self._budget * min(1.0, first + _IMPATIENCE * vain)

    def _turns(self, look: Look, those: Sequence[Suspect]) -> Iterator[_Turn]:
        """Every later stage once, beginning with the one that the last frame had no time for."""
        places, guesses = _places(those), [one for one in those if one.sure][:_MOST_GUESSES]
        todo: list[_Turn] = [
            (stage, self._close(look, one, stage))
            for stage in self._ladder
            for one in (guesses if stage is TRACE else places)
        ]
        todo += [(stage, partial(stage.whole, look.frame, look.half)) for stage in self._spare]
        first = self._turn % len(todo)
        for at in (*range(first, len(todo)), *range(first)):
            if look.left <= 0:
                self._turn = at
                return
            yield todo[at]
        self._turn = 0

    def _close(self, look: Look, suspect: Suspect, stage: Stage) -> Callable[[], Found]:
        if stage is not TRACE:
            return partial(close_up, look.frame, suspect, stage)

        def trace() -> Found:
            read = grid.read(look.frame, suspect, self._votes.add)
            return Found((read,) if read is not None else ())

        return trace

    def _run(self, look: Look, name: str, run: Callable[[], Found]) -> None:
        began = self._clock()
        look.take(run(), name)
        cost = self._clock() - began
        look.spent[name] = look.spent.get(name, 0.0) + cost
        before = self._costs.get(name, cost)
        self._costs[name] = before + _GAIN * (cost - before)

    def _remembered(self, now_ms: int) -> _Track | None:
        if self._track is not None and now_ms - self._track.at_ms > MEMORY_MS:
            self._track = None
            self._votes.forget()
        return self._track

    def _remember(self, look: Look, track: _Track | None, now_ms: int) -> None:
        self._empty = 0 if look.readings or look.suspects else self._empty + 1
        read = next((one for one in look.ordered() if one.quad is not None), None)
        if read is None:
            self._places.note(look.suspects, now_ms)
        elif read.quad is not None:
            close = {stage.name: stage for stage in self._ladder if stage is not TRACE}
            stage = close.get(look.stage) or (track.stage if track is not None and look.stage == "again" else AGAIN)
            self._track = _Track(read.quad, read.modules, stage, now_ms)
            self._votes.forget()

    def _sight(self, look: Look, *, moved: bool, lately: bool) -> Sight:
        readings = tuple(look.ordered())
        looks = self._places.looks(look.suspects[0]) if look.suspects else 0
        appears = self._appearance(look, looks)
        advisable = not readings and appears is not None and looks <= BORED[look.suspects[0].sure]
        advice = advise(appears) if appears is not None and advisable else None
        if not readings and lately and is_dark(look.half):
            advice = Advice.DARK  # somebody came, and nothing can be told apart
        return Sight(
            readings=readings,
            advice=advice,
            spent=tuple(look.spent.items()),
            stage=look.stage,
            light=appears.light if appears is not None else float(look.half[::8, ::8].mean()),
            sharpness=appears.sharpness if appears is not None else None,
            suspect=bool(readings or look.suspects),
            moved=moved,
        )

    def _appearance(self, look: Look, looks: int) -> Appearance | None:
        """Of what was read, now and then; of what was not, from the second look on."""
        if not look.readings:
            return appearance(look.frame, look.suspects[0].quad) if looks > 1 else None
        quad = next((one.quad for one in look.ordered() if one.quad is not None), None)
        weigh = quad is not None and self._looks % WEIGH_EVERY == 0
        return appearance(look.frame, quad, _LITTLE_PX) if quad is not None and weigh else None


AGAIN = next(stage for stage in CLOSE if stage.name == "close-plain")
"""How a code is looked at again that was read in the whole frame."""


def _places(those: Sequence[Suspect]) -> Sequence[Suspect]:
    """One suspect for each place, though there may be several guesses of how many modules it has."""
    places: list[Suspect] = []
    for one in those:
        if not any(same_place(one.quad, other.quad) for other in places):
            places.append(one)
    return places[:_MOST_PLACES]
