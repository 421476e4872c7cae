"""The memory and CPU of a real kiosk process on a stream of footage, against one that only runs pyzbar on it.

A part of tests.bench.door. Knows nothing of how long a door takes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import psutil
from sqlalchemy import func, select

from admission import wire
from admission.passage import Kind
from deploy.footage import Scene, Showing, play, write_y4m
from server.store import schema
from server.store.engine import open_store
from tests.bench import stand
from tests.bench.reader import SIZE
from tests.bench.stand import Venue

GATE = "hall-b"
SETTLING_S = 3.0
EVERY_S = 3.4
"""From one showing to the next, as in the demo's waves."""


@dataclass(frozen=True)
class Weight:
    """What a process took: CPU as a share of one core, the most memory in MB while watched."""

    cpu: float
    rss_mb: float


def weigh(folder: Path, venue: Venue, showings: Iterator[Showing], fps: int, seconds: float) -> None:
    """Prints the table; starts and ends a server, a kiosk and the baseline's process."""
    crowd = list(islice(showings, int((seconds + SETTLING_S) / EVERY_S) + 1))
    data = folder / "kiosk-process"
    data.mkdir()
    (data / "enrolment.json").write_bytes(wire.encode(venue.world.enrolments[GATE]))
    pipes = [folder / "bare.y4m", folder / "kiosk.y4m"]
    for pipe in pipes:
        os.mkfifo(pipe)
        threading.Thread(target=_project, args=(pipe, crowd, fps), daemon=True).start()
    bare = [sys.executable, "-m", "tests.bench.bare", str(pipes[0])]
    screen = stand.free_port()
    options = {"--data": str(data), "--enrolment": str(data / "enrolment.json"), "--camera": str(pipes[1])}
    words = [word for pair in options.items() for word in pair]
    kiosk = [sys.executable, "-m", "kiosk", *words, "--screen", f"127.0.0.1:{screen}"]
    with stand.running(bare) as process:
        base = _watch(process, seconds)
    with stand.running(venue.command, venue.port), stand.running(kiosk, screen) as process:
        ours = _watch(process, seconds)
        entries = _entries(venue)
    print(f"a process on {fps} frames a second for {seconds:.0f} s    kiosk   pyzbar   ratio")
    print(f"  {'memory (RSS), MB':36} {ours.rss_mb:8.0f} {base.rss_mb:8.0f} {ours.rss_mb / base.rss_mb:7.2f}")
    print(f"  {'CPU, of one core':36} {ours.cpu:8.0%} {base.cpu:8.0%} {ours.cpu / base.cpu:7.2f}")
    print(f"  entries that this kiosk brought to the server: {entries} of at most {len(crowd)} badges")


def _project(pipe: Path, crowd: Sequence[Showing], fps: int) -> None:
    """Plays the same film to whoever opens the pipe."""
    cv2.setNumThreads(1)
    scene = Scene(SIZE, fps, np.random.default_rng(1))
    with suppress(BrokenPipeError), pipe.open("wb") as out:
        began = time.monotonic()
        film = ((began + 1 + number * EVERY_S, showing) for number, showing in enumerate(crowd))
        write_y4m(play(film, scene, time.monotonic, time.sleep), out, SIZE, fps)


def _watch(process: subprocess.Popen[bytes], seconds: float) -> Weight:
    one = psutil.Process(process.pid)
    time.sleep(SETTLING_S)
    spent, began, most = _cpu_s(one), time.monotonic(), 0
    while time.monotonic() < began + seconds:
        most = max(most, one.memory_info().rss)
        time.sleep(0.2)
    return Weight((_cpu_s(one) - spent) / (time.monotonic() - began), most / 1e6)


def _cpu_s(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


def _entries(venue: Venue) -> int:
    passage = schema.passage
    store = open_store(venue.url)
    query = select(func.count()).where(passage.c.device == f"k-{GATE}", passage.c.kind == Kind.ENTRY.value)
    with store.read() as connection:
        count = int(connection.execute(query).scalar_one())
    store.close()
    return count
