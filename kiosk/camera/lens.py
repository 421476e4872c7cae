"""The camera that the settings name: a device, the Pi's own, a stream, or a film, each put right as the settings say.

The one place that knows them all. Must not know what the frames are for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from kiosk.camera import Away, Clock, Shot, Shots, Wait, open_camera, opencv, picamera
from kiosk.camera.framing import Framing
from kiosk.camera.live import Live
from kiosk.camera.pace import Look, Pace
from kiosk.config import Optics

log = logging.getLogger(__name__)

PI = "picamera"


class Lens:
    """A camera by its name: "0" (device 0), "picamera" or "picamera:1", a pipe, a video, a directory of images."""

    def __init__(self, name: str, optics: Optics, pace: Pace, clock: Clock, wait: Wait) -> None:
        self._name = name
        self._optics = optics
        self._framing = Framing(optics.rotate, optics.mirror, optics.kept)
        self._look = Look(clock, pace, self._tell)
        self._wait = wait
        self._live = Live(clock)
        self._told = ""

    def open(self) -> Iterator[Shot | Away]:
        """Opens it once more: the newest frame of a device or a pipe, every frame of a film, in order and at its pace.

        Raises CameraAway when it ends, cannot be had, or no longer sees.
        """
        if self._is_device:
            return self._live.newest(self._shots, watched=True)
        if Path(self._name).is_fifo():  # whoever fills it may pause, and may show the same twice
            return self._live.newest(self._shots, watched=False)
        return self._shots()

    @property
    def _is_device(self) -> bool:
        kind, _, number = self._name.partition(":")
        return _is_number(self._name) or (kind == PI and (number == "" or _is_number(number)))

    def _shots(self) -> Shots:
        with closing(self._raw()) as shots:
            for shot in shots:
                yield Shot(self._framing.apply(shot.frame), shot.taken_ms)

    def _raw(self) -> Shots:
        if not self._is_device:
            return self._stamped()
        if _is_number(self._name):
            return opencv.device(int(self._name), self._optics, self._look)
        return picamera.device(int(self._name.partition(":")[2] or 0), self._optics, self._look)

    def _stamped(self) -> Shots:
        for frame in open_camera(self._name, self._wait):
            yield Shot(frame, self._look.clock())

    def _tell(self, refused: str) -> None:
        """Logs it once, not at each opening."""
        if refused and refused != self._told:
            log.warning("%s", refused)
        self._told = refused or self._told


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
