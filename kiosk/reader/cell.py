"""zbar in a process of its own, for there are images on which it ends the process that calls it.

Reports of that are pyzbar #143 and #158 and zbar #218. A child that dies, hangs or answers nonsense costs one look;
the next one is started in its place, less and less often if it goes on. The image travels through a pipe and stays in
memory. Run as ``python -m kiosk.reader.cell`` this module is the child.

zbar guesses how bytes are written and hands out changed ones, so only ASCII texts are taken from it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

import msgspec

from kiosk.reader.sight import Found, Frame, Point, Quad, Reading

PATIENCE_S = 0.25
MOST_PIXELS = 4_000_000
MEMORY = 512 * 2**20
LEAST_SIDE = 21
_REST_S = (0.5, 60.0)
_START_S = 20.0
"""A child that has not said that it is there after so long is given up."""
_PEACE_S = 120.0
"""After so long without a loss the next child that is lost is replaced at once."""
_ASK = struct.Struct(">II")
_SIZE = struct.Struct(">I")
_MOST_ANSWER = 1_000_000
_HERE = b"!"
_PR_SET_PDEATHSIG = 1


class _Code(msgspec.Struct, array_like=True):
    data: bytes
    corners: tuple[tuple[int, int], ...]


class _Answer(msgspec.Struct, array_like=True):
    cpu_ms: float
    codes: tuple[_Code, ...]


_answers = msgspec.msgpack.Decoder(_Answer)


class Cell:
    """The child, as an engine. Used by one thread. ``now``: seconds that never jump back."""

    def __init__(self, now: Callable[[], float], command: tuple[str, ...] = ()) -> None:
        self._now = now
        self._command = command or (sys.executable, "-m", "kiosk.reader.cell")
        self._child: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._begun = self._lost = -_PEACE_S
        self._due = 0.0
        self._rest = 0.0
        self.cpu_ms = 0.0
        """What the child has spent in all, but for its start."""
        self.lost = 0
        """How many children have died or had to be ended."""

    def read(self, image: Frame) -> Found:
        """What zbar reads in the image; nothing while there is no child, or if it dies of it. Never raises."""
        if min(image.shape) < LEAST_SIDE or image.size > MOST_PIXELS or not self.ready():
            return Found()
        try:
            answer = self._ask(image)
        except (OSError, ValueError, msgspec.MsgspecError):
            self._lose()
            return Found()
        self.cpu_ms += max(0.0, answer.cpu_ms)
        return Found(tuple(_reading(code) for code in answer.codes if code.data.isascii() and code.data))

    def ready(self, within_s: float = 0.0) -> bool:
        """Whether the child can be asked; starts it if there is none, and waits for it so long at most."""
        child = self._start()
        if child is None or child.stdout is None or self._ready:
            return self._ready
        if _waits(child.stdout.fileno(), select.POLLIN, within_s):
            self._ready = os.read(child.stdout.fileno(), 1) == _HERE
            if not self._ready:
                self._lose()
        elif self._now() - self._begun > _START_S:
            self._lose()
        return self._ready

    def close(self) -> None:
        """Ends the child."""
        child, self._child = self._child, None
        self._ready = False
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with suppress(OSError):  # what was not sent any more
                        pipe.close()

    def _start(self) -> subprocess.Popen[bytes] | None:
        if self._child is None and self._now() >= self._due:
            self._begun = self._now()
            try:
                self._child = subprocess.Popen(  # noqa: S603 - our own module
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
                )
            except OSError:
                self._lose()
        return self._child

    def _lose(self) -> None:
        """The next child comes at once the first time, then after longer and longer rests, until there is peace."""
        self.close()
        now = self._now()
        if now - self._lost > _PEACE_S:
            self._rest = 0.0
        self.lost, self._lost = self.lost + 1, now
        self._due = now + self._rest
        self._rest = min(_REST_S[1], max(_REST_S[0], 2 * self._rest))

    def _ask(self, image: Frame) -> _Answer:
        """Raises OSError or ValueError if there is no answer in time, or none that can be."""
        assert self._child is not None
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        until = self._now() + PATIENCE_S
        into, out = self._child.stdin.fileno(), self._child.stdout.fileno()
        self._send(into, _ASK.pack(image.shape[1], image.shape[0]) + image.tobytes(), until)
        (size,) = _SIZE.unpack(self._receive(out, _SIZE.size, until))
        if size > _MOST_ANSWER:
            raise ValueError("an answer without end")
        return _answers.decode(self._receive(out, size, until))

    def _send(self, into: int, data: bytes, until: float) -> None:
        os.set_blocking(into, False)
        rest = memoryview(data)
        while rest:
            if not _waits(into, select.POLLOUT, until - self._now()):
                raise TimeoutError("the child does not listen")
            rest = rest[os.write(into, rest) :]

    def _receive(self, out: int, size: int, until: float) -> bytes:
        got = b""
        while len(got) < size:
            part = os.read(out, size - len(got)) if _waits(out, select.POLLIN, until - self._now()) else b""
            if not part:
                raise TimeoutError("the child does not answer")
            got += part
        return got


def _waits(pipe: int, what: int, at_most_s: float) -> bool:
    """Whether the pipe can be read or written within that time. Not select, which knows the first 1,024 files only."""
    poll = select.poll()
    poll.register(pipe, what)
    return bool(poll.poll(max(0.0, at_most_s) * 1000))


def _reading(code: _Code) -> Reading:
    quad = Quad(*(Point(*corner) for corner in code.corners)) if len(code.corners) == 4 else None
    across, down = zip(*(code.corners or ((0, 0),)), strict=True)
    return Reading(code.data.decode(), sum(across) / len(across), sum(down) / len(down), code.data, quad)


def serve(into: BinaryIO, out: BinaryIO) -> None:
    """The child: answers until the other side goes. Whatever goes wrong ends it."""
    from pyzbar.pyzbar import ZBarSymbol, decode

    out.write(_HERE)
    out.flush()
    while len(head := into.read(_ASK.size)) == _ASK.size:
        wide, high = _ASK.unpack(head)
        pixels = into.read(wide * high)
        if len(pixels) < wide * high:
            return
        began = time.process_time()
        codes = tuple(
            _Code(one.data, tuple((point.x, point.y) for point in one.polygon))
            for one in decode((pixels, wide, high), symbols=[ZBarSymbol.QRCODE])
        )
        answer = msgspec.msgpack.encode(_Answer((time.process_time() - began) * 1000, codes))
        out.write(_SIZE.pack(len(answer)) + answer)
        out.flush()


def _confine() -> None:
    """Ends with the parent, leaves no core file, and cannot eat the machine's memory."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, MEMORY)):
        with suppress(OSError, ValueError):  # a service manager may have set tighter ones
            resource.setrlimit(what, (most, most))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair


if __name__ == "__main__":
    _confine()
    serve(sys.stdin.buffer, sys.stdout.buffer)
