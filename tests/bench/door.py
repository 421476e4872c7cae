"""From the first readable frame to the welcome: the link up, and known to be down; then a kiosk process's memory.

    python -m tests.bench.door [--showings 40] [--seconds 10] [--fps 10] [--people 1200] [--seed 1]

A real server on SQLite, and the kiosk's parts as kiosk/station.py joins them, over loopback; rendered 1280x720
frames come at a camera's pace. The baseline, on the same frames in the same run: bare pyzbar and one append with
fsync. Then a kiosk process on a stream of the same footage, against a process that only runs pyzbar on it.
Prints figures and ratios; never fails on a time.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from deploy.footage import Frame, Look, Scene, Showing
from kiosk.clock import Clock
from kiosk.courier import Courier
from kiosk.disk import Disk
from kiosk.dispatch import Dispatch, Vitals
from kiosk.gate import Gate
from kiosk.journal import Journal
from kiosk.parts import Parts
from kiosk.standing import Standing
from kiosk.station import boot_ms
from kiosk.uplink import Uplink
from tests.bench import stand
from tests.bench.memory import weigh
from tests.bench.reader import SIZE
from tests.bench.readers import bare_pyzbar
from tests.bench.stages import PARTS, RecordingFace, TimedDoorkeeper, TimedReader, TimedUplink, Watch
from tests.bench.stand import Venue, p
from tests.eyes import texts
from tests.world import World

LEAD = 3
"""Frames of an empty door before each showing."""
AFTER = 3
"""Frames of the badge after the first readable one: while they are read, the passage travels."""
UNMEASURED = 3
"""Showings before each measurement: they warm up, and after the cut they are the asks that are missed."""


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--showings", type=int, default=40, help="badges held up in each state of the link")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long the kiosk process is watched")
    parser.add_argument("--fps", type=int, default=10)
    parser.add_argument("--people", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    stand.end_children_on_sigterm()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        venue = stand.make_venue(folder, given.people, ["hall-a", "hall-b"])
        scene = Scene(SIZE, given.fps, np.random.default_rng(given.seed))
        showings = badge_showings(venue.world)
        _time_the_door(folder, venue, Door(scene, showings, given.fps, folder / "appended"), given.showings)
        weigh(folder, venue, showings, given.fps, given.seconds)


def badge_showings(world: World) -> Iterator[Showing]:
    """Badges of the world, one after the other; p3 may not enter."""
    for ref, token in world.tokens.items():
        if ref != "p3":
            yield Showing(token, Look.CARD, f"Person {ref[1:]}", 120, 1.2)


class Door:
    """Holds badges up to a gate at a camera's pace, and times each; also the baseline on the same frame."""

    def __init__(self, scene: Scene, showings: Iterator[Showing], fps: int, appended: Path) -> None:
        self._scene = scene
        self._showings = showings
        self._pace_s = 1 / fps
        self._appended = appended

    def show(self, gate: Gate, watch: Watch) -> float:
        """One badge; the baseline's ms. Its times are the newest in ``watch``."""
        before, readable, after = self._film()
        watch.early = False
        for frame in before:
            self._step(gate, frame)
        watch.begin()
        for frame in (readable, *after):
            self._step(gate, frame)
        return self._baseline(readable)

    def _step(self, gate: Gate, frame: Frame) -> None:
        began = time.perf_counter()
        gate.step(frame)
        time.sleep(max(0.0, began + self._pace_s - time.perf_counter()))

    def _film(self) -> tuple[list[Frame], Frame, list[Frame]]:
        """Frames that cannot be read by themselves, the first that can, and what follows."""
        held = list(self._scene.frames(next(self._showings)))
        first = next(at for at, frame in enumerate(held) if texts(frame) or bare_pyzbar(frame))
        return [self._scene.empty() for _ in range(LEAD)] + held[:first], held[first], held[first + 1 :][:AFTER]

    def _baseline(self, frame: Frame) -> float:
        began = time.perf_counter()
        read = "".join(bare_pyzbar(frame))
        with self._appended.open("ab") as file:
            file.write(read.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return (time.perf_counter() - began) * 1000


def _time_the_door(folder: Path, venue: Venue, door: Door, count: int) -> None:
    watch = Watch()
    with _kiosk(folder / "kiosk-parts", venue.world, watch) as (gate, uplink, dispatch):
        with stand.running(venue.command, venue.port):
            uplink.start()
            stand.wait_for(lambda: uplink.up and not dispatch.behind, "the kiosk has not learned the venue")
            _measure("link up", gate, door, watch, count)
        _measure("known to be down", gate, door, watch, count)
    print(f"({count} badges each; a commit and an fsync are waits for this machine's disk)\n")


def _measure(name: str, gate: Gate, door: Door, watch: Watch, count: int) -> None:
    watch.clear()
    for _ in range(UNMEASURED):
        door.show(gate, watch)
    first = ", ".join(f"{one:.0f}" for one in watch.totals())
    watch.clear()
    base = [door.show(gate, watch) for _ in range(count)]
    totals = watch.totals()
    print(f"{name}: first readable frame to welcome, ms     p50      p95      max")
    _row("the kiosk", totals)
    _row("pyzbar + append + fsync", base)
    ratios = [statistics.median(totals) / statistics.median(base), p(95, totals) / p(95, base)]
    print(f"  {'ratio':38} {ratios[0]:8.2f} {ratios[1]:8.2f}")
    for part in PARTS:
        _row(f"  of it {part}", watch.of(part))
    _row("CPU of the kiosk's thread meanwhile", watch.cpu())
    print(f"  welcomes: {len(totals)} of {count}, the others before that frame; {UNMEASURED} not counted: {first} ms\n")


def _row(name: str, values: Sequence[float]) -> None:
    print(f"  {name:38} {p(50, values):8.1f} {p(95, values):8.1f} {max(values):8.1f}")


@contextmanager
def _kiosk(data: Path, world: World, watch: Watch) -> Iterator[tuple[Gate, Uplink, Dispatch]]:
    """The parts as kiosk/station.py joins them, with stop watches around four of them; the uplink is not started."""
    enrolment = world.enrolments["hall-a"]
    disk = Disk(data / "kiosk.db", secrets.randbits(48))
    clock = Clock(Path("/proc/sys/kernel/random/boot_id").read_text().strip(), boot_ms)
    journal, standing = Journal(disk), Standing(disk)
    doorkeeper = TimedDoorkeeper(disk, journal, standing, clock)
    doorkeeper.watch = watch
    dispatch = Dispatch(enrolment, disk, journal, standing, clock, Vitals(lambda: doorkeeper.arrivals))
    uplink = TimedUplink(dispatch, enrolment.server, "", lambda: 0.5, lambda: None)
    uplink.watch = watch
    reader, face = TimedReader(watch), RecordingFace(watch)
    courier = Courier(dispatch, journal, standing, lambda: None)
    parts = Parts(journal, standing, doorkeeper, clock, uplink, reader, face, courier)
    try:
        yield Gate(parts), uplink, dispatch
    finally:
        uplink.close()
        disk.close()


if __name__ == "__main__":
    main()
