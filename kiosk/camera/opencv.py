"""Cameras and video files through OpenCV.

Must not know who looks at the frames. Its device has been tried against a stand-in for OpenCV's capture only: there
was no camera where it was written. What V4L2 calls exposure_dynamic_framerate cannot be reached through OpenCV; a
camera that has it on lengthens its shutter in the dark unless ``exposure`` is set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from kiosk.camera import CameraAway, Frame, Frames, Shot, Shots, Wait, instant
from kiosk.camera.pace import Look
from kiosk.config import AUTO, Optics

SMALLER = (1280, 720)
BUFFERS = 2
"""With a single one V4L2 has nowhere to put the next frame while one is decoded, and gives every second frame."""
BLIND_READS = 5
AUTO_EXPOSURE, MANUAL_EXPOSURE = 3, 1
"""V4L2's aperture priority and manual mode."""
PER_MS = 10
"""V4L2 counts the shutter in tenths of a millisecond."""


class Capture(Protocol):
    """What is used of cv2.VideoCapture."""

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Whether there is a camera."""

    def set(self, propId: int, value: float, /) -> bool:  # noqa: N803 - OpenCV's name
        """Whether the driver took it."""

    def get(self, propId: int, /) -> float:  # noqa: N803 - OpenCV's name
        """What is in force."""

    def grab(self) -> bool:
        """Waits for the next frame."""

    def retrieve(self) -> tuple[bool, cv2.typing.MatLike]:
        """Decodes it."""

    def release(self) -> None:
        """Closes the camera."""


def device(number: int, optics: Optics, look: Look, opened: Callable[[int], Capture] = cv2.VideoCapture) -> Shots:
    """What a camera device sees, as often as the pace wants it; a frame that is not wanted is grabbed, never decoded.

    Raises CameraAway if it cannot be opened or stops.
    """
    capture = opened(number)
    if not capture.isOpened():
        raise CameraAway(f"camera {number} cannot be opened; is it plugged in, and is nobody else using it?")
    try:
        refused = ", ".join(set_up(capture, optics))
        look.tell(f"camera {number} refuses: {refused}" if refused else "")
        blind, before = 0, None
        while blind < BLIND_READS:
            if not capture.grab():
                blind += 1
                continue
            taken = instant(capture.get(cv2.CAP_PROP_POS_MSEC), look.clock())
            if before is not None and not look.pace.due(before, taken):
                continue
            frame = _retrieved(capture)
            blind = blind + 1 if frame is None else 0
            if frame is not None:
                before = taken
                yield Shot(frame, taken)
    finally:
        capture.release()
    raise CameraAway(f"camera {number} stopped giving frames")


def set_up(capture: Capture, optics: Optics) -> list[str]:
    """Sets the camera for badges, as far as its driver lets it; what it refused, in words. Never raises."""
    refused = [] if capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")) else ["pictures as MJPG"]
    if not _set_size(capture, optics):
        width, height = _size(capture)
        refused.append("{}x{} at {} frames a second".format(*optics.size, optics.fps) + f" (it is {width}x{height})")
    if not capture.set(cv2.CAP_PROP_BUFFERSIZE, BUFFERS):
        refused.append(f"a queue of {BUFFERS} frames")
    refused += [words for words, prop, value in _wishes(optics) if not capture.set(prop, value)]
    return refused


def _set_size(capture: Capture, optics: Optics) -> bool:
    """Whether the wanted size is in force; otherwise it is the smaller one, or whatever the driver made of that."""
    for width, height in (optics.size, SMALLER):
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        capture.set(cv2.CAP_PROP_FPS, optics.fps)
        rate = capture.get(cv2.CAP_PROP_FPS)
        # Without MJPG, USB 2 carries five frames a second of the large size: too few for a badge in motion.
        if _size(capture) == (width, height) and (rate <= 0 or rate >= optics.fps / 2):
            break
    return _size(capture) == optics.size


def _size(capture: Capture) -> tuple[int, int]:
    return int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))


def _wishes(optics: Optics) -> Iterator[tuple[str, int, float]]:
    """Each setting in words, its property and its value, in an order that drivers accept: off before fixed."""
    yield from _choice(
        optics.focus, ("autofocus", cv2.CAP_PROP_AUTOFOCUS, (1, 0)), ("a focus of {:g}", cv2.CAP_PROP_FOCUS, 1)
    )
    yield from _choice(
        optics.exposure,
        ("automatic exposure", cv2.CAP_PROP_AUTO_EXPOSURE, (AUTO_EXPOSURE, MANUAL_EXPOSURE)),
        ("a shutter of {:g} ms", cv2.CAP_PROP_EXPOSURE, PER_MS),
    )
    yield from _choice(
        optics.white_balance,
        ("automatic white balance", cv2.CAP_PROP_AUTO_WB, (1, 0)),
        ("a white balance of {:g} K", cv2.CAP_PROP_WB_TEMPERATURE, 1),
    )
    if optics.gain != AUTO:
        yield f"a gain of {optics.gain:g}", cv2.CAP_PROP_GAIN, optics.gain


def _choice(
    wanted: float, auto: tuple[str, int, Sequence[float]], fixed: tuple[str, int, float]
) -> Iterator[tuple[str, int, float]]:
    """The automatic on, or off and then the fixed value in the driver's unit."""
    words, prop, (on, off) = auto
    if wanted == AUTO:
        yield words, prop, on
        return
    yield f"{words} off", prop, off
    words, prop, unit = fixed
    yield words.format(wanted), prop, wanted * unit


def _retrieved(capture: Capture) -> Frame | None:
    try:
        good, frame = capture.retrieve()
        return _grey(frame) if good else None
    except cv2.error:  # half a picture, as a loose cable gives it
        return None


def video(path: Path, wait: Wait) -> Frames:
    """The frames of a video file at its own pace. Raises CameraAway at its end or if it cannot be read."""
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise CameraAway(f"the video {path.name} cannot be read")
    pace = 1 / (capture.get(cv2.CAP_PROP_FPS) or 25)
    try:
        while True:
            good, frame = capture.read()
            if not good:
                raise CameraAway(f"the video {path.name} has ended")
            yield _grey(frame)
            wait(pace)
    finally:
        capture.release()


def _grey(frame: cv2.typing.MatLike) -> Frame:
    return np.asarray(frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
