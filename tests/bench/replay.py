"""A long replay at 30 frames a second: how old what is decided on is, and whether memory stays flat.

    python -m tests.bench.replay [--minutes 10] [--fps 30] [--seed 1]

A process plays rendered footage of 1280x720 into a pipe at its pace; here the kiosk's own camera, eye and presentations
take it. Ages are from the instant at which a frame came off the pipe to the instant at which its presentation began.
Never fails on a time; it says if a frame older than 100 ms was decided on.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import psutil

from deploy.footage import Scene, Showing, play, write_y4m
from kiosk.camera import Away, Care, lasting
from kiosk.camera.lens import Lens
from kiosk.camera.live import OLDEST_MS
from kiosk.camera.pace import Pace
from kiosk.config import Optics
from kiosk.presentation import Presentations
from kiosk.station import boot_ms
from tests.bench.reader import SIZE
from tests.bench.stand import p
from tests.eyes import cell, new_eye
from tests.views import token

EVERY_S = 3.0
LOOKS = 3


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    if given.into:
        _project(given.into, given.minutes, given.fps, given.seed)
        return
    with tempfile.TemporaryDirectory() as folder:
        pipe = Path(folder) / "camera.y4m"
        os.mkfifo(pipe)
        words = ["--into", str(pipe), "--minutes", str(given.minutes), "--fps", str(given.fps)]
        with subprocess.Popen([sys.executable, "-m", "tests.bench.replay", *words]) as projector:
            _watch(pipe, given.minutes * 60, given.fps)
            projector.terminate()


def _project(pipe: Path, minutes: float, fps: int, seed: int) -> None:
    from deploy.cards import Look

    looks = (Look.CARD, Look.PHONE, Look.COPY)
    scene = Scene(SIZE, fps, np.random.default_rng(seed))
    with suppress(BrokenPipeError), pipe.open("wb") as out:
        began = time.monotonic()
        crowd = (
            (began + 1 + at * EVERY_S, Showing(token(at), looks[at % LOOKS], f"Person {at}", 120, 1.2))
            for at in range(int(minutes * 60 / EVERY_S))
        )
        write_y4m(play(crowd, scene, time.monotonic, time.sleep), out, SIZE, fps)


def _watch(pipe: Path, seconds: float, fps: int) -> None:
    eye, presentations, pace, me = new_eye(), Presentations(), Pace(fps, fps), psutil.Process()
    eye.warm_up()
    cell().ready(within_s=20)
    lens = Lens(str(pipe), Optics(size=SIZE, fps=fps, idle_fps=fps), pace, boot_ms, time.sleep)
    ages, verdicts, memory, taken, frames = [], [], [], 0, 0
    began = time.monotonic()
    spent = _cpu_s(me)
    for shot in lasting(lens.open, time.sleep, Care()):
        if isinstance(shot, Away) or time.monotonic() - began > seconds:
            break
        assert shot.taken_ms >= taken, "a frame came after a newer one"
        taken, frames, handed = shot.taken_ms, frames + 1, boot_ms()
        sight = eye.look(shot.frame, boot_ms())
        if presentations.see(sight.readings, boot_ms()) is not None:
            ages.append(handed - shot.taken_ms)
            verdicts.append(boot_ms() - shot.taken_ms)
        if frames % (10 * fps) == 1:
            memory.append(me.memory_info().rss / 1e6)
    ran = time.monotonic() - began
    shown = int(ran / EVERY_S)
    print(f"{ran:.0f} s at {fps} frames a second: {frames} frames taken, {len(ages)} presentations, {shown} badges")
    print(f"  age of the frames decided on, ms         median {statistics.median(ages):5.0f}   most {max(ages):5.0f}")
    print(f"  from the glass to the verdict, ms        median {statistics.median(verdicts):5.0f}   ", end="")
    print(f"95 % {p(95, verdicts):5.0f}   most {max(verdicts):5.0f}")
    print(f"  decided on a frame older than {OLDEST_MS} ms: {sum(age > OLDEST_MS for age in ages)}")
    first, last = statistics.fmean(memory[1:4] or memory), statistics.fmean(memory[-3:])
    print(
        f"  memory, MB: {first:.1f} at first, {last:.1f} at the end (ratio {last / first:.3f}), most {max(memory):.1f}"
    )
    print(f"  CPU of this process, of one core: {(_cpu_s(me) - spent) / ran:.0%}")


def _cpu_s(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


if __name__ == "__main__":
    main()
