"""The kiosk's parts, joined: settings in, a door that reads badges out. Part of ``__main__``, which alone imports it.

Everything that has a clock, a device or a process of its own is made here and passed on.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import version
from itertools import count
from pathlib import Path

import click
from flask import Blueprint

from admission.findings import Finding
from admission.wire import Enrolment
from kiosk import doctor, pins, power
from kiosk.camera import Away, Care, Shot, lasting
from kiosk.camera.lens import Lens
from kiosk.camera.pace import Pace
from kiosk.clock import Clock
from kiosk.config import Config, check_place, find_enrolment, machine_name, write_enrolment
from kiosk.courier import Courier
from kiosk.disk import Disk
from kiosk.dispatch import Dispatch, Vitals
from kiosk.doorkeeper import Doorkeeper
from kiosk.face import Face, Faces, Place, Shown, checks, corner, courier_view, sounds, viewfinder
from kiosk.face.lamp import lamp
from kiosk.face.screen import Screen
from kiosk.face.sound import hours
from kiosk.gate import Gate
from kiosk.health import Diary
from kiosk.journal import Journal
from kiosk.machine import Machine
from kiosk.padlock import Padlock
from kiosk.pairing import Booth
from kiosk.parts import Parts
from kiosk.postbox import Postbox
from kiosk.probes import look_at_enrolment
from kiosk.reader import Reader, Sight
from kiosk.reader.cell import Cell
from kiosk.reader.eye import Eye
from kiosk.readout import begin_store
from kiosk.self_test import SelfTest
from kiosk.standing import Standing
from kiosk.steward import Corner
from kiosk.stewarding import Stewarding
from kiosk.stop import Stop
from kiosk.tools import Bench, Tools
from kiosk.turnstile import turnstile
from kiosk.uplink import Uplink
from kiosk.volume import Volume
from kiosk.watchdog import Watchdog
from kiosk.way import Barrier, Way

STORE = "kiosk.db"
ROLLED_BACK = 75
"""Exit status after a store was found to be an older copy; systemd starts the kiosk again, with a new store."""
RUN = os.environ.get("RUNTIME_DIRECTORY")
"""This service's folder under /run (systemd.exec(5)), None outside of systemd."""
AGAIN = 0
"""Exit status when a steward starts the program again: systemd does."""


def boot_ms() -> int:
    """Milliseconds since boot; never jumps, also counts sleep."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def this_boot() -> Clock:
    """The clock of this boot, not anchored yet."""
    return Clock(Path("/proc/sys/kernel/random/boot_id").read_text().strip(), boot_ms)


@contextmanager
def eye(settings: Config) -> Iterator[Reader]:
    """A reader that has warmed up, and the process in which zbar lives."""
    cell = Cell(time.monotonic)
    try:
        cell.ready()  # it starts while the rest does
        made = Eye(lambda: time.thread_time() * 1000 + cell.cpu_ms, cell.read, settings.budget_ms)
        made.warm_up()
        yield made
    finally:
        cell.close()


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
    volume: Volume
    inside: Callable[[], list[Finding]]


@dataclass(frozen=True, slots=True)
class Hardware:
    """What the kiosk is joined with: all of it is there before there is an enrolment."""

    reader: Reader
    face: Face
    barrier: Barrier
    test: SelfTest
    end: Callable[[int], None]


def build(settings: Config, enrolment: Enrolment, hardware: Hardware) -> Kiosk:
    """Opens the store and joins the parts; nothing talks or looks yet. Raises DiskError."""
    disk = begin_store(Path(settings.data) / STORE, (secrets.randbits(48) for _ in count()))
    clock = this_boot()
    journal, standing = Journal(disk), Standing(disk)
    doorkeeper = Doorkeeper(disk, journal, standing, clock)
    diary = Diary(clock.ms, version("threshold"))
    machine = Machine(Path(settings.data), clock)
    vitals = Vitals(
        lambda: doorkeeper.arrivals, machine_name(settings.machine), lambda: machine.measure(diary.figures())
    )
    dispatch = Dispatch(enrolment, disk, journal, standing, clock, vitals)
    roll_back = partial(hardware.end, ROLLED_BACK)
    uplink = Uplink(dispatch, enrolment.server, enrolment.ca or settings.ca, random.random, roll_back)
    courier = Courier(dispatch, journal, standing, roll_back)
    stewarding, padlock = Stewarding(disk, journal, standing, clock), Padlock(disk, standing, clock)
    volume = Volume(settings.volume, hours(settings.silent_hours), disk, standing, clock)
    tools = Tools(
        Bench(
            journal,
            standing,
            clock,
            volume,
            hardware.test,
            partial(power.end, restart=partial(hardware.end, AGAIN), folder=RUN),
        )
    )
    steward = Corner(stewarding, padlock, standing, clock, uplink, tools)
    way = Way(hardware.barrier, stewarding, standing)
    reader, face = hardware.reader, hardware.face
    parts = Parts(journal, standing, doorkeeper, clock, uplink, reader, face, courier, steward, diary, way)
    gate = Gate(replace(parts, test=hardware.test))

    def inside() -> list[Finding]:
        gate_name = standing.site.gate.name if standing.site is not None else ""
        return doctor.inside(look_at_enrolment(settings.enrolment_path), gate_name, journal.waiting, clock)

    return Kiosk(disk, standing, uplink, gate, courier, steward, diary, volume, inside)


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
    station.screen.show(Shown("trouble", "switched_off"))
    page.shutdown()
    station.close()
    return station.stop.status or 0


class _Station:
    """Screen, lamps, reader and watchdog, and the kiosk as soon as there is an enrolment."""

    def __init__(self, settings: Config) -> None:
        """Raises ConfigError or DiskError for what would stop it later."""
        self._settings, self._path = settings, settings.enrolment_path
        self._open = ExitStack()
        self._reader = self._open.enter_context(eye(settings))
        self._watchdog = Watchdog(os.environ.get("NOTIFY_SOCKET"))
        self._kiosk: Kiosk | None = None
        self.care, self.pace = Care(), Pace(settings.optics.fps, settings.optics.idle_fps)
        enrolment = find_enrolment(self._path)
        self.stop = Stop()
        self._viewfinder = viewfinder.Viewfinder()
        self._test = SelfTest(boot_ms, doctor.wanted(settings), lambda: self._kiosk.inside() if self._kiosk else [])
        self.screen = Screen(self._place, self._pages())
        header = cache(self._header)
        self._lamp = lamp(settings.pins, header, boot_ms, lambda: self._place().volume == 0)
        self._barrier = turnstile(settings.pins, header, boot_ms)
        if enrolment is None:
            check_place(self._path)
        else:
            self._kiosk = self._build(enrolment)

    def work(self, shots: Iterator[Shot | Away]) -> None:
        """Pairs if it must, then keeps the gate; returns when there are no more frames, or it is to stop."""
        seen = self._seen(shots)
        if self._kiosk is None:
            enrolment = self._pair(seen)
            if enrolment is None:
                return
            write_enrolment(self._path, enrolment)
            self._kiosk = self._build(enrolment)
        self._kiosk.uplink.start()
        for shot in seen:
            self._kiosk.gate.step(shot if isinstance(shot, Away) else shot.frame)
            self.pace.note(self._kiosk.gate.awake, boot_ms())
            self._kiosk.diary.note_camera(self.care.trouble, self.care.reopened)
            self._watchdog.feed(boot_ms())
            if self.stop.status is not None:
                return

    def close(self) -> None:
        """Lets go of zbar, pins, network and store."""
        self._barrier.close()
        self._lamp.close()
        self._open.close()
        if self._kiosk is None:
            return
        self._kiosk.uplink.close()
        if self.stop.status == ROLLED_BACK:
            self._kiosk.disk.put_aside("rolled-back")
        else:
            self._kiosk.disk.close()

    def _header(self) -> object:
        """The Pi's pins, let go of at the end. Raises PinsAway."""
        made = pins.header(Path(self._settings.data))
        self._open.callback(made.close)
        return made

    def _pages(self) -> list[Blueprint]:
        pages = [
            courier_view.blueprint(self._slips),
            corner.blueprint(self._corner),
            sounds.blueprint(),
            checks.blueprint(self._test),
        ]
        if self._settings.live_picture:
            pages.append(viewfinder.blueprint(self._viewfinder, boot_ms))
        return pages

    def _seen(self, shots: Iterator[Shot | Away]) -> Iterator[Shot | Away]:
        """All of them, each shown to the visitor first."""
        for shot in shots:
            self._viewfinder.see(None if isinstance(shot, Away) else shot.frame, boot_ms())
            yield shot

    def _pair(self, shots: Iterator[Shot | Away]) -> Enrolment | None:
        post = Postbox(self._settings.ca)
        booth = Booth(self._reader, post, self.screen, lambda: secrets.token_bytes(32), boot_ms)
        for shot in shots:
            enrolment = booth.step(shot if isinstance(shot, Away) else shot.frame)
            self._look_after_camera(shot)
            self.pace.note(True, boot_ms())
            self._watchdog.feed(boot_ms())
            if enrolment is not None:
                return enrolment
        return None

    def _look_after_camera(self, shot: Shot | Away) -> None:
        """Before there is a gate, the self-test sees frames, and nothing in them."""
        if isinstance(shot, Away):
            self._test.lose(shot.why)
        else:
            self._test.see(shot.frame, Sight(), boot_ms())

    def _build(self, enrolment: Enrolment) -> Kiosk:
        face = Faces([self.screen, self._lamp], lambda: self._lamp.trouble)
        return build(self._settings, enrolment, Hardware(self._reader, face, self._barrier, self._test, self.stop.now))

    def _corner(self) -> Corner | None:
        return self._kiosk.corner if self._kiosk is not None else None

    def _slips(self) -> list[str]:
        return self._kiosk.courier.slips() if self._kiosk is not None else []

    def _place(self) -> Place:
        kiosk = self._kiosk
        if kiosk is None or kiosk.standing.site is None:
            return Place(volume=self._settings.volume)
        site = kiosk.standing.site
        programme = site.programme
        return Place(site.gate.name, site.room.name, programme.timezone, programme.languages, kiosk.volume.now())
