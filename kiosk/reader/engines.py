"""The engines that read codes, each behind one call: a grey image in, what it found out.

zxing-cpp runs in this process, zbar in its cell (see kiosk.reader.cell). Must not know frames over time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import zxingcpp
from zxingcpp import BarcodeFormat, BarcodeFormats, Binarizer, TextMode

from kiosk.reader.sight import Found, Frame, Point, Quad, Reading, Suspect

Engine = Callable[[Frame], Found]

LEAST_SIDE = 21
"""Pixels: a QR code has at least 21 modules across."""
MOST_SUSPECTS = 8
"""More are not told: a sheet of blurred codes gives hundreds."""
_FORMATS = [BarcodeFormat.QRCodeModel1, BarcodeFormat.QRCodeModel2]  # never Micro QR, which is found in anything
_MODULES = {str(version): 17 + 4 * version for version in range(1, 41)}


def global_threshold(image: Frame) -> Found:
    """zxing-cpp, one threshold for the whole image: the cheapest look at even light."""
    return _zxing(image, Binarizer.GlobalHistogram)


def local_threshold(image: Frame) -> Found:
    """zxing-cpp, a threshold for each part of the image: shadows, screens, slopes of light."""
    return _zxing(image, Binarizer.LocalAverage)


def both_ways(image: Frame) -> Found:
    """The same, also light on dark."""
    return _zxing(image, Binarizer.LocalAverage, inverted=True)


def _zxing(image: Frame, binarizer: Binarizer, *, inverted: bool = False) -> Found:
    if min(image.shape) < LEAST_SIDE:
        return Found()
    barcodes = zxingcpp.read_barcodes(
        np.ascontiguousarray(image),
        formats=BarcodeFormats(_FORMATS),  # kept, it would be said to leak when the process ends
        text_mode=TextMode.Plain,
        binarizer=binarizer,
        try_downscale=False,
        try_invert=inverted,
        return_errors=True,
    )
    read = [_reading(one) for one in barcodes if one.valid and one.text]
    unread = [_suspect(one) for one in barcodes if not one.valid][:MOST_SUSPECTS]
    return Found(tuple(read), tuple(one for one in unread if one.quad.side >= LEAST_SIDE))


def _reading(one: zxingcpp.Barcode) -> Reading:
    quad = _quad(one.position)
    return Reading(one.text, *quad.middle, bytes(one.bytes), quad, _modules(one.extra))


def _suspect(one: zxingcpp.Barcode) -> Suspect:
    return Suspect(_quad(one.position), _modules(one.extra), sure=True)


def _modules(extra: object) -> int:
    """Across the code, by what zxing-cpp says of its version; 0 if it says nothing."""
    return _MODULES.get(str(extra.get("Version", "")), 0) if isinstance(extra, dict) else 0


def _quad(position: zxingcpp.Position) -> Quad:
    corners = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    return Quad(*(Point(float(one.x), float(one.y)) for one in corners))
