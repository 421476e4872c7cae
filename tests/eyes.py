"""Eyes for tests: as the kiosk has them, with one cell of zbar for all of a test process."""

from __future__ import annotations

import atexit
import time
from functools import lru_cache

from kiosk.reader import Frame, Sight
from kiosk.reader.cell import Cell
from kiosk.reader.eye import BUDGET_MS, Eye


@lru_cache(maxsize=1)
def cell() -> Cell:
    """zbar in its child, ready to be asked."""
    made = Cell(time.monotonic)
    atexit.register(made.close)
    assert made.ready(within_s=20)
    return made


def cpu_ms() -> float:
    """What this thread and the cell have spent."""
    return time.thread_time() * 1000 + cell().cpu_ms


def new_eye(budget_ms: float = BUDGET_MS) -> Eye:
    """An eye that has seen nothing yet."""
    return Eye(cpu_ms, cell().read, budget_ms)


def stare(frame: Frame, looks: int = 12) -> Sight:
    """What comes of the same frame, looked at until something is read."""
    eye, sight = new_eye(), Sight()
    for at in range(looks):
        sight = eye.look(frame, 33 * at, insist=True)
        if sight.readings:
            break
    return sight


def texts(frame: Frame, looks: int = 1) -> list[str]:
    """The texts that are read in it, badges first, nearest the middle first."""
    return [reading.text for reading in stare(frame, looks).readings]
