"""The small live picture on the door's page, mirrored, so that visitors see where they hold their badge.

Only the newest frame is held, in memory, and only a browser on this very machine is given it: nothing is stored, and
nothing leaves the kiosk. Knows neither badges nor cameras.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2
import numpy as np
from flask import Blueprint, Response

from kiosk.face.here import guard
from kiosk.reader.sight import Frame

WIDTH = 320
QUALITY = 70
STALE_MS = 2000
"""After so long without a frame there is no picture: a still one would look like a mirror that has stopped."""


class Viewfinder:
    """Given every frame by the loop at the gate; drawn only when it is asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frame: Frame | None = None
        self._at_ms = 0

    def see(self, frame: Frame | None, now_ms: int) -> None:
        """The newest frame (None: the camera is away)."""
        with self._lock:
            self._frame, self._at_ms = frame, now_ms

    def picture(self, now_ms: int) -> bytes | None:
        """The newest frame as a small mirrored JPEG; None if there is none, or it is too old."""
        with self._lock:
            frame, at_ms = self._frame, self._at_ms
        if frame is None or now_ms - at_ms > STALE_MS:
            return None
        high, wide = frame.shape
        size = (WIDTH, max(1, round(WIDTH * high / wide)))
        small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)[:, ::-1]
        done, coded = cv2.imencode(".jpg", np.ascontiguousarray(small), (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
        return coded.tobytes() if done else None


def blueprint(viewfinder: Viewfinder, now_ms: Callable[[], int]) -> Blueprint:
    """The picture as the page asks for it, again and again; 204 where there is none."""
    pages = Blueprint("viewfinder", __name__)
    pages.before_request(guard)

    @pages.get("/view.jpg")
    def view() -> Response:
        picture = viewfinder.picture(now_ms())
        headers = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"}
        if picture is None:
            return Response(status=204, headers=headers)
        return Response(picture, mimetype="image/jpeg", headers=headers)

    return pages
