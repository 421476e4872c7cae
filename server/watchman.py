"""The watchman: looks at the backups once a minute, and raises an incident when no new one has come for too long.

Only where there have been any, or where their folder was set: a server that was started by hand, for a demonstration,
has no timer that makes them. The newest that was seen counts on when the disk with all of them is away. The folder and
the clock are passed in.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
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
    """``heard`` is called after an incident was raised. ``expected``: there have to be backups, if none was ever seen
    too. The thread holds on to nothing: it ends within seconds once the watchman is let go of, or ``serving`` says so.
    """

    store: Store
    where: Path
    clock: Callable[[], datetime]
    heard: Callable[[], None]
    serving: Callable[[], bool] = lambda: True
    expected: bool = False
    _seen: datetime | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begins to look, in a thread of its own."""
        arguments = (weakref.ref(self), self._ended)
        threading.Thread(target=_walk, args=arguments, name="watchman", daemon=True).start()

    def look(self) -> bool:
        """Whether an incident was raised now. A failure is logged, and the next look is another try."""
        try:
            now = self.clock()
            if (age := self.age(now)) is None or age <= backup.STALE:
                return False
            newest = self._seen.isoformat() if self._seen is not None else ""
            facts = {"newest": newest, "folder": str(self.where)}
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

    def age(self, now: datetime) -> timedelta | None:
        """Of the newest backup that is there, or was when it was last looked for; ``timedelta.max`` where there should
        be one, None where there need not. Never raises OSError: a disk that cannot be read is one that is away."""
        with suppress(OSError):
            self._seen = backup.newest(self.where, now) or self._seen
        if self._seen is None:
            return timedelta.max if self.expected else None
        self._seen = min(self._seen, now)  # the clock was ahead when it was made
        return now - self._seen

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
