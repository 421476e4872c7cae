"""What the kiosk's way of reading costs, against bare pyzbar on the same frames in the same run.

    python -m tests.bench.reader [--showings 24] [--empty 60] [--seed 1]

A film of 1280x720 at 10 frames a second: badges, phones and photocopies held up one after the other, with an empty
door in between. The kiosk's way is Glance and ZbarReader as the gate uses them, over all frames in their order.
Prints CPU by kind of frame and the share of showings that were read; never fails on a time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyzbar.pyzbar import ZBarSymbol, decode

from admission.badge import Badge, badge_id, issue
from deploy.footage import Frame, Look, Scene, Showing
from kiosk.reader import Glance, ZbarReader

SIZE = (1280, 720)
FPS = 10
LOOKS = (Look.CARD, Look.CARD, Look.PHONE, Look.CARD, Look.CARD, Look.COPY)
Way = Callable[[Frame], list[str]]
"""Reads a frame: the texts in it."""


@dataclass
class Account:
    """What one way of reading cost (CPU ms of each frame) and found (per look)."""

    badge_ms: list[float] = field(default_factory=list)
    empty_ms: list[float] = field(default_factory=list)
    read: Counter[Look] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)

    @property
    def all_ms(self) -> list[float]:
        """Of every frame."""
        return self.badge_ms + self.empty_ms


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--showings", type=int, default=24, help="how often something is held up")
    parser.add_argument("--empty", type=int, default=60, help="frames of an empty door after each")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    cv2.setNumThreads(1)  # as the kiosk does
    showings = list(_showings(given.showings, given.seed))
    ours, bare = measure(showings, given.empty, given.seed)
    _print_cpu(ours, bare)
    _print_read(ours, bare, Counter(one.look for one in showings))


def bare_pyzbar(frame: Frame) -> list[str]:
    """The baseline."""
    return [code.data.decode("utf-8", "replace") for code in decode(frame, symbols=[ZBarSymbol.QRCODE])]


def as_the_gate() -> Way:
    """Glance and reader as ``kiosk.gate`` uses them; remembers the frame before."""
    glance, reader = Glance(), ZbarReader()
    return lambda frame: [reading.text for reading in reader.read(frame)] if glance.deserves(frame) else []


def measure(showings: Sequence[Showing], empty: int, seed: int) -> tuple[Account, Account]:
    """(the kiosk's way, bare pyzbar), over the same film; which of them goes first alternates."""
    scene = Scene(SIZE, FPS, np.random.default_rng(seed))
    pairs: list[tuple[Account, Way]] = [(Account(), as_the_gate()), (Account(), bare_pyzbar)]
    for number, showing in enumerate(showings):
        held = list(scene.frames(showing))
        away = [scene.empty() for _ in range(empty)]
        for account, way in pairs if number % 2 else reversed(pairs):
            _watch(account, way, showing, held, away)
    return pairs[0][0], pairs[1][0]


def _watch(account: Account, way: Way, showing: Showing, held: Sequence[Frame], away: Sequence[Frame]) -> None:
    for at, frame in enumerate(held):
        texts, spent = _timed(way, frame)
        account.badge_ms.append(spent)
        if showing.text in texts and showing.text not in account.first:
            account.first[showing.text] = at
            account.read[showing.look] += 1
    account.empty_ms += [_timed(way, frame)[1] for frame in away]


def _timed(way: Way, frame: Frame) -> tuple[list[str], float]:
    began = time.thread_time()
    texts = way(frame)
    return texts, (time.thread_time() - began) * 1000


def _showings(count: int, seed: int) -> Iterator[Showing]:
    """Things with a badge's text each, of which no two are alike."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    dice = np.random.default_rng(seed)
    for number in range(1, count + 1):
        badge = Badge(7, 0, badge_id(number, int(dice.integers(2**32))), number % 3, 0, 0, 0)
        seconds = float(dice.uniform(1.2, 1.7))
        yield Showing(issue(badge, key), LOOKS[number % len(LOOKS)], f"Person {number}", 120, seconds)


def _print_cpu(ours: Account, bare: Account) -> None:
    print(f"CPU ms per frame of {SIZE[0]}x{SIZE[1]}    kiosk   pyzbar   ratio   frames")
    rows = (
        ("while something is held up", ours.badge_ms, bare.badge_ms),
        ("while nobody is there", ours.empty_ms, bare.empty_ms),
        ("all", ours.all_ms, bare.all_ms),
    )
    for name, mine, theirs in rows:
        mean, base = statistics.fmean(mine), statistics.fmean(theirs)
        print(f"  {name:27} {mean:8.2f} {base:8.2f} {mean / base:7.2f} {len(mine):8}")


def _print_read(ours: Account, bare: Account, shown: Counter[Look]) -> None:
    print("\nshowings read                  kiosk   pyzbar   of")
    for look, count in shown.items():
        print(f"  {look.value:27} {ours.read[look]:6} {bare.read[look]:8} {count:4}")
    count = shown.total()
    mine, theirs = ours.read.total(), bare.read.total()
    print(f"  {'share':27} {mine / count:6.0%} {theirs / count:8.0%}")
    late = [ours.first[text] - bare.first[text] for text in ours.first.keys() & bare.first.keys()]
    if late:
        print(
            f"\nfirst read later than by pyzbar: by {statistics.fmean(late):.2f} frames on average, {max(late)} at most"
        )


if __name__ == "__main__":
    main()
