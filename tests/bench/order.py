"""The order of the reader's stages, by measurement: what reads most of what is still unread for its time comes next.

    python -m tests.bench.order [--sets DIR] [--badges 12]

Runs every stage on every picture of the sets and on rendered badges under the conditions of tests.bench.frames, closely
on the likeliest suspect or on the whole frame, and prints a greedy order: (pictures newly read) / (CPU ms spent on all
that were unread before it). kiosk/reader/stages.py was ordered with its help, not by it alone: first looks at
badges in frames of 1280x720 and at small photographs weigh differently, and zbar, which costs a pipe as well, comes
last.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from kiosk.reader import Frame, grid
from kiosk.reader.glance import halved, suspects
from kiosk.reader.sight import Found, Suspect
from kiosk.reader.stages import CLOSE, FIRST, SPARE, TRACE, Stage, close_up, zbar_close, zbar_whole
from tests.bench.frames import CONDITIONS
from tests.bench.pictures import find_sets, plain
from tests.eyes import cell, cpu_ms, new_eye
from tests.views import look, token


@dataclass(frozen=True, slots=True)
class Trial:
    """One stage on one picture."""

    read: bool
    ms: float


def main() -> None:
    """Prints the order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, help="a folder of pictures, or of such folders")
    parser.add_argument("--badges", type=int, default=12, help="rendered badges under each condition")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    new_eye().warm_up()
    tried = [_try_all(frame, texts) for frame, texts in _pictures(given.sets, given.badges)]
    print(f"{len(tried)} pictures; in this order        newly read   all   CPU ms each")
    _print_order(tried)


def _pictures(sets: Path | None, badges: int) -> Iterator[tuple[Frame, frozenset[str]]]:
    for one in find_sets(sets) if sets is not None else ():
        yield from ((picture.frames[0], picture.texts) for picture in one.pictures if picture.texts)
    for make in CONDITIONS.values():
        for seed in range(badges):
            view = make(np.random.default_rng(seed))
            yield look(token(seed), view, seed).frame, frozenset({token(seed)})


def _try_all(frame: Frame, texts: frozenset[str]) -> dict[str, Trial]:
    half = halved(frame)
    sure: list[Suspect] = []
    trials = {}
    for stage in (*FIRST, *SPARE, *zbar_whole(cell().read)):
        began = cpu_ms()
        found = stage.whole(frame, half)
        trials[stage.name] = _trial(found, texts, cpu_ms() - began)
        sure += found.suspects if stage in FIRST else ()
    likeliest = (*sure, *suspects(half))[:1]
    for stage in (*CLOSE, *zbar_close(cell().read)):
        began = cpu_ms()
        found = _closely(frame, stage, likeliest, sure)
        trials[stage.name] = _trial(found, texts, cpu_ms() - began)
    return trials


def _closely(frame: Frame, stage: Stage, likeliest: tuple[Suspect, ...], sure: list[Suspect]) -> Found:
    if stage is not TRACE:
        return close_up(frame, likeliest[0], stage) if likeliest else Found()
    read = next((one for suspect in sure[:4] if (one := grid.read(frame, suspect)) is not None), None)
    return Found((read,) if read is not None else ())


def _trial(found: Found, texts: frozenset[str], ms: float) -> Trial:
    return Trial(bool({plain(one.text) for one in found.readings} & texts), ms)


def _print_order(tried: list[dict[str, Trial]]) -> None:
    names, unread, done = list(tried[0]), list(tried), 0
    while names and unread:
        worth = {name: sum(one[name].read for one in unread) / sum(one[name].ms for one in unread) for name in names}
        best = max(worth, key=lambda name: worth[name])
        new = sum(one[best].read for one in unread)
        if new == 0:
            break
        each = sum(one[best].ms for one in unread) / len(unread)
        done += new
        print(f"  {best:32} {new:10} {done:6} {each:10.2f}")
        unread = [one for one in unread if not one[best].read]
        names.remove(best)
    print(f"  read by none: {len(unread)}; of no use after these: {', '.join(names)}")


if __name__ == "__main__":
    main()
