"""Where frames come from. A camera is an iterator of what it sees that may break; ``lasting`` makes it come back.

``open_camera`` knows what is replayed: a stream in a pipe, a video file, a directory of images. ``kiosk.camera.lens``
opens what the settings name, devices too. Nothing here knows what a badge is, or what a frame is wanted for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from admission.errors import ThresholdError

log = logging.getLogger(__name__)

Frame = NDArray[np.uint8]
Frames = Iterator[Frame]
Wait = Callable[[float], object]
"""Waits so many seconds; passed in."""
Clock = Callable[[], int]
"""Milliseconds of CLOCK_BOOTTIME; passed in."""

RETRY_S = 1.0
BELIEVED_MS = 10_000

Seen = TypeVar("Seen")


class CameraAway(ThresholdError):
    """The camera cannot be opened, or gives no more frames that are of use; the text says why."""


@dataclass(frozen=True, slots=True)
class Away:
    """Comes in place of a frame, about once a second, while there is no camera."""

    why: str


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame, and the instant at which it was taken."""

    frame: Frame
    taken_ms: int


Shots = Generator[Shot, None, None]
"""One opening of a camera; closing it lets go of the camera."""


class Care:
    """How the camera has been doing, for the figures of health; written by ``lasting`` alone.

    ``trouble``: why it is away ("": it is well); ``last_trouble``: why it was away last ("": it never was);
    ``reopened``: how often it came back.
    """

    def __init__(self) -> None:
        self.trouble = ""
        self.last_trouble = ""
        self.reopened = 0

    def note(self, seen: object) -> None:
        """Takes what the gate is given next, and logs what has changed."""
        if isinstance(seen, Away):
            if seen.why != self.trouble:
                log.warning("camera away: %s", seen.why)
            self.trouble = self.last_trouble = seen.why
        elif self.trouble:
            log.info("the camera is back")
            self.trouble = ""
            self.reopened += 1


def open_camera(source: str, wait: Wait) -> Frames:
    """Every frame of what is replayed, in order: a directory, a video file, or a pipe or file in YUV4MPEG2.

    Raises CameraAway when it ends or cannot be had.
    """
    from kiosk.camera import opencv, replay  # both import from here

    path = Path(source)
    if path.is_dir():
        return replay.images(path, wait)
    if path.is_fifo() or path.suffix == ".y4m":
        return replay.y4m(path)
    if path.is_file():
        return opencv.video(path, wait)
    raise CameraAway(f"there is no camera {source!r}")


def lasting(opening: Callable[[], Iterator[Seen]], wait: Wait, care: Care | None = None) -> Iterator[Seen | Away]:
    """What a camera sees, for ever: one that vanishes is opened again until it is back, and ``care`` is told."""
    noted = care if care is not None else Care()
    while True:
        try:
            for seen in opening():
                noted.note(seen)
                yield seen
            away = Away("the camera gives no more frames")
        except (CameraAway, OSError) as error:
            away = Away(str(error))
        noted.note(away)
        yield away
        wait(RETRY_S)


def instant(stamp_ms: float, now_ms: int) -> int:
    """When a frame was taken: the driver's stamp, or now if that stamp is of another clock.

    V4L2 stamps with CLOCK_MONOTONIC, which is CLOCK_BOOTTIME on a machine that has never slept; no kiosk sleeps.
    """
    return int(stamp_ms) if 0 <= now_ms - stamp_ms <= BELIEVED_MS else now_ms
