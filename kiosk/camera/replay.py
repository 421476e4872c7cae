"""Frames from a directory of images, or from a YUV4MPEG2 stream in a pipe or file."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from kiosk.camera import CameraAway, Frame, Frames, Wait

PACE_S = 0.1
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
LARGEST = 8192
SUBSAMPLED = (b"420", b"420jpeg", b"420mpeg2", b"420paldv")


def images(folder: Path, wait: Wait) -> Frames:
    """The images of a folder in the order of their names, ten a second. Files that are no images are passed over.

    Raises CameraAway after the last.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGES)
    except OSError as error:
        raise CameraAway(f"the folder {folder.name} cannot be read: {error.strerror}") from error
    for path in paths:
        image = _image(path)
        if image is not None:
            yield image
            wait(PACE_S)
    raise CameraAway(f"the last image of {folder.name} was shown")


def _image(path: Path) -> Frame | None:
    try:
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    except cv2.error:  # says to be larger than OpenCV takes
        return None
    return None if image is None else image.astype(np.uint8, copy=False)


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
    magic, *fields = line.split(b" ") if line.endswith(b"\n") else [line]
    given = {field[:1]: field[1:].rstrip(b"\n") for field in fields}
    width, height = (int(text) if text.isdigit() else 0 for text in (given.get(b"W", b""), given.get(b"H", b"")))
    if magic != b"YUV4MPEG2" or not fields:
        raise CameraAway("the stream is not YUV4MPEG2")
    if not 0 < width <= LARGEST or not 0 < height <= LARGEST:
        raise CameraAway(f"the stream's frames of {width}x{height} cannot be")
    half = ((width + 1) // 2) * ((height + 1) // 2)
    sizes = {b"mono": 0, b"422": 2 * ((width + 1) // 2) * height, b"444": 2 * width * height}
    sizes |= dict.fromkeys(SUBSAMPLED, 2 * half)
    colours = given.get(b"C", b"420")
    if colours not in sizes:  # deeper ones, like 420p10, take two bytes for each point of luma
        raise CameraAway(f"the stream's colours {colours.decode(errors='replace')} are not known")
    return width, height, sizes[colours]


def _luma(stream: BinaryIO, width: int, height: int) -> Frame:
    raw = stream.read(width * height)
    if len(raw) < width * height:
        raise CameraAway("the stream broke off")
    return np.frombuffer(raw, np.uint8).reshape(height, width)


def _skip(stream: BinaryIO, size: int) -> None:
    if size:
        stream.read(size)
