"""Draws what each stage rescues: a badge that the stages before it do not read, and what this one makes of it.

    python -m tests.bench.rescue [--out docs/reading]

Writes one picture a stage for docs/reading.md: on the left what the camera saw, on the right what the engine was given
(for the grid: as if the code were flat, then along the grid). Only rendered badges are shown.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from deploy.cards import code
from kiosk.reader import Frame, grid
from kiosk.reader.engines import both_ways, local_threshold
from kiosk.reader.glance import halved, suspects
from kiosk.reader.grid import Modules
from kiosk.reader.sight import Point, Quad, Suspect, square
from kiosk.reader.stages import CLOSE, FIRST, FIRST_LARGE, SPARE, TRACE, Stage, close_up, cut_out, zbar_close
from kiosk.reader.votes import Votes
from tests.eyes import cell, new_eye
from tests.views import MODULES, Seen, View, at_pixels, look, normal, token

SIDE = 200
GAP = 12
SEEDS = 40
_WHOLE = frozenset(stage.name for stage in (*FIRST, *SPARE))


def main() -> None:
    """Writes the pictures, and says what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/reading"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    new_eye().warm_up()
    wanted = {stage.name: stage for stage in (*FIRST, *CLOSE, *zbar_close(cell().read), *SPARE) if stage is not TRACE}
    for seen, text, label in _badges():
        for name, stage in list(wanted.items()):
            picture = _rescued(seen, text, stage)
            if picture is not None:
                _write(given.out / f"{name}.png", picture)
                print(f"{name:22} {label}")
                del wanted[name]
    _write(given.out / "trace.png", _bent())
    _write(given.out / "votes.png", _voted())
    for name in wanted:
        print(f"{name:22} nothing found that only it reads, of those that are read before it")


def _badges() -> Iterator[tuple[Seen, str, str]]:
    for seed in range(SEEDS):
        dice = np.random.default_rng(seed)
        views = {
            "25 mm wide, normal handling": normal(25, dice),
            "40 mm wide, normal handling": normal(40, dice),
            "two pixels a module": at_pixels(2, View()),
            "a twelfth of good light": View(light=0.08, noise=4),
            "a twentieth of good light": View(light=0.045, noise=3),
            "glare": View(glare=dice.uniform(0.05, 0.25)),
            "light on dark": View(screen=True, dark_mode=True, defocus_px=dice.uniform(0.4, 1.2)),
            "seen from the side": View(tilt_deg=dice.uniform(50, 66)),
            "out of focus": View(defocus_px=dice.uniform(1.4, 2.3)),
            "moved": View(motion_px=dice.uniform(4, 8), motion_deg=dice.uniform(0, 180)),
            "grain": View(noise=dice.uniform(20, 45)),
            "near and out of focus": View(distance_cm=14, defocus_px=dice.uniform(3, 5)),
        }
        for label, view in views.items():
            text = token(seed)
            yield look(text, view, seed), text, label


def _rescued(seen: Seen, text: str, stage: Stage) -> Frame | None:
    """The picture, if this stage reads the badge and those before it do not."""
    half = halved(seen.frame)
    suspect = _suspect(seen, half)
    if suspect is None or not _reads(stage, seen, half, suspect, text):
        return None
    order = (*FIRST_LARGE, *CLOSE, *zbar_close(cell().read), *SPARE)
    before = order[: [one.name for one in order].index(stage.name)]
    if any(_reads(one, seen, half, suspect, text) for one in before if one is not TRACE):
        return None
    return _beside(_crop(seen.frame, suspect), _given(stage, seen, half, suspect))


def _reads(stage: Stage, seen: Seen, half: Frame, suspect: Suspect, text: str) -> bool:
    found = stage.whole(seen.frame, half) if stage.name in _WHOLE else close_up(seen.frame, suspect, stage)
    return text in {one.text for one in found.readings}


def _given(stage: Stage, seen: Seen, half: Frame, suspect: Suspect) -> Frame:
    """What the engine sees of the badge."""
    if stage.name not in _WHOLE:
        cut = cut_out(seen.frame, suspect, stage)
        assert cut is not None
        return cut.image
    scale = 0.5 if stage.halved else 1.0
    image = stage.treat(half if stage.halved else seen.frame)
    assert image is not None
    left, top, right, bottom = suspect.quad.placed((scale, scale), (0, 0)).box(0.22, image.shape)
    return image[top:bottom, left:right]


def _suspect(seen: Seen, half: Frame) -> Suspect | None:
    near = (one for one in suspects(half) if abs(one.quad.middle.x - seen.middle[0]) < one.quad.side / 2)
    return next((one for one in near if abs(one.quad.middle.y - seen.middle[1]) < one.quad.side / 2), None)


def _crop(frame: Frame, suspect: Suspect) -> Frame:
    left, top, right, bottom = suspect.quad.box(0.22, frame.shape)
    return frame[top:bottom, left:right]


def _bent() -> Frame:
    """A badge on a cushion: found, and read only along its grid."""
    flat = np.pad(np.asarray(cv2.resize(code(token(2)), None, fx=2, fy=2), np.uint8), 60, constant_values=245)
    down, across = np.mgrid[0 : flat.shape[0], 0 : flat.shape[1]].astype(np.float32)
    right, low = (6 * np.sin(3 * np.pi * way / flat.shape[0]) for way in (down, across))
    picture = np.asarray(cv2.remap(flat, across + right, down + low, cv2.INTER_LINEAR, borderValue=245), np.uint8)
    [suspect] = local_threshold(picture).suspects
    views = grid.views(picture, suspect)
    assert grid.read(picture, suspect) is not None
    return _beside(_crop(picture, suspect), *views)


def _voted() -> Frame:
    """Frames of which none can be read, and their sum."""
    dice, votes, text = np.random.default_rng(4), Votes(), token(1)
    whole = np.pad(np.asarray(code(text), np.uint8), 20, constant_values=245)
    side = whole.shape[0]
    corners = Quad(*(Point(*one) for one in square(40, 40, side - 40, side - 40)))
    shown: list[Frame] = []
    total: Modules | None = None
    for _ in range(12):
        hidden = whole.copy()
        for _ in range(26):
            x, y = dice.integers(30, side - 42, 2)
            hidden[y : y + 12, x : x + 12] = 245
        if both_ways(hidden).readings:
            continue
        modules = list(grid.trace(hidden, Suspect(corners, MODULES, sure=True)))[-1]
        total = modules if total is None else np.asarray(total + modules, np.float32)
        shown.append(hidden)
        read = votes.add(modules, len(shown))
        if read is not None and read.text == text:
            break
    assert total is not None
    grey = np.clip(127.5 - 127.5 * total / np.abs(total).max(), 0, 255).astype(np.uint8)
    return _beside(*shown[:3], np.pad(grey, 4, constant_values=245))


def _beside(*pictures: Frame) -> Frame:
    """At the same size, one beside the other."""
    resized = [np.asarray(cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8) for one in pictures]
    gap = np.full((SIDE, GAP), 255, np.uint8)
    row = [part for one in resized for part in (one, gap)][:-1]
    return np.hstack(row)


def _write(path: Path, picture: Frame) -> None:
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
