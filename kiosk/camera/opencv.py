"""Cameras and video files through OpenCV."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from kiosk.camera import CameraAway, Frame, Frames, Wait

SIZE = (1280, 720)
BLIND_READS = 5


def device(number: int) -> Frames:
    """The frames of a camera device, 1280x720 where it can. Raises CameraAway."""
    capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        raise CameraAway(f"camera {number} cannot be opened; is it plugged in, and is nobody else using it?")
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, SIZE[0])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, SIZE[1])
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    try:
        blind = 0
        while blind < BLIND_READS:
            good, frame = capture.read()
            if good:
                blind = 0
                yield _grey(frame)
            else:
                blind += 1
    finally:
        capture.release()
    raise CameraAway(f"camera {number} stopped giving frames")


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
