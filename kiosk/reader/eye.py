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
from kiosk.reader.advice import advise, appearance, is_dark
from kiosk.reader.engines import LEAST_SIDE, Engine
from kiosk.reader.glance import Glance, suspects
from kiosk.reader.look import Look
from kiosk.reader.places import Places, same_place
from kiosk.reader.sight import Advice, Appearance, Found, Frame, Quad, Sight, Suspect, square
from kiosk.reader.stages import CLOSE, FIRST, FIRST_LARGE, SPARE, TRACE, Stage, close_up, placed, zbar_close, zbar_whole
from kiosk.reader.votes import Votes

BUDGET_MS = 25.0
BUDGET_PIXELS = 1280 * 720
"""The budget is for a frame of so many pixels; at first a smaller one gets less of it."""
MEMORY_MS = 1000
DEEP_MS = 250
"""While codes are read again and again, the whole frame is looked at so often: somebody may join."""
LARGE = 250_000
"""Pixels: a frame of so many is first read at half its size."""
LARGEST_SIDE = 2048
"""Pixels: a larger frame is reduced to it; the smallest badge in it is then still larger than it need be."""
BORED = {False: 12, True: 60}
"""After so many looks in vain at what may be a code (False) or surely is one (True) ..."""
BORED_EVERY = 8
"""... it is looked at harder only so often: a poster must not keep a Pi hot."""
BORED_MS, EMPTY_MS = 3.0, 1.0
"""CPU ms for such a harder look, at a frame of 1280x720: where something is suspected, and where nothing is."""
TURNS = 4
"""While nobody is there, the stages that find least have their turn in one of so many looks."""
MOVED_MS = 3000
"""So long after something has moved somebody is taken to be there."""
ADVISED = {False: 90, True: 300}
"""Looks in vain after which nothing is advised any more."""
WEIGH_EVERY = 8
"""A code that is read is measured for the health figures only so often."""
_SURE, _UNSURE, _IMPATIENCE = 0.2, 0.5, 0.25
_MOST_PLACES, _MOST_GUESSES, _MOST_TRACKS = 2, 4, 4
_GAIN, _FORGETS = 0.3, 0.9
_LITTLE_PX = 96

_Turn = tuple[Stage, Callable[[], Found]]


@dataclass(frozen=True, slots=True)
class _Track:
    """A code that was read lately, and the stage that looks at it again."""

    quad: Quad
    modules: int
    stage: Stage
    at_ms: int


class Eye:
    """Reads frames that come one after the other. ``clock``: CPU ms spent so far, of whatever is asked; ``zbar``: the
    engine that lives elsewhere; ``budget_ms``: for a frame of 1280x720, begun stages are ended but none is begun that
    would go beyond it."""

    def __init__(self, clock: Callable[[], float], zbar: Engine, budget_ms: float = BUDGET_MS) -> None:
        self._clock = clock
        self._budget = budget_ms
        self._glance = Glance()
        self._places = Places()
        self._votes = Votes()
        self._tracks: dict[str, _Track] = {}
        self._looks = self._turn = self._first = self._empty = 0
        self._deep_ms = self._moved_ms = -(10**9)
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

    def look(self, frame: Frame, now_ms: int, /, *, insist: bool = False) -> Sight:
        """See Reader."""
        if frame.ndim != 2 or frame.dtype != np.uint8 or min(frame.shape) < LEAST_SIDE:
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
        self._tracks = {text: one for text, one in self._tracks.items() if now_ms - one.at_ms <= MEMORY_MS}
        self._again(look)
        deep = now_ms - self._deep_ms >= DEEP_MS
        if deep or not look.readings or look.readings.keys() != self._tracks.keys():
            self._deep_ms = now_ms if deep else self._deep_ms
            self._whole(look, deep=deep)
            if (deep or not look.readings) and look.readings.keys() <= self._tracks.keys():
                self._harder(look, now_ms)
        self._remember(look, now_ms)
        self._moved_ms = now_ms if glimpse.moved else self._moved_ms
        return self._sight(look, moved=glimpse.moved, lately=now_ms - self._moved_ms < MOVED_MS)

    def _again(self, look: Look) -> None:
        """Looks where codes were, each in the way that it is read."""
        for track in self._tracks.values():
            suspect = Suspect(track.quad, track.modules)
            self._run(look, "again", partial(close_up, look.frame, suspect, track.stage))

    def _whole(self, look: Look, *, deep: bool) -> None:
        """The whole frame, stage by stage, until something new is read; or, if the look is not a deep one, until
        what was known is read again. If a frame is so full that this alone is too dear, stages take turns."""
        stages = self._stages(look)
        for at in range(len(stages)):
            stage = stages[(self._first + at) % len(stages)]
            self._run(look, stage.name, partial(stage.whole, look.frame, look.half))
            known = look.readings.keys() <= self._tracks.keys()
            if look.readings and not (known and (deep or look.readings.keys() != self._tracks.keys())):
                break
            if look.cpu_ms > self._budget:
                self._first += at + 1
                return
        self._first = 0

    def _stages(self, look: Look) -> Sequence[Stage]:
        """Those of every frame; what finds least has its turn now and then while nobody is there."""
        if look.frame.size < LARGE:
            return FIRST
        return FIRST_LARGE if self._empty == 0 or self._looks % TURNS == 0 else FIRST_LARGE[:2]

    def _harder(self, look: Look, now_ms: int) -> None:
        """What was not read is looked at closely; where nothing looks like a code, the whole frame in other ways."""
        look.suspects = [one for one in look.suspects if not look.covered(one)]
        if not look.suspects and (self._empty == 0 or self._looks % 2 == 0):
            look.suspects = [one for one in suspects(look.half) if not look.covered(one)]
        if look.readings and not look.suspects:
            return
        fresh = [one for one in look.suspects if self._places.looks(one) <= BORED[one.sure]]
        look.allowance = self._allowance(look, fresh)
        before = set(look.readings)
        for stage, run in self._turns(look, fresh or look.suspects, now_ms):
            cost = self._costs.get(stage.name, 0.0)
            if cost > look.left:
                self._costs[stage.name] = cost * _FORGETS  # one slow run must not shut it out for ever
                continue
            self._run(look, stage.name, run)
            if look.readings.keys() != before:
                return

    def _allowance(self, look: Look, fresh: Sequence[Suspect]) -> float:
        """More with every frame in which the same thing was not read; at first less of it for a small frame, and
        least where nobody knows whether it is a code at all."""
        share = min(1.0, look.frame.size / BUDGET_PIXELS)
        if not fresh and (look.suspects or self._empty > 0):
            spare = BORED_MS if look.suspects else EMPTY_MS
            return look.cpu_ms + spare * share if self._looks % BORED_EVERY == 0 else 0.0
        vain = min((self._places.looks(one) for one in fresh), default=0)
        first = max(share, _SURE) if look.sure else share**3 * _UNSURE
        return self._budget * min(1.0, first + _IMPATIENCE * vain)

    def _turns(self, look: Look, those: Sequence[Suspect], now_ms: int) -> Iterator[_Turn]:
        """Every later stage once, beginning about where the last frame's time ran out."""
        places, guesses = _places(those), [one for one in those if one.sure][:_MOST_GUESSES]
        todo: list[_Turn] = [
            (stage, self._close(look, one, stage, now_ms))
            for stage in self._ladder
            for one in (guesses if stage is TRACE else places)
        ]
        if not look.readings:
            todo += [(stage, partial(stage.whole, look.frame, look.half)) for stage in self._spare]
        first = self._turn % max(1, len(todo))
        for at in (*range(first, len(todo)), *range(first)):
            if look.left <= 0:
                self._turn = at
                return
            yield todo[at]
        self._turn = 0

    def _close(self, look: Look, suspect: Suspect, stage: Stage, now_ms: int) -> Callable[[], Found]:
        if stage is not TRACE:
            return partial(close_up, look.frame, suspect, stage)

        def trace() -> Found:
            read = grid.read(look.frame, suspect, partial(self._votes.add, now_ms=now_ms))
            return Found((read,) if read is not None else ())

        return trace

    def _run(self, look: Look, name: str, run: Callable[[], Found]) -> None:
        began = self._clock()
        look.take(run(), name)
        cost = self._clock() - began
        look.spent[name] = look.spent.get(name, 0.0) + cost
        before = self._costs.get(name, cost)
        self._costs[name] = before + _GAIN * (cost - before)

    def _remember(self, look: Look, now_ms: int) -> None:
        self._empty = 0 if look.readings or look.suspects else self._empty + 1
        self._places.note(look.suspects, now_ms)
        if look.readings.keys() - self._tracks.keys():
            self._votes.forget()
        for text, one in look.readings.items():
            if one.quad is not None and (text in self._tracks or len(self._tracks) < _MOST_TRACKS):
                known = self._tracks.get(text)
                self._tracks[text] = _Track(one.quad, one.modules, known.stage if known else self._way(look), now_ms)

    def _way(self, look: Look) -> Stage:
        """How to look again at what was read for the first time: closely, as it was read."""
        return next((one for one in self._ladder if one is not TRACE and one.name == look.stage), AGAIN)

    def _sight(self, look: Look, *, moved: bool, lately: bool) -> Sight:
        readings = tuple(look.ordered())
        appears = self._appearance(look)
        fresh = bool(look.suspects) and self._places.looks(look.suspects[0]) <= ADVISED[look.suspects[0].sure]
        advice = advise(appears) if appears is not None and fresh and not readings else None
        if not readings and lately and is_dark(look.half):
            advice = Advice.DARK  # somebody came, and nothing can be told apart
        return Sight(
            readings=readings,
            advice=advice,
            spent=tuple(look.spent.items()),
            stage=look.stage,
            light=appears.light if appears is not None else float(look.half[::8, ::8].mean()),
            appearance=appears,
            suspect=bool(readings or look.suspects),
            sure=look.sure,
            moved=moved,
        )

    def _appearance(self, look: Look) -> Appearance | None:
        """Of what was not read; of what was, now and then."""
        if not look.readings:
            return appearance(look.frame, look.suspects[0].quad) if look.suspects else None
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
