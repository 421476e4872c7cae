"""Where frames come from. A camera is an iterator of grey frames that may break; ``lasting`` makes it come back.

``open_camera`` knows the sources: a device number, a stream in a pipe, a video file, a directory of images.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from admission.errors import ThresholdError

log = logging.getLogger(__name__)

Frame = NDArray[np.uint8]
Frames = Iterator[Frame]
Wait = Callable[[float], object]
"""Waits so many seconds; passed in."""

RETRY_S = 1.0


class CameraAway(ThresholdError):
    """The camera cannot be opened, or gives no more frames; the text says why."""


@dataclass(frozen=True, slots=True)
class Away:
    """Comes in place of a frame, about once a second, while there is no camera."""

    why: str


def open_camera(source: str, wait: Wait) -> Frames:
    """The frames of a source: "0" (device 0), a directory, a video file, or a pipe or file in YUV4MPEG2.

    Raises CameraAway when it ends or cannot be had.
    """
    from kiosk.camera import opencv, replay  # both import from here

    if source.isascii() and source.isdigit():
        return opencv.device(int(source))
    path = Path(source)
    if path.is_dir():
        return replay.images(path, wait)
    if path.is_fifo() or path.suffix == ".y4m":
        return replay.y4m(path)
    if path.is_file():
        return opencv.video(path, wait)
    raise CameraAway(f"there is no camera {source!r}")


def lasting(opening: Callable[[], Frames], wait: Wait) -> Iterator[Frame | Away]:
    """Frames for ever: a camera that vanishes is opened again until it is back."""
    said = ""
    while True:
        try:
            yield from opening()
            why = "the camera gives no more frames"
        except (CameraAway, OSError) as error:
            why = str(error)
        if why != said:
            log.warning("camera away: %s", why)
            said = why
        yield Away(why)
        wait(RETRY_S)
