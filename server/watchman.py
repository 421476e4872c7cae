"""The watchman: looks at the backups once a minute, and raises an incident when no new one has come for too long.

Only where there have been any: a server that was started by hand, for a demonstration, has no timer that makes them.
The folder and the clock are passed in.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from server import backup, incidents
from server.incidents import Place
from server.store.engine import Store
from server.store.instants import to_ms

log = logging.getLogger(__name__)
KIND = "no_backup"
FIRST, LOOK, TICK_S = timedelta(minutes=10), timedelta(minutes=1), 20.0
"""The first look is late: a machine that was off for long makes its first backup minutes after it is on."""


@dataclass
class Watchman:
    """``heard`` is called after an incident was raised. The thread holds on to nothing: it ends within seconds once the
    watchman is let go of, or ``serving`` says so."""

    store: Store
    where: Path
    clock: Callable[[], datetime]
    heard: Callable[[], None]
    serving: Callable[[], bool] = lambda: True
    _ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begins to look, in a thread of its own."""
        arguments = (weakref.ref(self), self._ended)
        threading.Thread(target=_walk, args=arguments, name="watchman", daemon=True).start()

    def look(self) -> bool:
        """Whether an incident was raised now. A failure is logged, and the next look is another try."""
        try:
            now = self.clock()
            newest = backup.newest(self.where, now)
            if newest is None or now - newest <= backup.STALE:
                return False
            facts = {"newest": newest.isoformat(), "folder": str(self.where)}
            with self.store.read() as connection:
                known = incidents.is_open(connection, KIND, Place())
            if known:
                return False
            raised = self.store.write(lambda c: incidents.raise_while_open(c, KIND, to_ms(now), Place(), facts))
        except Exception:
            log.exception("the backups could not be looked at")
            return False
        if raised:
            self.heard()
        return raised

    def close(self) -> None:
        """Ends looking."""
        self._ended.set()


def _walk(whose: weakref.ref[Watchman], ended: threading.Event) -> None:
    wait = FIRST
    while True:
        for _ in range(int(wait.total_seconds() // TICK_S)):
            if ended.wait(TICK_S):
                return
            watchman = whose()
            if watchman is None or not watchman.serving():
                return
            del watchman
        watchman = whose()
        if watchman is None:
            return
        watchman.look()
        del watchman
        wait = LOOK
