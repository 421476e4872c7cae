"""The guest's camera: plays pictures into a pipe as a YUV4MPEG2 stream, over and over, fifteen a second.

Runs in the guest with Debian's own Python, so it imports the standard library only and nothing of the project.

    camera.py PIPE SHOWN EMPTY

SHOWN and EMPTY are files of whole grey frames of 1280x720; SHOWN is played while it is there, otherwise EMPTY.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

WIDTH, HEIGHT, FPS = 1280, 720, 15
SIZE = WIDTH * HEIGHT


def main(pipe: str, shown: str, empty: str) -> None:
    """Plays until it is killed; whoever opens the pipe gets a stream from its beginning."""
    if not os.path.exists(pipe):  # noqa: PTH110  # as short as it can be: it is read on the guest
        os.mkfifo(pipe)
        os.chmod(pipe, 0o644)  # noqa: PTH101  # likewise
    nobody = frames(Path(empty))
    while True:
        try:
            with open(pipe, "wb", buffering=0) as out:  # noqa: PTH123  # likewise
                out.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 Cmono\n".encode())
                for frame in film(Path(shown), nobody):
                    write(out.fileno(), b"FRAME\n" + frame)
        except BrokenPipeError:
            continue  # the kiosk has gone; the next one opens the pipe anew


def frames(path: Path) -> list[bytes]:
    """The frames in the file; none if it is not there."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    return [data[at : at + SIZE] for at in range(0, len(data) - SIZE + 1, SIZE)]


def film(shown: Path, nobody: list[bytes]) -> Iterator[bytes]:
    """One frame each fifteenth of a second; what is shown is looked up when it changes."""
    held: list[bytes] = []
    stamp = 0
    due = time.monotonic()
    for number in itertools.count():
        now = shown.stat().st_mtime_ns if shown.exists() else 0
        if now != stamp:
            held, stamp = frames(shown) if now else [], now
        playing = held or nobody
        yield playing[number % len(playing)]
        due = max(due + 1 / FPS, time.monotonic() - 1)
        time.sleep(max(0.0, due - time.monotonic()))


def write(descriptor: int, data: bytes) -> None:
    """All of it; a pipe takes a part at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


if __name__ == "__main__":
    main(*sys.argv[1:])
