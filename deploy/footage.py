"""The demo's films: who is shown when, rendered as they play, written as a camera's stream.

Must not know how anything looks, nor which clock it runs by.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import numpy as np

from deploy.cards import Look, Showing
from deploy.optics import Frame, Size, photograph
from deploy.scenes import Scene

__all__ = ["Frame", "Look", "Scene", "Showing", "photograph", "play", "write_y4m"]


def write_y4m(frames: Iterable[Frame], out: BinaryIO, size: Size, fps: int) -> None:
    """Writes a grey YUV4MPEG2 stream (the mjpegtools manual, yuv4mpeg(5)), each frame flushed at once.

    The header is sent before the first frame is asked for. `out` must write all that it is given, as buffered
    files do. Raises ValueError on a frame of another size or type, and BrokenPipeError when a reader has gone.
    """
    width, height = size
    out.write(f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 Cmono\n".encode("ascii"))
    out.flush()
    for frame in frames:
        if frame.shape != (height, width) or frame.dtype != np.uint8:
            raise ValueError(f"not a grey frame of {width}x{height}: {frame.dtype} {frame.shape}")
        out.write(b"FRAME\n")
        out.write(np.ascontiguousarray(frame).data)
        out.flush()


def play(
    showings: Iterable[tuple[float, Showing]],
    scene: Scene,
    clock: Callable[[], float],
    wait: Callable[[float], object],
) -> Iterator[Frame]:
    """Shows each at its second by `clock`, in order, with nobody in between; ends when the last has left.

    Frames come at the scene's rate: `wait(seconds)` is called when one is early, and those whose time has
    passed are left out unrendered, so the film never falls behind the clock. A showing whose turn comes late
    starts late; one whose whole time has passed by then is left out. The next showing is asked for when the one
    before has left, and the film stands still until it is known.
    """
    begin = clock()
    for number, take in enumerate(_film(showings, scene, begin)):
        ahead = begin + number / scene.fps - clock()
        if ahead <= -1 / scene.fps:
            continue
        if ahead > 0:
            wait(ahead)
        yield take()


def _film(showings: Iterable[tuple[float, Showing]], scene: Scene, begin: float) -> Iterator[Callable[[], Frame]]:
    """Every frame of the film, not yet rendered; the first is due at `begin`."""
    number = 0
    for start, showing in showings:
        while begin + number / scene.fps < start:
            yield scene.empty
            number += 1
        takes = scene.takes(showing)
        if begin + (number - len(takes)) / scene.fps < start:
            yield from takes
            number += len(takes)
