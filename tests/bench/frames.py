"""Badges under named conditions: which share is read, in how many frames, and whether the advice is right.

    python -m tests.bench.frames [--frames 60] [--only NAME]

Rendered frames (tests/views.py), seeded. pyzbar and zxing-cpp see the first frame of each badge; ours sees it once with
an eye that has seen nothing before, then up to fifteen frames of the same badge with noise, and movement, of their own.
Never fails on a time.
"""

from __future__ import annotations

import argparse
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from kiosk.reader import Advice
from tests.bench.readers import bare_pyzbar, bare_zxing
from tests.eyes import cpu_ms, new_eye
from tests.views import View, at_pixels, look, normal, token

FULL_HD = (1920, 1080)
FILM = 15
FRAME_MS = 33
_Make = Callable[[np.random.Generator], View]

CONDITIONS: dict[str, _Make] = {
    "40 mm, normal handling": lambda dice: normal(40, dice),
    "25 mm, normal handling": lambda dice: normal(25, dice),
    "40 mm, normal handling, 1920x1080": lambda dice: normal(40, dice, FULL_HD),
    "25 mm, normal handling, 1920x1080": lambda dice: normal(25, dice, FULL_HD),
    "sharp, 2.5 px a module": lambda _: at_pixels(2.5, View()),
    "sharp, 2 px a module": lambda _: at_pixels(2, View()),
    "sharp, 1.5 px a module": lambda _: at_pixels(1.5, View()),
    "low light (1/4)": lambda _: View(light=0.25, noise=6),
    "very dark (1/12)": lambda _: View(light=0.08, noise=4),
    "glare on 10 %": lambda _: View(glare=0.1),
    "glare on 20 %": lambda _: View(glare=0.2),
    "phone": lambda _: View(screen=True, defocus_px=0.8),
    "phone, moire (35 cm)": lambda _: View(screen=True, distance_cm=35),
    "phone, dark mode": lambda _: View(screen=True, dark_mode=True),
    "JPEG, quality 30": lambda _: View(jpeg=30),
    "tilt 45 degrees": lambda _: View(tilt_deg=45),
    "tilt 60 degrees": lambda _: View(tilt_deg=60),
    "defocus 2 px": lambda _: View(defocus_px=2),
    "defocus 3 px": lambda _: View(defocus_px=3),
    "motion 8 px": lambda dice: View(motion_px=8, motion_deg=dice.uniform(0, 180)),
    "motion 12 px": lambda dice: View(motion_px=12, motion_deg=dice.uniform(0, 180)),
}
CAUSES: dict[Advice, _Make] = {
    Advice.CLOSER: lambda dice: at_pixels(dice.uniform(0.8, 1.1), View()),
    Advice.BLURRED: lambda dice: View(defocus_px=dice.uniform(4, 6)),
    Advice.HOLD_STILL: lambda dice: View(motion_px=dice.uniform(16, 26), motion_deg=dice.uniform(0, 180)),
    Advice.DARK: lambda dice: View(light=dice.uniform(0.015, 0.03), noise=4),
    Advice.GLARE: lambda dice: View(glare=dice.uniform(0.4, 0.6)),
    Advice.CUT_OFF: lambda dice: View(off_px=[(620, 0), (-620, 0), (0, -345), (0, 345)][int(dice.integers(4))]),
}


@dataclass
class Tally:
    """Of one condition."""

    pyzbar: int = 0
    zxing: int = 0
    first: int = 0
    film: int = 0
    false: int = 0
    waited: list[int] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=60, help="badges under each condition")
    parser.add_argument("--only", default="", help="conditions whose name begins so")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    new_eye().warm_up()
    print(f"{given.frames} badges each, share read          pyzbar  zxing-cpp  ours: first frame  film  mean frame  ms")
    for name, make in CONDITIONS.items():
        if name.startswith(given.only):
            _print_row(name, tally(make, given.frames), given.frames)
    if not given.only:
        _print_advice(given.frames)


def tally(make: _Make, count: int) -> Tally:
    """So many badges, each by an eye of its own."""
    made = Tally()
    for seed in range(count):
        view, text = make(np.random.default_rng(seed)), token(seed)
        eye = new_eye()
        for at in range(FILM):
            frame = look(text, _later(view, at), 1000 * seed + at).frame
            if at == 0:
                made.pyzbar += text in bare_pyzbar(frame)
                made.zxing += text in bare_zxing(frame)
            began = cpu_ms()
            texts = {one.text for one in eye.look(frame, FRAME_MS * at, insist=True).readings}
            if at == 0:
                made.first_ms.append(cpu_ms() - began)
            made.false += bool(texts - {text})
            if text in texts:
                made.first += at == 0
                made.film += 1
                made.waited.append(at)
                break
    return made


def _later(view: View, at: int) -> View:
    """The same hand a moment later: it moves in another direction."""
    return replace(view, motion_deg=view.motion_deg + 31 * at)


def _print_row(name: str, one: Tally, count: int) -> None:
    waited = f"{statistics.fmean(one.waited):.1f}" if one.waited else "-"
    false = f"  FALSE {one.false}" if one.false else ""
    print(
        f"  {name:34} {one.pyzbar / count:7.0%} {one.zxing / count:10.0%} {one.first / count:18.0%}"
        f" {one.film / count:5.0%} {waited:>11} {statistics.median(one.first_ms):4.1f}{false}"
    )


def _print_advice(count: int) -> None:
    print("\nadvice on badges that cannot be read       right  other advice")
    for cause, make in CAUSES.items():
        said: Counter[str] = Counter()
        for seed in range(count):
            dice, eye = np.random.default_rng(seed), new_eye()
            view = make(dice)
            sights = [
                eye.look(look(token(seed), view, 1000 * seed + at).frame, FRAME_MS * at, insist=True) for at in range(6)
            ]
            if not any(sight.readings for sight in sights):
                said[next((sight.advice.value for sight in reversed(sights) if sight.advice is not None), "none")] += 1
        unread = said.total()
        others = ", ".join(f"{name} {times}" for name, times in said.most_common() if name != cause.value)
        print(f"  {cause.value:12} {unread:3} of {count} unread {said[cause.value] / max(1, unread):15.0%}  {others}")


if __name__ == "__main__":
    main()
