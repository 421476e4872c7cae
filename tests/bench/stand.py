"""What benchmarks stand on: a venue in a folder, a server process over it, free ports, the end of every child.

Knows nothing of what is measured.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from server.store.engine import migrate, transaction
from tests.world import World, make_world, utc_now

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Venue:
    """A venue whose server will listen on ``port``; the database lies in ``folder``."""

    folder: Path
    port: int
    world: World

    @property
    def url(self) -> str:
        """The database."""
        return database(self.folder)

    @property
    def command(self) -> list[str]:
        """Starts the server, once ``make_venue`` has written its settings."""
        return [sys.executable, "-m", "server", "--config", str(self.folder / "server.toml"), "run"]


def database(folder: Path) -> str:
    """Where the server of this folder keeps everything."""
    return f"sqlite:///{folder / 'threshold.db'}"


def make_venue(folder: Path, people: int, kiosks: Sequence[str]) -> Venue:
    """The tests' venue with so many people, a hall too large to fill, and kiosks that know the server's port."""
    port = free_port()
    migrate(database(folder))
    with transaction(database(folder)) as connection:
        server = f"http://127.0.0.1:{port}"
        world = make_world(connection, utc_now(), server=server, people=people, hall=200_000, kiosks=kiosks)
    (folder / "server.toml").write_text(f'data = "{folder}"\nbind = "127.0.0.1:{port}"\n')
    return Venue(folder, port, world)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block lasts; once something listens on its port, if it has one."""
    process = subprocess.Popen(command)
    try:
        if port:
            await_port(port)
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and whatever it has started; it may have ended already."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    process.terminate()
    try:
        process.wait(8)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        if child.is_running():
            child.kill()


def gunicorn(app: str, port: int) -> list[str]:
    """Starts an application as the server is started: one gthread worker."""
    words = ["-k", "gthread", "-w", "1", "--threads", "256", "--keep-alive", "75", "--log-level", "warning"]
    return [sys.executable, "-m", "gunicorn", *words, "-b", f"127.0.0.1:{port}", app]


def await_port(port: int) -> None:
    """Returns when something listens; ends the benchmark if nothing does."""

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(listens, f"nothing listens on port {port}")


def wait_for(holds: Callable[[], bool], otherwise: str) -> None:
    """Returns when it holds; ends the benchmark with these words if it does not come to hold."""
    until = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > until:
            raise SystemExit(otherwise)
        time.sleep(0.002)


def end_children_on_sigterm() -> None:
    """SIGTERM unwinds the stack like Ctrl-C does, so that no child outlives the benchmark."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def p(share: int, values: Sequence[float]) -> float:
    """The value below which ``share`` per cent of them lie: the nearest rank."""
    return sorted(values)[max(0, -(-len(values) * share // 100) - 1)]
