"""What a kiosk costs that waits at an empty door, and how long kiosk and server take from their start to be ready.

    python -m tests.bench.idle [--seconds 20] [--fps 15]

A real kiosk process on a stream of empty 1280x720 frames with the noise of a sensor, with a page that shows the live
picture (eight times a second) and with none, beside a process that only takes the frames out of the pipe. Prints each
one's share of a core, and as a ratio. Never fails on a time.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil

from admission import wire
from server.store.engine import migrate, transaction
from tests.world import make_world, utc_now

SIZE = (1280, 720)
PICTURES = 40
"""Different frames, over and over."""
SETTLING_S = 5.0
VIEW_S = 0.12
TAKE_OUT = "import sys\nwith open(sys.argv[1], 'rb') as pipe:\n    while pipe.read(1 << 20): pass\n"


def frames() -> list[bytes]:
    """Nobody before a wall, in YUV4MPEG2's mono."""
    dice = np.random.default_rng(1)
    width, high = SIZE
    wall = np.tile(np.linspace(90, 150, width), (high, 1))
    return [
        b"FRAME\n" + np.clip(wall + dice.normal(0, 2, wall.shape), 0, 255).astype(np.uint8).tobytes()
        for _ in range(PICTURES)
    ]


def fill(pipe: Path, fps: int, over: threading.Event, pictures: list[bytes]) -> None:
    """So many frames a second into the pipe, until it is over or nobody reads."""
    with suppress(BrokenPipeError), pipe.open("wb", buffering=0) as out:
        out.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F{fps}:1 Ip A1:1 Cmono\n".encode())
        due, number = time.monotonic(), 0
        while not over.is_set():
            out.write(pictures[number % PICTURES])
            number, due = number + 1, due + 1 / fps
            time.sleep(max(0.0, due - time.monotonic()))


@contextmanager
def ready_socket(folder: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """An address for NOTIFY_SOCKET, and a wait for the first word."""
    path = folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(path))
        ear.settimeout(60)
        yield str(path), lambda: ear.recv(64)


def cost(process: psutil.Process, seconds: float) -> tuple[float, float]:
    """Share of a core, and MB (PSS) of a process with its children."""
    family = [process, *process.children(recursive=True)]
    before = sum(sum(one.cpu_times()[:2]) for one in family)
    began = time.monotonic()
    time.sleep(seconds)
    spent = sum(sum(one.cpu_times()[:2]) for one in family) - before
    memory = sum(one.memory_full_info().pss for one in family) / 1e6
    return spent / (time.monotonic() - began), memory


def look(port: int, over: threading.Event) -> None:
    """What the door's page does."""
    while not over.wait(VIEW_S):
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/view.jpg", timeout=5) as reply:
            reply.read()


def kiosk(folder: Path, given: argparse.Namespace, pictures: list[bytes], *, page: bool) -> tuple[float, float, float]:
    """Share of a core, MB, and seconds until it was ready."""
    pipe, over = folder / f"pipe-{page}", threading.Event()
    os.mkfifo(pipe)
    port = 28_090 + page
    with ready_socket(folder) as (address, wait):
        settings = folder / "kiosk.toml"
        settings.write_text(f"[optics]\nidle_fps = {given.fps}\n")
        command = [
            sys.executable,
            "-m",
            "kiosk",
            "--config",
            str(settings),
            "--data",
            str(folder / f"data-{page}"),
            "--camera",
            str(pipe),
        ]
        command += ["--enrolment", str(folder / "enrolment.json"), "--screen", f"127.0.0.1:{port}"]
        began = time.monotonic()
        process = subprocess.Popen(command, env=os.environ | {"NOTIFY_SOCKET": address}, stderr=subprocess.DEVNULL)
        threading.Thread(target=fill, args=(pipe, given.fps, over, pictures), daemon=True).start()
        wait()
        took = time.monotonic() - began
        if page:
            threading.Thread(target=look, args=(port, over), daemon=True).start()
        time.sleep(SETTLING_S)
        share, memory = cost(psutil.Process(process.pid), given.seconds)
        over.set()
        process.terminate()
        process.wait(20)
    (folder / "notify").unlink()
    return share, memory, took


def bare(folder: Path, given: argparse.Namespace, pictures: list[bytes]) -> float:
    """The share of a core of a process that takes the frames and does nothing with them."""
    pipe, over = folder / "pipe-bare", threading.Event()
    os.mkfifo(pipe)
    process = subprocess.Popen([sys.executable, "-c", TAKE_OUT, str(pipe)])
    threading.Thread(target=fill, args=(pipe, given.fps, over, pictures), daemon=True).start()
    time.sleep(1)
    share, _ = cost(psutil.Process(process.pid), given.seconds)
    over.set()
    process.terminate()
    process.wait(20)
    return share


def server(folder: Path) -> tuple[float, float]:
    """Seconds until it was ready, and of the processor's time until then."""
    with ready_socket(folder) as (address, wait):
        command = [sys.executable, "-m", "server", "--data", str(folder), "run", "--bind", "127.0.0.1:28092"]
        began = time.monotonic()
        process = subprocess.Popen(command, env=os.environ | {"NOTIFY_SOCKET": address}, stdout=subprocess.DEVNULL)
        wait()
        took = time.monotonic() - began
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        spent = sum(sum(one.cpu_times()[:2]) for one in family)
        process.terminate()
        process.wait(20)
    (folder / "notify").unlink()
    return took, spent


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--fps", type=int, default=15)
    given = parser.parse_args()
    pictures = frames()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'threshold.db'}"
        migrate(url)
        with transaction(url) as connection:
            world = make_world(connection, utc_now(), kiosks=["hall-a"])
        (folder / "enrolment.json").write_bytes(wire.encode(world.enrolments["hall-a"]))
        nothing = bare(folder, given, pictures)
        print(f"taking the frames out of the pipe: {nothing:.1%} of a core")
        for page in (False, True):
            share, memory, took = kiosk(folder, given, pictures, page=page)
            words = "a page with the live picture" if page else "no page"
            print(f"kiosk, {words}: {share:.1%} of a core, {share / nothing:.1f} times as much; {memory:.0f} MB (PSS)")
            print(f"  ready {took:.1f} s after its start")
        took, spent = server(folder)
        print(f"server: ready {took:.1f} s after its start, {spent:.1f} s of it the processor's")


if __name__ == "__main__":
    main()
