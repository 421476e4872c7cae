"""Keeps reports that were just made, so that a page and its pictures show the same numbers and are counted once.

A report is made anew when something has happened since and it is FRESH old, and after LONGEST in any case.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from server.current import Picture
from server.reports import day, days
from server.reports.day import Report, Scene
from server.reports.days import Span
from server.reports.tallies import Tallies
from server.store.engine import Readable
from server.store.schema import passage

FRESH = timedelta(seconds=5)
LONGEST = timedelta(seconds=60)
MOST = 12
Mark = tuple[object, ...]


@dataclass
class Shelf:
    """The reports of one event, for any thread of this process."""

    store: Readable
    clock: Callable[[], datetime]
    tallies: Tallies = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _kept: dict[str, tuple[Mark, Report]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tallies = Tallies(self.clock)

    def days(self, picture: Picture) -> list[date]:
        """The days of the event."""
        with self.store.read() as connection:
            return days.days(picture.programme, self.tallies.read(connection), picture.event.zone)

    def report(self, picture: Picture, span: Span) -> Report:
        """The report of a span, at most FRESH old."""
        with self._lock, self.store.read() as connection:  # whoever asks for the same waits, and finds it made
            newest = connection.execute(select(func.max(passage.c.id))).scalar_one()
            versions = (picture.event.era, picture.programme.version, picture.badges_version, picture.acts)
            mark: Mark = (span, newest, versions)
            now = self.clock()
            known = self._kept.get(span.name)
            if known is not None and _is_good(known, mark, now):
                return known[1]
            scene = Scene(connection, picture.programme, self.tallies.read(connection), now)
            made = day.read(scene, span)
            self._kept.pop(span.name, None)
            while len(self._kept) >= MOST:
                self._kept.pop(next(iter(self._kept)))
            self._kept[span.name] = (mark, made)
            return made


def _is_good(known: tuple[Mark, Report], mark: Mark, now: datetime) -> bool:
    before, report = known
    age = abs(now - report.made)
    return before[0] == mark[0] and before[2] == mark[2] and age < (LONGEST if before == mark else FRESH)
