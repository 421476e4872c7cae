"""A kiosk as it ships, but for camera, network and clock: real disk, real messages to a real server's lanes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from admission import wire
from admission.errors import DiskError, NetworkError, PeerError
from admission.wire import Answer, Lane, Presenting, Whereabouts
from kiosk.clock import Clock
from kiosk.courier import Courier
from kiosk.disk import Disk
from kiosk.dispatch import Dispatch, Vitals
from kiosk.doorkeeper import Doorkeeper
from kiosk.face import Shown, Status
from kiosk.gate import Gate
from kiosk.journal import Journal
from kiosk.parts import Parts
from kiosk.reader import Advice, Frame, Reading, Sight
from kiosk.stages import Stage
from kiosk.standing import Standing
from server import stewards
from server.store.engine import PostgresStore, SqliteStore
from server.web import Parts as ServerParts
from server.web import create_parts
from server.web.kiosks import Lanes
from tests.kiosk.watch import CODE, Watch, Watches
from tests.world import World, make_world, utc_now


class Recorder:
    """A face that remembers what it showed."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.status = Status()

    def show(self, shown: Shown) -> None:
        """See Face."""
        self.shown.append(shown)

    def report(self, status: Status) -> None:
        """See Face."""
        self.status = status

    @property
    def now(self) -> str:
        """The words that are shown."""
        return self.shown[-1].key


class Script:
    """A reader that reads what the test says is in view."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.advice: Advice | None = None

    def look(self, _frame: Frame, _now_ms: int, *, insist: bool = False) -> Sight:  # noqa: ARG002 - what is in view is said
        """See Reader."""
        readings = tuple(Reading(text, 0, 0) for text in self.texts)
        return Sight(readings=readings, spent=(("script", 0.0),), advice=self.advice)


@dataclass
class DirectLine:
    """Real letters and answers, without a network; ``cut`` takes the server away, ``garble`` spoils its answers."""

    dispatch: Dispatch
    lanes: Lanes
    cut: bool = False
    garble: Callable[[bytes], bytes] = field(default=lambda body: body)
    up: bool = False
    trouble: str = ""
    asked: int = 0

    def exchange(self, lane: Lane, presenting: Presenting | None = None) -> Answer:
        """One letter and its answer. Raises NetworkError or PeerError."""
        if self.cut:
            self.up = False
            raise NetworkError("cut")
        letter = self.dispatch.write(lane, presenting)
        name, signature = letter.headers[wire.DEVICE_HEADER], letter.headers[wire.SIGNATURE_HEADER]
        body, sealed = self.lanes.converse(letter.body, name, signature)
        answer = self.dispatch.read(letter, self.garble(body), sealed)
        self.up, self.trouble = True, ""
        return answer

    def ask(self, badge: int, room: str) -> Whereabouts | None:
        """See Line."""
        self.asked += 1
        return self._try(Presenting(self.asked, badge, room))

    def flush(self) -> None:
        """See Line."""
        self._try(None)

    def _try(self, presenting: Presenting | None) -> Whereabouts | None:
        try:
            return self.exchange(Lane.ASK, presenting).whereabouts
        except (NetworkError, PeerError, DiskError) as error:
            self.up, self.trouble = False, str(error)
            return None


@dataclass
class Time:
    """The server's clock; it goes on whenever somebody comes to a door."""

    start: datetime
    elapsed: timedelta = timedelta(seconds=5)

    def __call__(self) -> datetime:
        """The instant."""
        return self.start + self.elapsed


class Kiosk:
    """A kiosk on a folder; ``restart`` makes it anew from what is on the disk."""

    frame = np.zeros((48, 64), np.uint8)

    def __init__(self, folder: Path, world: World, lanes: Lanes, gate: str, time: Time) -> None:
        self.folder, self.world, self.lanes, self.gate_name = folder, world, lanes, gate
        self.time = time
        self.ms = 1_000_000
        self.boot = "boot-1"
        self.rolled_back = 0
        self.start()

    def note_rolled_back(self) -> None:
        """What the process would end for."""
        self.rolled_back += 1

    def start(self) -> None:
        """Builds the parts as kiosk.station does."""
        self.disk = Disk(self.folder / "kiosk.db", 77)
        self.journal, self.standing = Journal(self.disk), Standing(self.disk)
        self.clock = Clock(self.boot, lambda: self.ms)
        self.doorkeeper = Doorkeeper(self.disk, self.journal, self.standing, self.clock)
        enrolment = self.world.enrolments[self.gate_name]
        self.dispatch = Dispatch(enrolment, self.disk, self.journal, self.standing, self.clock, Vitals())
        self.line = DirectLine(self.dispatch, self.lanes)
        self.face, self.script = Recorder(), Script()
        self.courier = Courier(self.dispatch, self.journal, self.standing, self.note_rolled_back)
        self.parts = Parts(
            self.journal,
            self.standing,
            self.doorkeeper,
            self.clock,
            self.line,
            self.script,
            self.face,
            self.courier,
        )
        self.gate = Gate(self.parts)

    def restart(self, *, boot: str | None = None) -> None:
        """The process ends and starts again; with ``boot``, the whole machine."""
        self.disk.close()
        if boot is not None:
            self.boot, self.ms = boot, 5_000
        self.start()

    def hear(self) -> None:
        """Enough news to know everything and to hold seats."""
        for _ in range(3):
            self.time.elapsed += timedelta(seconds=2)
            self.line.exchange(Lane.NEWS)

    def show(self, who: str, *, later_ms: int = 30_000) -> str:
        """Somebody holds up their badge, ``later_ms`` after the last; the words that they see."""
        self.ms += later_ms
        self.time.elapsed += timedelta(milliseconds=later_ms)
        return self.gate.present(self.world.tokens.get(who, who)).key


@pytest.fixture
def kiosk_world(sqlite_store: SqliteStore | PostgresStore) -> World:
    """The small venue on SQLite."""
    return sqlite_store.write(lambda connection: make_world(connection, utc_now()))


@pytest.fixture
def time(kiosk_world: World) -> Time:
    """The server's clock; it starts a little after the world was made."""
    return Time(kiosk_world.now)


@pytest.fixture
def server_parts(sqlite_store: SqliteStore | PostgresStore, time: Time) -> ServerParts:
    """A server's parts."""
    return create_parts(sqlite_store, time)


@dataclass
class Doors:
    """Makes kiosks at gates of one world."""

    folder: Path
    world: World
    lanes: Lanes
    time: Time
    made: list[Kiosk] = field(default_factory=list)

    def __call__(self, gate: str, *, heard: bool = True) -> Kiosk:
        """A kiosk at the gate, which has heard the news."""
        kiosk = Kiosk(self.folder / gate, self.world, self.lanes, gate, self.time)
        self.made.append(kiosk)
        if heard:
            kiosk.hear()
        return kiosk


@pytest.fixture
def door(tmp_path: Path, kiosk_world: World, server_parts: ServerParts, time: Time) -> Iterator[Doors]:
    """Makes kiosks."""
    doors = Doors(tmp_path, kiosk_world, Lanes(server_parts), time)
    yield doors
    for kiosk in doors.made:
        kiosk.disk.close()


@pytest.fixture
def watch(door: Doors, sqlite_store: SqliteStore | PostgresStore) -> Watches:
    """Makes a kiosk at a gate whose steward p5 has a code."""
    sqlite_store.write(lambda c: stewards.set_code(c, "p5", CODE, os.urandom(16), os.urandom))
    return lambda gate: Watch(door(gate))


@pytest.fixture
def opened(watch: Watches) -> Watches:
    """The same, with the menu open."""

    def make(gate: str) -> Watch:
        made = watch(gate)
        assert made.try_code() is Stage.MENU
        return made

    return make
