"""Server and kiosks as they ship: real processes, real sockets, real pipes for cameras."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

import numpy as np
import psutil
import pytest
import qrcode
from numpy.typing import NDArray
from sqlalchemy import select

from admission import wire
from server import occupancy
from server.store.engine import migrate, transaction
from server.store.schema import passage
from tests.world import World, make_world, utc_now

WIDTH, HEIGHT = 640, 400
BLANK = np.full((HEIGHT, WIDTH), 200, np.uint8)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Returns once the condition holds; fails, saying ``what`` did not happen."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def picture(text: str) -> NDArray[np.uint8]:
    """A frame with the text's QR code in the middle."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=4)
    code.add_data(text, optimize=0)
    code.make()
    modules = ~np.array(code.get_matrix(), bool)
    block = np.kron(modules.astype(np.uint8) * 200, np.ones((7, 7), np.uint8)).astype(np.uint8)
    frame = BLANK.copy()
    top, left = (HEIGHT - block.shape[0]) // 2, (WIDTH - block.shape[1]) // 2
    frame[top : top + block.shape[0], left : left + block.shape[1]] = block
    return frame


@dataclass
class Process:
    """A process of ours, with its output in a file."""

    words: list[str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it."""
        with self.log.open("ab") as log:
            self.running = subprocess.Popen([sys.executable, *self.words], stdout=log, stderr=log)

    def end(self, how: int = signal.SIGTERM) -> None:
        """Ends it, politely or not, and waits. One that is killed takes its workers with it: they would go on
        answering for a second."""
        if self.running is not None:
            workers = psutil.Process(self.running.pid).children(recursive=True) if how == signal.SIGKILL else []
            self.end_alone(how)
            for worker in workers:
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
            psutil.wait_procs(workers, 20)

    def end_alone(self, how: int) -> None:
        """Ends the process itself and waits; what it has started is left to itself."""
        if self.running is not None:
            self.running.send_signal(how)
            self.running.wait(20)
            self.running = None


@dataclass
class Kiosk:
    """A kiosk process, the pipe that is its camera, and what its screen showed."""

    process: Process
    pipe: Path
    screen: str
    greens: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    _film: BinaryIO | None = None
    _last: tuple[str, str, str] | None = None

    def start(self) -> None:
        """Starts the process and its film, and watches its screen."""
        self.process.start()
        self._film = self.pipe.open("wb")
        self._film.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 Cmono\n".encode())
        threading.Thread(target=self._watch, daemon=True).start()

    def frames(self, frame: NDArray[np.uint8], count: int) -> None:
        """The camera sees this for so many frames."""
        assert self._film is not None
        for _ in range(count):
            self._film.write(b"FRAME\n" + frame.tobytes())
            self._film.flush()

    def show(self, text: str) -> str:
        """Holds a code up until the screen has something to say; its words."""
        before = len(self.words)
        badge = picture(text)
        until = time.monotonic() + 20
        while len(self.words) == before and time.monotonic() < until:
            self.frames(badge, 1)
            time.sleep(0.02)
        self.frames(BLANK, 2)
        assert len(self.words) > before, f"nothing was shown; {self.process.log.read_text()[-2000:]}"
        return self.words[-1]

    def kill(self) -> None:
        """The plug is pulled."""
        self.process.end(signal.SIGKILL)
        self._close()

    def end(self) -> None:
        """Stops it in order."""
        self.process.end()
        self._close()

    def _close(self) -> None:
        if self._film is not None:
            with suppress(BrokenPipeError):
                self._film.close()
            self._film = None

    def _watch(self) -> None:
        wait_for(lambda: reachable(self.screen), f"{self.screen} is served")
        with (
            suppress(OSError, ValueError, HTTPException),
            urllib.request.urlopen(f"{self.screen}/events", timeout=30) as stream,
        ):
            for line in stream:
                if line.startswith(b"data: "):
                    self._note(json.loads(line[6:]))

    def _note(self, face: dict[str, str]) -> None:
        fresh = (face["key"], face["name"], face["detail"])
        if fresh == self._last:  # only the line about link and queue has changed
            return
        self._last = fresh
        if face["key"] in ("waiting", "starting", "reading", "moment"):
            return
        if face["key"] == "welcome":
            self.greens.append(face["name"])
        self.words.append(face["key"])


def reachable(url: str) -> bool:
    """Whether something answers at the address."""
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except OSError:
        return False
    return True


@dataclass
class Site:
    """A server and kiosks over one world."""

    folder: Path
    world: World
    url: str
    server: Process
    address: str
    kiosks: dict[str, Kiosk] = field(default_factory=dict)

    def start_server(self) -> None:
        """Starts the server and waits until it answers."""
        self.server.start()
        wait_for(lambda: reachable(f"{self.address}/sign-in"), "the server answers")

    def kiosk(self, gate: str) -> Kiosk:
        """A kiosk at the gate, started."""
        folder = self.folder / gate
        folder.mkdir()
        (folder / "enrolment.json").write_bytes(wire.encode(self.world.enrolments[gate]))
        os.mkfifo(folder / "camera.y4m")
        screen = f"127.0.0.1:{free_port()}"
        words = ["-m", "kiosk", "--data", str(folder), "--enrolment", str(folder / "enrolment.json")]
        words += ["--camera", str(folder / "camera.y4m"), "--screen", screen]
        kiosk = Kiosk(Process(words, folder / "log"), folder / "camera.y4m", f"http://{screen}")
        self.kiosks[gate] = kiosk
        kiosk.start()
        return kiosk

    def log(self) -> list[dict[str, object]]:
        """Every passage that the server holds."""
        with transaction(self.url) as connection:
            return [dict(row) for row in connection.execute(select(passage).order_by(passage.c.id)).mappings()]

    def inside(self) -> dict[str, int]:
        """Bodies inside each room."""
        with transaction(self.url) as connection:
            return occupancy.inside(connection)

    def accounts(self) -> dict[str, int]:
        """Seats granted to each kiosk."""
        with transaction(self.url) as connection:
            rows = connection.exec_driver_sql("SELECT device, SUM(granted) FROM account GROUP BY device").all()
            return {str(row[0]): int(row[1]) for row in rows}


@contextmanager
def running_site(folder: Path, settings: str = "") -> Iterator[Site]:
    """A server that runs, and a way to add kiosks. ``settings``: more lines for its file."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    url = f"sqlite:///{folder / 'server' / 'threshold.db'}"
    migrate(url)
    with transaction(url) as connection:
        world = make_world(connection, utc_now(), server=address)
    file = folder / "server.toml"
    file.write_text(f'data = "{folder / "server"}"\nbind = "127.0.0.1:{port}"\n{settings}')
    server = Process(["-m", "server", "--config", str(file), "run"], folder / "server.log")
    site = Site(folder, world, url, server, address)
    site.start_server()
    try:
        yield site
    finally:
        for kiosk in site.kiosks.values():
            if kiosk.process.running is not None:
                kiosk.end()
        if server.running is not None:
            server.end()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """See running_site."""
    with running_site(tmp_path) as site:
        yield site
