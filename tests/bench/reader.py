"""What readers read in sets of photographs and films, and what it costs them: all readers on the same pictures.

    python -m tests.bench.reader --sets DIR [--chart FILE.svg] [--wechat FOLDER] [--missed] [--only ours]

Prints for every set and every reader that is installed: pictures read, texts that are not in the picture, CPU ms of a
picture (median, 95 %, mean; one thread, zbar's child included), and the CPU of empty 1280x720 frames. Never fails on a
time. A picture counts as read if one of its texts is; a text that the set does not list for a picture counts as false,
unless the set says nothing of that picture. Sets are described in tests/bench/pictures.py.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from deploy.footage import Scene
from kiosk.reader import Frame
from tests.bench.pictures import PictureSet, find_sets, plain
from tests.bench.readers import Ours, Way, all_ways, bare_pyzbar, bare_zxing
from tests.bench.stand import p
from tests.eyes import cpu_ms, new_eye

SIZE = (1280, 720)
EMPTY_FRAMES = 120
FPS = 30


@dataclass
class Score:
    """Of one reader in one set. ``false``: (picture, text) that are not in the list; ``unlisted``: of pictures of which
    the list says nothing."""

    read: int = 0
    ms: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    false: list[tuple[str, str]] = field(default_factory=list)
    unlisted: list[tuple[str, str]] = field(default_factory=list)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="a folder of pictures, or of such folders")
    parser.add_argument("--chart", type=Path, help="write the recall of all readers as an SVG picture")
    parser.add_argument("--wechat", type=Path, help="the folder of WeChat's four models, if OpenCV has its reader")
    parser.add_argument("--missed", action="store_true", help="name the pictures that ours did not read")
    parser.add_argument("--only", default="", help="only readers whose name begins so")
    given = parser.parse_args()
    if not given.sets.is_dir():
        parser.error(f"{given.sets} is no folder")
    cv2.setNumThreads(1)  # as the kiosk does
    new_eye().warm_up()
    ways = {name: way for name, way in all_ways(given.wechat).items() if name.startswith(given.only)}
    sets = list(find_sets(given.sets))
    if not sets:
        parser.error(f"there are no pictures in {given.sets}")
    scores = {one.name: {name: score(one, way) for name, way in ways.items()} for one in sets}
    for one in sets:
        _print_set(f"{one.name} ({len(one.pictures)} pictures, {one.with_codes} with a known text)", scores[one.name])
        if one.unopened:
            print(f"  cannot be opened: {', '.join(one.unopened)}")
    _print_all(sets, scores)
    _print_texts(scores, missed=given.missed)
    for name, way in ways.items():
        if isinstance(way, Ours):
            print(f"  {name}, read by: {', '.join(f'{stage} {count}' for stage, count in way.stages.most_common())}")
    _print_empty()
    if given.chart:
        from tests.bench.reader_chart import draw

        recalls = {name: [scores[one.name][name].read for one in sets] for name in ways}
        given.chart.write_text(draw([(one.name, one.with_codes) for one in sets], recalls), encoding="utf-8")


def score(those: PictureSet, way: Way) -> Score:
    """One reader on all pictures of a set, one after the other."""
    made = Score()
    for picture in those.pictures:
        began = cpu_ms()
        texts = {plain(text) for text in way(picture.frames)} - {""}
        made.ms.append(cpu_ms() - began)
        made.read += bool(picture.texts and texts & picture.texts)
        if picture.texts and not texts & picture.texts:
            made.missed.append(picture.name)
        strange = [(picture.name, text) for text in sorted(texts - (picture.texts or frozenset()))]
        (made.unlisted if picture.texts is None else made.false).extend(strange)
    return made


def _print_set(title: str, by_reader: dict[str, Score]) -> None:
    print(f"\n{title:54} read  false  CPU ms: median    95 %    mean")
    for name, one in by_reader.items():
        print(
            f"  {name:52} {one.read:4} {len(one.false):6} {statistics.median(one.ms):15.2f} {p(95, one.ms):7.2f} "
            f"{statistics.fmean(one.ms):7.2f}"
        )


def _print_all(sets: Sequence[PictureSet], scores: dict[str, dict[str, Score]]) -> None:
    names = list(scores[sets[0].name])
    whole = {name: [scores[one.name][name] for one in sets] for name in names}
    base = statistics.fmean(ms for one in whole.get("pyzbar", []) for ms in one.ms) if "pyzbar" in whole else 0.0
    count = sum(one.with_codes for one in sets)
    print(f"\n{f'all ({sum(len(one.pictures) for one in sets)} pictures, {count} with a known text)':54} read", end="")
    print("  false  CPU ms: mean  over pyzbar")
    for name, ones in whole.items():
        mean = statistics.fmean(ms for one in ones for ms in one.ms)
        ratio = f"{mean / base:12.3f}" if base else ""
        read, false = sum(one.read for one in ones), sum(len(one.false) for one in ones)
        print(f"  {name:52} {read:4} {false:6} {mean:13.2f} {ratio}")


def _print_texts(scores: dict[str, dict[str, Score]], *, missed: bool) -> None:
    for name, by_reader in scores.items():
        for reader, one in by_reader.items():
            if reader.startswith("ours"):
                for kind, texts in (("not listed for it", one.false), ("of a picture not listed", one.unlisted)):
                    for picture, text in texts:
                        print(f"  {reader}: {name}/{picture}, {kind}: {text[:70]!r}")
                if missed and one.missed:
                    print(f"  {reader} did not read in {name}: {', '.join(one.missed)}")


def _print_empty() -> None:
    """An empty door at 30 frames a second: as the gate looks at it, and with a look at every frame insisted on."""
    scene = Scene(SIZE, FPS, np.random.default_rng(1))
    frames = [scene.empty() for _ in range(EMPTY_FRAMES)]
    eye, wide_awake = new_eye(), new_eye()
    ways = {
        "zxing-cpp": lambda _at, frame: bare_zxing(frame),
        "pyzbar": lambda _at, frame: bare_pyzbar(frame),
        "ours": lambda at, frame: eye.look(frame, at * 1000 // FPS),
        "ours, if every frame is looked at": lambda at, frame: wide_awake.look(frame, at * 1000 // FPS, insist=True),
    }
    costs = {name: _cost(way, frames) for name, way in ways.items()}
    print(f"\n{f'an empty frame of {SIZE[0]}x{SIZE[1]}, mean of {EMPTY_FRAMES}':54}             CPU ms  over zxing-cpp")
    for name, cost in costs.items():
        print(f"  {name:52} {cost:18.2f} {cost / costs['zxing-cpp']:12.2f}")


def _cost(way: object, frames: Sequence[Frame]) -> float:
    assert callable(way)
    began = cpu_ms()
    for at, frame in enumerate(frames):
        way(at, frame)
    return (cpu_ms() - began) / len(frames)


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"\n({time.monotonic() - started:.0f} s)")
