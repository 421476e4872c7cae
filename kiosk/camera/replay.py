"""Frames from a directory of images, or from a YUV4MPEG2 stream in a pipe or file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from kiosk.camera import CameraAway, Frame, Frames, Wait

PACE_S = 0.1
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
LARGEST = 8192


def images(folder: Path, wait: Wait) -> Frames:
    """The images of a folder in the order of their names, ten a second. Files that are no images are passed over.

    Raises CameraAway after the last.
    """
    for path in sorted(folder.iterdir()):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.suffix.lower() in IMAGES else None
        if image is not None:
            yield image.astype(np.uint8, copy=False)
            wait(PACE_S)
    raise CameraAway(f"the last image of {folder.name} was shown")


def y4m(path: Path) -> Frames:
    """The luma of a YUV4MPEG2 stream as it comes (wiki.multimedia.cx/index.php/YUV4MPEG2).

    Raises CameraAway when it ends, or is no such stream.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise CameraAway(f"the stream {path.name} cannot be opened: {error.strerror}") from error
    with stream:
        width, height, chroma = _header(stream.readline(256))
        while stream.readline(256).startswith(b"FRAME"):
            yield _luma(stream, width, height)
            _skip(stream, chroma)
    raise CameraAway(f"the stream {path.name} has ended")


def _header(line: bytes) -> tuple[int, int, int]:
    found = re.match(rb"YUV4MPEG2(?: W(\d+)| H(\d+)| C(\w+)| [A-VX-Z]\S*)*\n", line)
    if found is None:
        raise CameraAway("the stream is not YUV4MPEG2")
    width, height, colours = int(found[1] or 0), int(found[2] or 0), found[3] or b"420"
    if not 0 < width <= LARGEST or not 0 < height <= LARGEST:
        raise CameraAway(f"the stream's frames of {width}x{height} cannot be")
    half = ((width + 1) // 2) * ((height + 1) // 2)
    sizes = {b"mono": 0, b"420": 2 * half, b"422": 2 * ((width + 1) // 2) * height, b"444": 2 * width * height}
    known = next((size for name, size in sizes.items() if colours.startswith(name)), None)
    if known is None:
        raise CameraAway(f"the stream's colours {colours.decode(errors='replace')} are not known")
    return width, height, known


def _luma(stream: BinaryIO, width: int, height: int) -> Frame:
    raw = stream.read(width * height)
    if len(raw) < width * height:
        raise CameraAway("the stream broke off")
    return np.frombuffer(raw, np.uint8).reshape(height, width)


def _skip(stream: BinaryIO, size: int) -> None:
    if size:
        stream.read(size)
