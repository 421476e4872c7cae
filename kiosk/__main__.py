"""The kiosk's command: the only file that names real devices, the clock and chance. Parses, builds the parts, runs."""

from __future__ import annotations

import logging
import os
import random
import secrets
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import click
import cv2
import msgspec

from admission.errors import ThresholdError
from kiosk.camera import lasting, open_camera
from kiosk.clock import Clock
from kiosk.config import Config, read, read_enrolment
from kiosk.disk import Disk
from kiosk.dispatch import Dispatch
from kiosk.doorkeeper import Doorkeeper
from kiosk.face import Place
from kiosk.face.screen import Screen
from kiosk.gate import Gate, Parts
from kiosk.journal import Journal
from kiosk.reader import ZbarReader
from kiosk.standing import Standing
from kiosk.uplink import Uplink
from kiosk.watchdog import Watchdog

ROLLED_BACK = 75
"""Exit status after a store was found to be an older copy; systemd starts the kiosk again, with a new store."""


def boot_ms() -> int:
    """Milliseconds since boot; never jumps, also counts sleep."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path), help="the settings (TOML)")
@click.option("--data", help="the folder of this kiosk's store")
@click.option("--enrolment", help="the file that the server made for this kiosk")
@click.option("--camera", help="a device number, a video, a directory of images or a YUV4MPEG2 stream")
@click.option("--screen", help="host:port of the face's page")
def main(config: Path | None, **given: str | None) -> None:
    """Threshold's kiosk: reads badges at one gate and decides at once."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what it says is said better by ours
    os.umask(0o077)
    try:
        settings = msgspec.structs.replace(read(config), **{k: v for k, v in given.items() if v is not None})
        status = run(settings)
    except ThresholdError as error:
        raise click.ClickException(str(error)) from error
    sys.exit(status)


def run(settings: Config) -> int:
    """Runs the kiosk until it is told to stop; the exit status."""
    enrolment = read_enrolment(Path(settings.enrolment))
    host, port = settings.screen_address
    disk = Disk(Path(settings.data) / "kiosk.db", secrets.randbits(48))
    clock = Clock(Path("/proc/sys/kernel/random/boot_id").read_text().strip(), boot_ms)
    journal, standing = Journal(disk), Standing(disk)
    doorkeeper = Doorkeeper(disk, journal, standing, clock)
    dispatch = Dispatch(enrolment, disk, journal, standing, clock, lambda: doorkeeper.arrivals)
    stop = _Stop()
    uplink = Uplink(dispatch, enrolment.server, settings.ca, random.random, lambda: stop.now(ROLLED_BACK))
    screen = Screen(lambda: _place(standing))
    page = screen.serve(host, port)
    click.echo(f"the door's screen is at http://{settings.screen}/")
    gate = Gate(Parts(journal, standing, doorkeeper, clock, uplink, ZbarReader(), screen))
    watchdog = Watchdog(os.environ.get("NOTIFY_SOCKET"))
    uplink.start()
    try:
        for frame in lasting(lambda: open_camera(settings.camera, time.sleep), time.sleep):
            gate.step(frame)
            watchdog.feed(clock.ms())
            if stop.status is not None:
                break
    except KeyboardInterrupt:
        stop.status = stop.status or 0
    uplink.close()
    page.shutdown()
    if stop.status == ROLLED_BACK:
        disk.put_aside("rolled-back")
    else:
        disk.close()
    return stop.status or 0


def _place(standing: Standing) -> Place:
    site = standing.site
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
