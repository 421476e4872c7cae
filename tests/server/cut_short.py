"""A restore whose plug is pulled: a process of its own that kills itself at a named point.

python -m tests.server.cut_short DATABASE BACKUP POINT
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server import recovery
from server.store import copies, engine
from tests.world import utc_now

BEFORE: dict[str, tuple[object, str]] = {
    "checked": (recovery, "_look"),
    "before its tables are new": (recovery, "_prepare"),
    "before it is set aside": (recovery, "_set_aside"),
    "before it is put": (copies, "put"),
    "before the commit is noted": (engine.Turn, "note"),
}
POINTS = (*BEFORE, "while it is written over")
MISSING = tuple(point for point in POINTS if point != "while it is written over")
"""Where there is no database, or none that can be read: the copy is renamed into its place."""


def main(path: Path, file: Path, point: str) -> None:
    """Runs until the point is reached."""
    if point in BEFORE:
        _die_before(*BEFORE[point], place=path)
    else:
        put: Callable[..., None] = copies.put

        def watched(whole: Path, place: Path) -> None:
            threading.Thread(target=_die_once_written, args=(Path(f"{place}-wal"),), daemon=True).start()
            put(whole, place)

        setattr(copies, "put", watched)  # noqa: B010 - the point of it
    recovery.put_back(path, file, utc_now)


def _die_before(where: Any, name: str, place: Path) -> None:
    real = getattr(where, name)

    def die(*words: Any, **more: Any) -> Any:
        if name == "note" and "restoring" in str(Path(f"/proc/self/fd/{words[0]._file}").readlink()):
            return real(*words, **more)  # the copy's own, not the database's
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    setattr(where, name, die)


def _die_once_written(wal: Path) -> None:
    while not (wal.exists() and wal.stat().st_size > 1_000_000):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
