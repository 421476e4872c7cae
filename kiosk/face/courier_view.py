"""The courier's view: the codes of a letter, one after the other, large, for a phone to read off the door's screen.

Part of the local page (:mod:`kiosk.face.screen`). Draws texts that it is given; knows nothing of what they say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import qrcode
from flask import Blueprint, Response, abort, jsonify
from flask.typing import ResponseReturnValue

from admission.errors import DiskError

QUIET = 4
"""Modules of white around a code."""
MASK = 0
"""Of eight; to try them all for the best takes three times as long, and the same processor reads the badges."""


@dataclass(frozen=True, slots=True)
class _Letter:
    """The letter that is shown. ``pictures``: the codes that were drawn already."""

    name: str
    texts: list[str]
    version: int
    pictures: dict[int, str] = field(default_factory=dict)


_NONE = _Letter("", [], 1)


def blueprint(letter: Callable[[], list[str]]) -> Blueprint:
    """The pages of the view. ``letter``: the texts of a fresh letter; none before this kiosk is set up."""
    pages = Blueprint("courier", __name__)
    shown = [_NONE]  # the last one that was made: one browser shows one letter

    @pages.post("/courier/letters")
    def begin() -> ResponseReturnValue:
        try:
            texts = letter()
        except DiskError as error:
            return jsonify(error="No letter", what=str(error), do="restart this kiosk"), 503
        if not texts:
            return jsonify(error="No letter", what="this kiosk is not set up", do="pair it first"), 409
        name = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
        shown[0] = _Letter(name, texts, version_of(max(texts, key=len)))
        return jsonify(letter=name, codes=len(texts), side=4 * shown[0].version + 17 + 2 * QUIET), 201

    @pages.get("/courier/letters/<name>/<int:part>.svg")
    def code(name: str, part: int) -> Response:
        one = shown[0]
        if name != one.name or not 0 < part <= len(one.texts):
            abort(404)
        if part not in one.pictures:
            one.pictures[part] = drawn(one.texts[part - 1], one.version)
        headers = {"Cache-Control": "private, max-age=600, immutable"}
        return Response(one.pictures[part], mimetype="image/svg+xml", headers=headers)

    return pages


def version_of(text: str) -> int:
    """The smallest version of a QR code that holds the text."""
    return int(_code(text).best_fit())


def drawn(text: str, version: int) -> str:
    """The text as a QR code of that version or more, in SVG: one unit a module, with its quiet zone."""
    code = _code(text, version)
    code.make()
    rows = code.get_matrix()
    bars = "".join(f"M{x} {y}h{length}v1h-{length}z" for y, row in enumerate(rows) for x, length in _bars(row))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {len(rows)} {len(rows)}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{len(rows)}v{len(rows)}H0z"/><path d="{bars}"/></svg>'
    )


def _code(text: str, version: int | None = None) -> qrcode.QRCode:
    low = qrcode.constants.ERROR_CORRECT_L
    code = qrcode.QRCode(version, error_correction=low, border=QUIET, mask_pattern=MASK)
    code.add_data(text, optimize=0)
    return code


def _bars(row: list[bool]) -> list[tuple[int, int]]:
    """Where the black in a row begins, and how long it is."""
    found: list[tuple[int, int]] = []
    for x, black in enumerate(row):
        if black and found and sum(found[-1]) == x:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        elif black:
            found.append((x, 1))
    return found
