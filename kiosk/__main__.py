"""The kiosk's command: the only file that names real devices, the clock and chance. Parses, builds the parts, runs."""

from __future__ import annotations

import logging
import os
import random
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import click
import cv2
import msgspec

from admission.errors import ConfigError, ThresholdError
from admission.wire import Enrolment
from kiosk.camera import Away, Care, Shot, lasting
from kiosk.camera.lens import Lens
from kiosk.camera.pace import Pace
from kiosk.clock import Clock
from kiosk.config import (
    Config,
    check_place,
    find_enrolment,
    machine_name,
    read,
    read_enrolment,
    write_enrolment,
)
from kiosk.courier import Courier
from kiosk.disk import Disk
from kiosk.dispatch import Dispatch, Vitals
from kiosk.doorkeeper import Doorkeeper
from kiosk.face import Face, Place, corner, courier_view
from kiosk.face.screen import Screen
from kiosk.gate import Gate, Parts
from kiosk.health import Diary
from kiosk.journal import Journal
from kiosk.machine import Machine
from kiosk.padlock import Padlock
from kiosk.pairing import Booth, Candidate, converse
from kiosk.postbox import Postbox
from kiosk.reader import Reader
from kiosk.reader.cell import Cell
from kiosk.reader.eye import Eye
from kiosk.readout import Wanted, begin_store, read_out
from kiosk.standing import Standing
from kiosk.steward import Corner
from kiosk.stewarding import Stewarding
from kiosk.uplink import Uplink
from kiosk.watchdog import Watchdog

STORE = "kiosk.db"
ROLLED_BACK = 75
"""Exit status after a store was found to be an older copy; systemd starts the kiosk again, with a new store."""


def boot_ms() -> int:
    """Milliseconds since boot; never jumps, also counts sleep."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path), help="the settings (TOML)")
@click.option("--data", help="the folder of this kiosk's store")
@click.option("--enrolment", help="the file that makes this machine a kiosk; if there is none, it pairs first")
@click.option("--camera", help="a device number, picamera, a video, a directory of images or a YUV4MPEG2 stream")
@click.option("--screen", help="host:port of the face's page")
@click.pass_context
def main(context: click.Context, /, config: Path | None, **given: str | None) -> None:
    """Threshold's kiosk: reads badges at one gate and decides at once."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what it says is said better by ours
    os.umask(0o077)
    with _plain_errors():
        settings = _settings(config, given)
        if context.invoked_subcommand is None:
            sys.exit(run(settings))
        context.obj = settings


@main.command()
@click.option("--code", required=True, help="the text of the pairing code, from the server's Kiosks page")
@click.option("--config", type=click.Path(path_type=Path), help="the settings (TOML)")
@click.option("--enrolment", help="the file to write")
@click.option("--replace", is_flag=True, help="even if this kiosk is enrolled already")
@click.pass_obj
def enrol(before: Config, code: str, config: Path | None, enrolment: str | None, replace: bool) -> None:
    """Pair this machine without its camera: prints six digits to compare, and waits until they are confirmed."""
    with _plain_errors():
        given = read(config) if config is not None else before
        path = Path(enrolment or given.enrolment_path)
        if not replace and path.exists():
            raise ConfigError(f"{path} exists: this kiosk is enrolled already; give --replace to enrol it anew")
        check_place(path)
        candidate = Candidate(code.strip(), secrets.token_bytes(32), Postbox(given.ca))
        made, answer = converse(candidate, click.echo, time.sleep)
        write_enrolment(path, made)
    click.echo(f"enrolled as {answer.device} at {answer.gate}; {path} is written")


@main.command("export")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="the file to write")
@click.option("--config", type=click.Path(path_type=Path), help="the settings (TOML)")
@click.option("--data", help="the folder of this kiosk's store")
@click.option("--enrolment", help="the file that makes this machine a kiosk")
@click.option("--store", type=click.Path(path_type=Path), help="one store by its file, such as one that was put aside")
@click.option("--all", "whole", is_flag=True, help="the whole journal, not only what the server has not acknowledged")
@click.option("--close", is_flag=True, help="end this store for good: its unspent seats can then be vouched for")
@click.pass_obj
def export_journal(before: Config, /, config: Path | None, store: Path | None, **given: Any) -> None:
    """Write the journal of a stopped kiosk to a file, for threshold-server read-journal."""
    wanted = Wanted(given.pop("out"), given.pop("whole"), given.pop("close"))
    with _plain_errors():
        settings = msgspec.structs.replace(
            read(config) if config is not None else before, **{k: v for k, v in given.items() if v is not None}
        )
        path = store or Path(settings.data) / STORE
        passages = read_out(path, read_enrolment(settings.enrolment_path), _clock(), wanted)
    click.echo(
        f"{passages} passages and the report are in {wanted.out}; on the server: threshold-server read-journal FILE"
    )
    if wanted.close:
        click.echo("this store is closed: it admits nobody any more, and this kiosk begins a new one when it starts")


def _clock() -> Clock:
    return Clock(Path("/proc/sys/kernel/random/boot_id").read_text().strip(), boot_ms)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Our own errors are told in a sentence, without a traceback."""
    try:
        yield
    except ThresholdError as error:
        raise click.ClickException(str(error)) from error


def _settings(config: Path | None, given: Mapping[str, str | None]) -> Config:
    return msgspec.structs.replace(read(config), **{k: v for k, v in given.items() if v is not None})


@dataclass(frozen=True, slots=True)
class Kiosk:
    """The parts of an enrolled kiosk, joined."""

    disk: Disk
    standing: Standing
    uplink: Uplink
    gate: Gate
    courier: Courier
    corner: Corner
    diary: Diary


def build(
    settings: Config, enrolment: Enrolment, reader: Reader, face: Face, on_rolled_back: Callable[[], None]
) -> Kiosk:
    """Opens the store and joins the parts; nothing talks or looks yet. Raises DiskError."""
    disk = begin_store(Path(settings.data) / STORE, (secrets.randbits(48) for _ in count()))
    clock = _clock()
    journal, standing = Journal(disk), Standing(disk)
    doorkeeper = Doorkeeper(disk, journal, standing, clock)
    diary = Diary(clock.ms, version("threshold"))
    machine = Machine(Path(settings.data), clock)
    vitals = Vitals(
        lambda: doorkeeper.arrivals, machine_name(settings.machine), lambda: machine.measure(diary.figures())
    )
    dispatch = Dispatch(enrolment, disk, journal, standing, clock, vitals)
    uplink = Uplink(dispatch, enrolment.server, settings.ca, random.random, on_rolled_back)
    courier = Courier(dispatch, journal, standing, on_rolled_back)
    stewarding, padlock = Stewarding(disk, journal, standing, clock), Padlock(disk, standing, clock)
    steward = Corner(stewarding, padlock, standing, clock, uplink)
    gate = Gate(Parts(journal, standing, doorkeeper, clock, uplink, reader, face, courier, steward, diary))
    return Kiosk(disk, standing, uplink, gate, courier, steward, diary)


def run(settings: Config) -> int:
    """Runs the kiosk until it is told to stop, pairing it first if it has no enrolment; the exit status."""
    host, port = settings.screen_address
    station = _Station(settings)
    page = station.screen.serve(host, port)
    click.echo(f"the door's screen is at http://{settings.screen}/")
    lens = Lens(settings.camera, settings.optics, station.pace, boot_ms, time.sleep)
    try:
        station.work(lasting(lens.open, time.sleep, station.care))
    except KeyboardInterrupt:
        station.stop.status = station.stop.status or 0
    page.shutdown()
    station.close()
    return station.stop.status or 0


class _Station:
    """Screen, reader and watchdog, and the kiosk as soon as there is an enrolment."""

    def __init__(self, settings: Config) -> None:
        """Raises ConfigError or DiskError for what would stop it later."""
        self._settings, self._path = settings, settings.enrolment_path
        self._cell = Cell(time.monotonic)
        self._cell.ready()  # it starts while the rest does
        self._reader = Eye(lambda: time.thread_time() * 1000 + self._cell.cpu_ms, self._cell.read, settings.budget_ms)
        self._reader.warm_up()
        self._watchdog = Watchdog(os.environ.get("NOTIFY_SOCKET"))
        self._kiosk: Kiosk | None = None
        self.care, self.pace = Care(), Pace(settings.optics.fps, settings.optics.idle_fps)
        enrolment = find_enrolment(self._path)
        self.stop = _Stop()
        self.screen = Screen(self._place, [courier_view.blueprint(self._slips), corner.blueprint(self._corner)])
        if enrolment is None:
            check_place(self._path)
        else:
            self._kiosk = self._build(enrolment)

    def work(self, shots: Iterator[Shot | Away]) -> None:
        """Pairs if it must, then keeps the gate; returns when there are no more frames, or it is to stop."""
        if self._kiosk is None:
            enrolment = self._pair(shots)
            if enrolment is None:
                return
            write_enrolment(self._path, enrolment)
            self._kiosk = self._build(enrolment)
        self._kiosk.uplink.start()
        for shot in shots:
            self._kiosk.gate.step(shot if isinstance(shot, Away) else shot.frame)
            self.pace.note(self._kiosk.gate.awake, boot_ms())
            self._kiosk.diary.note_camera(self.care.trouble, self.care.reopened)
            self._watchdog.feed(boot_ms())
            if self.stop.status is not None:
                return

    def close(self) -> None:
        """Lets go of zbar, network and store."""
        self._cell.close()
        if self._kiosk is None:
            return
        self._kiosk.uplink.close()
        if self.stop.status == ROLLED_BACK:
            self._kiosk.disk.put_aside("rolled-back")
        else:
            self._kiosk.disk.close()

    def _pair(self, shots: Iterator[Shot | Away]) -> Enrolment | None:
        post = Postbox(self._settings.ca)
        booth = Booth(self._reader, post, self.screen, lambda: secrets.token_bytes(32), boot_ms)
        for shot in shots:
            enrolment = booth.step(shot if isinstance(shot, Away) else shot.frame)
            self.pace.note(True, boot_ms())
            self._watchdog.feed(boot_ms())
            if enrolment is not None:
                return enrolment
        return None

    def _build(self, enrolment: Enrolment) -> Kiosk:
        return build(self._settings, enrolment, self._reader, self.screen, lambda: self.stop.now(ROLLED_BACK))

    def _corner(self) -> Corner | None:
        return self._kiosk.corner if self._kiosk is not None else None

    def _slips(self) -> list[str]:
        return self._kiosk.courier.slips() if self._kiosk is not None else []

    def _place(self) -> Place:
        site = self._kiosk.standing.site if self._kiosk is not None else None
        return Place() if site is None else Place(site.gate.name, site.room.name, site.programme.timezone)


class _Stop:
    """Ends the loop: SIGTERM and SIGINT interrupt even a camera that blocks."""

    def __init__(self) -> None:
        self.status: int | None = None
        signal.signal(signal.SIGTERM, self._interrupt)

    def now(self, status: int) -> None:
        """Ends the process with this status; may be called from any thread."""
        self.status = status
        os.kill(os.getpid(), signal.SIGTERM)  # Python runs handlers in the main thread

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt


if __name__ == "__main__":
    main()
