"""What happened at the gates, minute by minute: passages are read once, and from then on only what is new.

A passage is never changed, so what was counted once stays counted. Numbers that a database may still be committing are
counted anew each time. Knows nothing of stays or people.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, case, func, select

from server.store.schema import event, passage

MINUTE = 60_000
PART = 20_000
"""Rows read in one statement: what is grouped then stays small, which is faster than all at once."""
SETTLED = timedelta(minutes=1)
"""A passage that was written this long ago is not preceded by one that is still being written."""


class Event(NamedTuple):
    """What happens again and again: a kind of passage at a gate in a minute (of Unix time). ``badged``: with a badge
    of its own."""

    kind: str
    why: str
    gate: str
    room: str
    badged: bool
    minute: int


Tally = Mapping[Event, int]
"""How many bodies each concerns; of refusals, how many attempts."""


@dataclass
class Tallies:
    """The tally of all passages, for any thread of this process."""

    clock: Callable[[], datetime]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: Counter[Event] = field(default_factory=Counter)
    _era: int = 0
    _until: int = 0
    _seen: tuple[datetime, int] | None = None

    def read(self, connection: Connection) -> Tally:
        """Everything up to now."""
        newest = connection.execute(select(func.max(passage.c.id))).scalar_one() or 0
        era = connection.execute(select(event.c.era)).scalar_one()
        with self._lock:
            if era != self._era or newest < self._until:  # the database was put back
                self._known, self._until, self._seen, self._era = Counter(), 0, None, era
            now = self.clock()
            if self._seen is None:
                self._count(connection, self._known, max(0, newest - PART))
                self._seen = now, newest
            elif abs(now - self._seen[0]) >= SETTLED:
                self._count(connection, self._known, self._seen[1])
                self._seen = now, newest
            fresh: Counter[Event] = Counter()
            _fold(connection, fresh, self._until, newest)
            return self._known + fresh

    def _count(self, connection: Connection, into: Counter[Event], until: int) -> None:
        _fold(connection, into, self._until, until)
        self._until = max(self._until, until)


def _fold(connection: Connection, into: Counter[Event], after: int, until: int) -> None:
    """Counts the passages with numbers above ``after``, up to ``until``."""
    minute = (passage.c.at // MINUTE).label("minute")  # first among what is grouped: numbers are compared fastest
    columns = (minute, passage.c.gate, passage.c.kind, passage.c.why, passage.c.room)
    without = func.sum(case((passage.c.badge == 0, passage.c.count), else_=0))
    query = select(*columns, func.sum(passage.c.count), without).group_by(*columns)
    for first, last in parts(after, until):
        part = query.where(passage.c.id > first, passage.c.id <= last)
        for at, gate, kind, why, room, bodies, unbadged in connection.execute(part):
            for badged, count in ((True, int(bodies - unbadged)), (False, int(unbadged))):
                if count:
                    into[Event(kind, why, gate, room, badged, at)] += count


def parts(after: int, until: int) -> Iterator[tuple[int, int]]:
    """Row numbers above ``after`` up to ``until`` in parts: above the first, up to the last of each pair."""
    for first in range(after, until, PART):
        yield first, min(until, first + PART)
