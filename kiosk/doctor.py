"""``threshold-kiosk doctor``: what is wrong with this kiosk, in words that a steward understands, with the fix.

Beside a running kiosk, which holds camera and store, it asks that one through its local page; otherwise it opens both
itself. Time and the reader's making are passed in. What figures mean say :mod:`kiosk.diagnosis` and
:mod:`kiosk.checkup`.
"""

from __future__ import annotations

import logging
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import urllib3

from admission.errors import ConfigError
from admission.findings import STATUS, Finding, bad, decode, encode, lines, look, worst
from kiosk import checkup, power_supply, probes
from kiosk.camera import Away, Wait, lasting
from kiosk.camera.lens import PI, Lens
from kiosk.camera.pace import Pace
from kiosk.checkup import Enrolled, Kept, Store
from kiosk.clock import Clock
from kiosk.config import Config, read_enrolment
from kiosk.diagnosis import Wanted
from kiosk.face.here import HEADER, MARK
from kiosk.machine import temperature
from kiosk.pins import NONE, USES
from kiosk.power_supply import PowerSupply
from kiosk.reach import reach
from kiosk.reader import Reader
from kiosk.self_test import LASTS_MS, SelfTest

STORE = "kiosk.db"
PAGE = "/self-test"
WITHOUT = "?target=no"
"""Added to the page by ``--without-target``."""
ANSWER_S = LASTS_MS / 1000 + 10
READY_S = 20.0
"""A reader is made within so many seconds, on a Raspberry Pi that is busy."""
LETTING_GO_S = 2.0

_HERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "[::]": "[::1]"}  # noqa: S104 - asked at, not bound

NewEye = Callable[[Config], AbstractContextManager[Reader]]


@dataclass(frozen=True, slots=True)
class Means:
    """What the doctor works with. ``clock``: this boot's, without an anchor; ``wait``: so many seconds; ``eye``: a
    reader as the kiosk has it."""

    clock: Callable[[], Clock]
    wait: Wait
    eye: NewEye


def command(means: Means) -> click.Command:
    """The command, to be added to the others."""

    @click.command("doctor")
    @click.option("--json", "as_json", is_flag=True, help="write the findings as JSON")
    @click.option("--without-target", is_flag=True, help="do not wait for the printed target")
    @click.pass_context
    def doctor(context: click.Context, as_json: bool, without_target: bool) -> None:
        """Say what is wrong with this kiosk, and what to do about it.

        Hold the printed target (threshold-kiosk target) up to the camera meanwhile. The exit status is 0 if all is
        well, 1 if something is worth a look, 2 if something is wrong.
        """
        if not without_target:
            click.echo(f"Hold the printed target up to the camera, at 30 cm, for {LASTS_MS // 1000} seconds.", err=True)
        with _quiet():
            found = examine(context.obj, means, with_target=not without_target)
        if as_json:
            click.echo(encode(found))
        else:
            click.echo("\n".join(lines(found, coloured=sys.stdout.isatty())), color=sys.stdout.isatty())
        context.exit(STATUS[worst(found)])

    return doctor


def examine(settings: Config, means: Means, *, with_target: bool = True) -> list[Finding]:
    """Everything that can be found out about the kiosk with these settings; takes ten seconds or so. Never raises for
    what is wrong with the kiosk."""
    path, folder = settings.enrolment_path, Path(settings.data)
    file = probes.look_at_enrolment(path)
    running = _ask_running(settings, with_target=with_target)
    clock = means.clock()
    store = probes.look_into(folder / STORE, clock) if running is None else Store(Kept.IN_USE)
    found = [] if any(one.topic == "enrolment" for one in running or ()) else [checkup.enrolment(file, store.gate)]
    found += running if running is not None else _camera(settings, means, with_target=with_target)
    found += _network(settings, file, clock)
    found += checkup.disk(probes.try_folder(folder, lambda: clock.ms() / 1000))
    if running is None:
        found.append(checkup.store(store))
    if store.state in (Kept.NONE, Kept.SOUND, Kept.CLOSED) and not file.missing:
        found.append(checkup.clock(anchored=store.anchored, uncertainty_ms=store.uncertainty_ms))
    return [*found, *_machine(settings, running=running is not None)]


def inside(file: Enrolled, gate: str, waiting: int, clock: Clock) -> list[Finding]:
    """What only the running kiosk can tell, for its self-test: ``gate``: the name of the one it stands at, "" if it has
    not heard yet; ``waiting``: passages that the server does not have."""
    return [
        checkup.enrolment(file, gate),
        checkup.store(Store(Kept.SOUND, waiting)),
        checkup.clock(anchored=clock.anchor is not None, uncertainty_ms=clock.uncertainty_ms),
    ]


def wanted(settings: Config) -> Wanted:
    """What the camera is asked for, for the self-test: nothing of a film, no size of a picture that is cropped."""
    optics = settings.optics
    kind, _, number = settings.camera.partition(":")
    if not (kind.isdigit() or kind == PI) or (number and not number.isdigit()):
        return Wanted(settings.camera)
    width, height = optics.size if optics.rotate in (0, 180) else optics.size[::-1]
    return Wanted(settings.camera, (0, 0) if optics.kept else (width, height), optics.fps)


def _ask_running(settings: Config, *, with_target: bool) -> list[Finding] | None:
    """What the running kiosk finds; None if none runs. It answers this machine only, by one of its own names."""
    try:
        host, port = settings.screen_address
    except ConfigError as error:
        return [bad("settings", str(error), "correct the file of settings and restart the kiosk")]
    url = f"http://{_HERE.get(host, host)}:{port}{PAGE}{'' if with_target else WITHOUT}"
    wait = urllib3.Timeout(connect=2.0, read=ANSWER_S)
    try:
        with urllib3.PoolManager(num_pools=1, retries=False) as http:
            reply = http.request("GET", url, headers={HEADER: MARK}, timeout=wait, redirect=False)
    except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
        return None
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        why = f"a kiosk runs and does not answer ({error})"
        return [look("kiosk", why, "restart it (systemctl restart threshold-kiosk) and call the doctor again")]
    found = decode(reply.data) if reply.status == 200 else None
    if found is not None:
        return found
    why = f"something answers at {settings.screen} that gives no self-test (status {reply.status})"
    return [look("kiosk", why, "restart the kiosk after an update; see that no other program has this port")]


def _camera(settings: Config, means: Means, *, with_target: bool) -> list[Finding]:
    """What camera and target come to, opened here."""
    clock = means.clock()
    test = SelfTest(clock.ms, wanted(settings))
    with _fed(test, settings, means, clock):
        return test.examine(with_target=with_target)


@contextmanager
def _quiet() -> Iterator[None]:
    """What the camera says of itself is said by the findings."""
    log = logging.getLogger("kiosk.camera")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def _fed(test: SelfTest, settings: Config, means: Means, clock: Clock) -> Iterator[None]:
    """Feeds the test from the camera in a thread of its own: a driver that hangs does not hang the doctor."""
    ready, ended = threading.Event(), threading.Event()

    def feed() -> None:
        pace = Pace(settings.optics.fps, settings.optics.idle_fps)
        lens = Lens(settings.camera, settings.optics, pace, clock.ms, means.wait)
        with means.eye(settings) as eye:
            ready.set()
            for shot in lasting(lens.open, means.wait):
                if ended.is_set():
                    return
                if isinstance(shot, Away):
                    test.lose(shot.why)
                    continue
                pace.note(True, clock.ms())
                test.see(shot.frame, eye.look(shot.frame, clock.ms(), insist=True), clock.ms())

    thread = threading.Thread(target=feed, name="doctor", daemon=True)
    thread.start()
    ready.wait(READY_S)
    try:
        yield
    finally:
        ended.set()
        thread.join(LETTING_GO_S)


def _network(settings: Config, file: Enrolled, clock: Clock) -> Iterator[Finding]:
    if not file.server:
        return
    try:
        ca = read_enrolment(settings.enrolment_path).ca or settings.ca
    except ConfigError:
        ca = settings.ca
    yield checkup.network(reach(file.server, ca, lambda: clock.ms() / 1000))


def _machine(settings: Config, *, running: bool) -> Iterator[Finding]:
    model = probes.model()
    yield checkup.temperature(temperature())
    low = (power_supply.ask_firmware(), PowerSupply().undervolted())
    known = [one for one in low if one is not None]
    yield checkup.voltage(any(known) if known else None, is_pi="Raspberry" in model)
    yield checkup.memory(probes.free_memory_mb(), running=running)
    if settings.volume:
        yield checkup.sound(probes.sound_cards())
    pins = [getattr(settings.pins, use) for use in USES if getattr(settings.pins, use) != NONE]
    if pins:
        yield checkup.pins(pins, have=probes.pins_in_reach())
    yield checkup.versions(probes.versions(model), machine=platform.machine())
