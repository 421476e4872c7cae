"""A kiosk as it ships, in a process of its own, with a pipe in place of camera, reader and screen.

It runs kiosk.__main__ and kiosk.station themselves: store, fsync, letters, threads and exit statuses are the real
ones. Only what touches a device is put in by name, so that the kiosk's insides may change without this file. Speaks
JSON, one object a line:

    {"present": "<badge text>"}  ->  {"state": "welcome", "key": "welcome", "ms": 12.3}  when the screen shows it
    {"state": true}              ->  {"up": ..., "queue": ..., "accounts": {room: {...}}, "incarnation": ..., ...}
    {"quit": true}               ->  ends in order; so does the end of the input

A badge is held up until there is an answer: "one moment" is followed as the gate follows it. The same badge is taken
out of sight first, for as long as makes it a new presentation.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from kiosk.camera import Shot
from kiosk.face import Shown, Status
from kiosk.reader import Reading, Sight
from kiosk.reader.sight import Found

command: Any = importlib.import_module("kiosk.__main__")
station: Any = importlib.import_module("kiosk.station")
presentation: Any = importlib.import_module("kiosk.presentation")

FRAME_S = 0.02
IDLE_S = 0.1
AWAY_S = 1.6
PATIENCE_S = 20.0
PASSING = frozenset({"waiting", "reading", "moment"})
"""What the screen shows on the way to an answer."""

Frame = NDArray[np.uint8]


class Turnstile:
    """Camera, reader and screen at once: what is written to the pipe is in view, what is shown is written back."""

    def __init__(self, said: TextIO) -> None:
        self._said = said
        self._commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._frames = [np.full((48, 64), grey, np.uint8) for grey in (0, 200)]  # a change is always looked at
        self._texts: list[str] = []
        self._seen: dict[str, float] = {}
        self._begun: float | None = None
        self._status = Status()
        self.made: dict[str, Any] = {}

    def listen(self, lines: TextIO) -> None:
        """Takes commands from the pipe from now on."""
        threading.Thread(target=self._listen, args=(lines,), daemon=True).start()

    def _listen(self, lines: TextIO) -> None:
        for line in lines:
            self._commands.put(json.loads(line))
        self._commands.put({"quit": True})

    # The camera: stands in for kiosk.camera.lasting

    def frames(self, *_opening: object) -> Iterator[Shot]:
        """Frames until the kiosk is told to quit."""
        while True:
            try:
                asked = self._commands.get(timeout=IDLE_S)
            except queue.Empty:
                yield self._frame()
                continue
            if "quit" in asked:
                return
            if "present" in asked:
                yield from self._hold_up(asked["present"])
            else:
                yield self._frame()  # after it the status is of now
                self._say(self._state())

    def _hold_up(self, text: str) -> Iterator[Shot]:
        while time.monotonic() - self._seen.get(text, -AWAY_S) < AWAY_S:
            yield self._frame()
            time.sleep(FRAME_S)
        self._texts, self._begun = [text], time.monotonic()
        until = self._begun + PATIENCE_S
        while self._unanswered and time.monotonic() < until:
            yield self._frame()
            if self._unanswered:
                time.sleep(FRAME_S)
        self._texts, self._seen[text] = [], time.monotonic()
        if self._unanswered:
            self._begun = None
            self._say({"state": "nothing", "key": "nothing", "ms": PATIENCE_S * 1000})

    @property
    def _unanswered(self) -> bool:
        return self._begun is not None

    def _frame(self) -> Shot:
        self._frames.reverse()
        return Shot(self._frames[0], station.boot_ms())

    # The reader

    def look(self, _frame: Frame, _now_ms: int, *, insist: bool = False) -> Sight:  # noqa: ARG002 - what is in view is said
        """See kiosk.reader.Reader."""
        return Sight(readings=tuple(Reading(text, 0, 0) for text in self._texts), spent=(("pipe", 0.0),))

    def warm_up(self) -> None:
        """There is nothing to warm."""

    # The screen

    def serve(self, *_address: object) -> Turnstile:
        """There is no page."""
        return self

    def shutdown(self) -> None:
        """There is no page."""

    def show(self, shown: Shown) -> None:
        """See kiosk.face.Face. Answers at this moment: whatever is killed later, the visitor has seen it."""
        if self._begun is None or shown.state in PASSING:
            return
        ms = (time.monotonic() - self._begun) * 1000
        self._begun = None
        self._say({"state": shown.state, "key": shown.key, "ms": round(ms, 1)})

    def report(self, status: Status) -> None:
        """See kiosk.face.Face."""
        self._status = status

    def _state(self) -> dict[str, Any]:
        standing = self.made["Standing"]
        accounts = {room: asdict(standing.account(room)) for room in standing.rooms_held}
        incarnation = self.made["begin_store"].incarnation
        line = {"up": self._status.link_up, "queue": self._status.queue, "trouble": self._status.trouble}
        holds = {room: {"held": standing.hold(room).held} for room in standing.rooms_held}
        line |= {"ready": standing.site is not None, "accounts": accounts, "incarnation": incarnation}
        return line | {"holds": holds, "time": self.made["clock"].now() is not None}

    def _say(self, answer: dict[str, Any]) -> None:
        self._said.write(json.dumps(answer) + "\n")
        self._said.flush()


class NoCell:
    """Stands in for kiosk.reader.cell.Cell."""

    cpu_ms = 0.0

    def ready(self, _within_s: float = 0.0) -> bool:
        """Never."""
        return False

    def read(self, _frame: Frame) -> Found:
        """Nothing is read here."""
        return Found()

    def close(self) -> None:
        """There is no child."""


def take_over(turnstile: Turnstile, boot: str) -> None:
    """Puts the turnstile in the devices' places, and remembers what the command builds. ``boot``: see ``main``."""

    def put(name: str, part: object) -> None:
        getattr(station, name)  # one that has moved is a failure here, not a camera that opens
        setattr(station, name, part)

    def remember(name: str) -> None:
        build = getattr(station, name)

        def built(*args: Any, **named: Any) -> Any:
            turnstile.made[name] = build(*args, **named)
            return turnstile.made[name]

        put(name, built)

    put("lasting", turnstile.frames)
    put("Eye", lambda *_: turnstile)
    put("Cell", lambda *_: NoCell())
    for name in (
        "GONE_MS",
        "GONE_LOOKS",
        "ANSWER_MS",
        "AWAY_MS",
        "STRANGER_MS",
    ):  # one code follows another faster than hands are
        setattr(presentation, name, 0)
    put("Screen", lambda *_: turnstile)
    remember("begin_store")
    remember("Standing")
    clock = station.Clock

    def named(of_this_computer: str, *rest: Any) -> Any:
        turnstile.made["clock"] = clock(f"{boot}{of_this_computer}"[:36], *rest)
        return turnstile.made["clock"]

    put("Clock", named)


def main() -> None:
    """Runs the kiosk; ends with its status."""
    parser = argparse.ArgumentParser(description="a real kiosk behind a pipe")
    parser.add_argument("--data", required=True, help="the folder of this kiosk's store")
    parser.add_argument("--enrolment", required=True, help="the file that the server made for this kiosk")
    parser.add_argument("--machine", default="", help="the name of the computer, if another than this one")
    parser.add_argument("--boot", default="", help="what its boots are called, if it is another or was booted anew")
    given = parser.parse_args()
    said = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else is printed is not an answer
    turnstile = Turnstile(said)
    take_over(turnstile, given.boot)
    turnstile.listen(sys.stdin)
    settings = Path(f"{given.data}.toml")
    settings.write_text(f'data = "{given.data}"\nmachine = "{given.machine}"\nscreen = "127.0.0.1:0"\n')
    command.main(["--config", str(settings), "--enrolment", given.enrolment])


if __name__ == "__main__":
    main()
