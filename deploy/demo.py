"""The demo: a made-up summit comes in through three doors, on the real clock. Started by deploy/demo.sh.

Makes the event, starts the server and three kiosks as they ship, plays footage to the kiosks' cameras as it is
rendered, and shows one live view of it all. Ctrl-C ends every process.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import click
import cv2
import numpy as np

from admission import wire
from admission.errors import ThresholdError
from deploy.crowd import DOORS, Door, Visitor, showings, visitors
from deploy.footage import Scene, play, write_y4m
from deploy.view import View
from server import badges, devices, event, imports, programme, summit, users
from server.cards import draw_cards
from server.event import NewEvent
from server.store.engine import migrate, transaction
from server.users import Role

SIZE = (1280, 720)
FPS = 10
OPENING_IN = timedelta(minutes=4)
ZONE = "Europe/Paris"
USERS = (("security", Role.SUPERVISOR), ("organiser", Role.ORGANISER), ("admin", Role.ADMIN))


@dataclass(frozen=True, slots=True)
class Place:
    """Where the demo lies and listens."""

    folder: Path
    server_port: int
    screen_ports: tuple[int, ...]
    password: str

    @property
    def server(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def database(self) -> str:
        """The server's database."""
        return f"sqlite:///{self.folder / 'server' / 'threshold.db'}"

    def kiosk(self, number: int) -> Path:
        """A kiosk's folder."""
        return self.folder / f"kiosk-{number + 1}"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--camera", help="a real camera (like 0) in place of the first replayed one")
@click.option("--keep", type=click.Path(path_type=Path), help="keep the data in this folder, which must be empty")
@click.option("--port", type=int, default=8080, show_default=True, help="the server's port, or the next free one")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--for", "seconds", type=float, help="stop by itself after so many seconds")
def main(camera: str | None, keep: Path | None, port: int, seed: int, seconds: float | None) -> None:
    """A summit comes in through three doors. Ctrl-C ends it."""
    cv2.setNumThreads(1)
    os.umask(0o077)
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _interrupt)
    try:
        with _folder(keep) as folder:
            ports = _free_ports(port, 1 + len(DOORS))
            place = Place(folder, ports[0], tuple(ports[1:]), secrets.token_urlsafe(9))
            _run(place, camera, seed, seconds)
    except ThresholdError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    except KeyboardInterrupt:
        pass
    click.echo(f"stopped; the data is in {keep}" if keep else "stopped; nothing is left behind")


def _run(place: Place, camera: str | None, seed: int, seconds: float | None) -> None:
    click.echo("making the summit: 1,200 people, 12 rooms, 42 sessions ...")
    people = _prepare(place, seed)
    with _processes(place.folder / "logs") as start:
        start("server", "threshold-server", "--config", str(place.folder / "server.toml"), "run")
        _await_server(place)
        for number, door in enumerate(DOORS):
            source = camera if camera is not None and number == 0 else _film(place, number, door, people, seed)
            start(f"kiosk-{number + 1}", *_kiosk_command(place, number, source))
        _print_addresses(place)
        threading.Thread(target=_sample_badges, args=(place,), daemon=True).start()
        View(place.database, _now).run(seconds, start.check)


def _prepare(place: Place, seed: int) -> list[Visitor]:
    """Event, programme, people, badges, kiosks and users; everybody who can come."""
    migrate(place.database)
    csv = place.folder / "csv"
    opening = (_now() + OPENING_IN).replace(second=0, microsecond=0).astimezone(event.zone_of(ZONE))
    summit.write_csv(summit.make_summit(seed, opening), csv)
    epoch = _now().replace(minute=0, second=0, microsecond=0)
    new = NewEvent(1, "AI Summit (demo)", ZONE, epoch, show_names=True, languages=("en", "fr"))
    with transaction(place.database) as connection:
        event.start(connection, new, (os.urandom(32), os.urandom(32), os.urandom(32)))
        imports.run(connection, imports.read_folder(csv), os.urandom)
        badges.issue(connection, badges.Selection(None, reprint=False), _now(), os.urandom)
        badges.revoke(connection, [f"p{number:04}" for number in range(40, 1200, 60)], "demo: lost", _now())
        for number, door in enumerate(DOORS):
            seed_bytes = os.urandom(32)
            given = devices.add_kiosk(connection, f"kiosk-{number + 1}", door.gate, place.server, seed_bytes, _now())
            place.kiosk(number).mkdir(parents=True)
            (place.kiosk(number) / "enrolment.json").write_bytes(wire.encode(given))
        for name, role in USERS:
            users.set_user(connection, name, place.password, role, os.urandom(16))
        everybody = visitors(connection, programme.read(connection, event.read(connection)))
    settings = f'data = "{place.folder / "server"}"\nbind = "127.0.0.1:{place.server_port}"\n'
    (place.folder / "server.toml").write_text(settings)
    return everybody


def _film(place: Place, number: int, door: Door, people: Sequence[Visitor], seed: int) -> str:
    """Plays the door's crowd into a pipe, in a thread; the pipe's path."""
    pipe = place.kiosk(number) / "camera.y4m"
    os.mkfifo(pipe)
    share = people[number :: len(DOORS)]  # nobody is at two doors

    def project() -> None:
        while True:  # a kiosk that is started again opens its camera again
            scene = Scene(SIZE, FPS, np.random.default_rng(seed * 10 + number))
            crowd = showings(door, share, seed, time.monotonic() + 1.0)
            with suppress(BrokenPipeError), pipe.open("wb") as out:
                write_y4m(play(crowd, scene, time.monotonic, time.sleep), out, SIZE, FPS)

    threading.Thread(target=project, name=f"film-{number + 1}", daemon=True).start()
    return str(pipe)


def _kiosk_command(place: Place, number: int, source: str) -> list[str]:
    folder = place.kiosk(number)
    screen = f"127.0.0.1:{place.screen_ports[number]}"
    options = {"--data": str(folder), "--enrolment": str(folder / "enrolment.json"), "--camera": source}
    return ["threshold-kiosk", *[word for pair in options.items() for word in pair], "--screen", screen]


class _Starter:
    """Starts the demo's processes, each with a log file of its own."""

    def __init__(self, logs: Path) -> None:
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._logs = logs
        logs.mkdir()

    def __call__(self, name: str, command: str, *arguments: str) -> None:
        """Starts a command of this environment."""
        program = str(Path(sys.executable).parent / command)
        with (self._logs / f"{name}.log").open("wb") as log:
            # Own process group: Ctrl-C reaches the demo alone, which then ends them in order.
            self.running[name] = subprocess.Popen(
                [program, *arguments], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def check(self) -> str:
        """What is wrong with the processes, with the end of the log; "" if all run."""
        for name, process in self.running.items():
            if process.poll() is not None:
                tail = (self._logs / f"{name}.log").read_text(errors="replace")[-600:]
                return f"{name} ended with status {process.returncode}:\n{tail}"
        return ""

    def end(self) -> None:
        """Ends them all: the kiosks first, so that they can still deliver."""
        for process in reversed(self.running.values()):
            process.terminate()
        for process in reversed(self.running.values()):
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def _processes(logs: Path) -> Iterator[_Starter]:
    starter = _Starter(logs)
    try:
        yield starter
    finally:
        click.echo("stopping ...")
        starter.end()


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        if keep.exists() and any(keep.iterdir()):
            raise ThresholdError(f"{keep} is not empty; name a folder that is new or empty")
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="threshold-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _await_server(place: Place) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"{place.server}/sign-in", timeout=2).close()  # noqa: S310 - our own server
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise ThresholdError("the server did not start within 20 s")


def _sample_badges(place: Place) -> None:
    """Four badges to print and hold up to a real camera."""
    with transaction(place.database) as connection, (place.folder / "badges.pdf").open("wb") as out:
        draw_cards(badges.cards(connection, [1, 2, 3, 4]), out, "AI Summit (demo)")


def _print_addresses(place: Place) -> None:
    click.echo()
    click.echo(f"  board   {place.server}/board   (on a wall: {place.server}/board?wall)")
    click.echo(f"  log     {place.server}/log   (organiser and admin)")
    for number, door in enumerate(DOORS):
        click.echo(f"  door    http://127.0.0.1:{place.screen_ports[number]}/   {door.gate}")
    names = ", ".join(f"{name} ({role.value})" for name, role in USERS)
    click.echo(f"  sign in as {names}; password for all: {place.password}")
    click.echo(f"  badges to print and hold up: {place.folder / 'badges.pdf'}")
    click.echo("  Ctrl-C ends it all.")
    click.echo()


def _free_ports(first: int, count: int) -> list[int]:
    found: list[int] = []
    for port in range(first, 65536):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise ThresholdError(f"no free ports from {first} on; give another --port")


def _now() -> datetime:
    return datetime.now(UTC)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
