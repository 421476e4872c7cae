"""The door's sounds as its page gets them: which one belongs to what is shown, at which volume.

Part of the local page (:mod:`kiosk.face.screen`). How a sound is made is :mod:`kiosk.face.sound`'s.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort

from kiosk.face import Shown
from kiosk.face.sound import SOUNDS, wav

STEP = 5
"""Volumes are rounded to it, so that a browser keeps a few sounds and not a hundred of each."""


def name(shown: Shown, volume: int) -> str:
    """The sound for what is shown, as the page asks for it; "" for silence. What only stands there makes none."""
    level = round(volume / STEP) * STEP
    heard = shown.state in SOUNDS and shown.lasts_ms > 0
    return f"{shown.state}-{level}" if heard and level else ""


def blueprint() -> Blueprint:
    """The sounds as files."""
    pages = Blueprint("sounds", __name__)

    @pages.get("/sounds/<state>-<int:volume>.wav")
    def sound(state: str, volume: int) -> Response:
        if state not in SOUNDS or not 0 < volume <= 100 or volume % STEP:
            abort(404)
        headers = {"Cache-Control": "private, max-age=86400"}
        return Response(wav(state, volume), mimetype="audio/wav", headers=headers)

    return pages
