"""What the gate works with: each part is passed in, so that a test can put another in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from admission.wire import Whereabouts
from kiosk.clock import Clock
from kiosk.courier import Courier
from kiosk.doorkeeper import Doorkeeper
from kiosk.face import Face
from kiosk.health import Diary
from kiosk.journal import Journal
from kiosk.reader import Reader
from kiosk.self_test import SelfTest
from kiosk.standing import Standing
from kiosk.steward import Corner
from kiosk.way import Way


class Line(Protocol):
    """The way to the server, as the gate uses it."""

    up: bool
    trouble: str

    def ask(self, badge: int, room: str) -> Whereabouts | None:
        """The server's word on the holder, or None if it does not come in time."""

    def flush(self) -> None:
        """Sends what was just written, without waiting."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the gate works with."""

    journal: Journal
    standing: Standing
    doorkeeper: Doorkeeper
    clock: Clock
    line: Line
    reader: Reader
    face: Face
    courier: Courier
    corner: Corner | None = None
    diary: Diary | None = None
    way: Way | None = None
    test: SelfTest | None = None
