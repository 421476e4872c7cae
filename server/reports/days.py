"""The days of an event: each from midnight to midnight by the venue's clock, or all of them as one span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from admission.errors import ConfigError
from admission.venue import Programme
from server.phrase import phrase
from server.reports.tallies import MINUTE, Tally
from server.store.instants import from_ms, to_ms

ALL = "all"


@dataclass(frozen=True, slots=True)
class Span:
    """From ``since`` until before ``until`` (ms). ``day`` None: all days. ``name``: how addresses call it."""

    day: date | None
    since: int
    until: int

    @property
    def name(self) -> str:
        """YYYY-MM-DD, or ``all``."""
        return ALL if self.day is None else self.day.isoformat()

    @property
    def minutes(self) -> range:
        """The minutes of Unix time within it."""
        return range(self.since // MINUTE, -(-self.until // MINUTE))


def of_day(day: date, zone: tzinfo) -> Span:
    """This day."""
    start = datetime.combine(day, time(), zone)
    end = datetime.combine(day + timedelta(days=1), time(), zone)
    return Span(day, to_ms(start), to_ms(end))


def days(programme: Programme, tally: Tally, zone: tzinfo) -> list[date]:
    """The days on which a session begins, and those between them and around them on which somebody came in."""
    planned = {one.starts.astimezone(zone).date() for one in programme.sessions}
    came = {event.minute for event in tally if event.kind == "entry"}
    seen = {from_ms(minute * MINUTE).astimezone(zone).date() for minute in came}
    near = timedelta(days=1)  # a kiosk with a wrong clock makes no days of its own
    found = {day for day in seen if not planned or min(planned) - near <= day <= max(planned) + near}
    return sorted(planned | found)


def choose(name: str, known: Sequence[date], zone: tzinfo, now: datetime) -> Span:
    """The span of that name. Empty: today if it is one of the days, else the last that has begun, else the first.

    Raises ConfigError for what is no day.
    """
    today = now.astimezone(zone).date()
    if name == ALL:
        first, last = (known[0], known[-1]) if known else (today, today)
        return Span(None, of_day(first, zone).since, of_day(last, zone).until)
    if not name:
        begun = [day for day in known if day <= today]
        return of_day(begun[-1] if begun else known[0] if known else today, zone)
    try:
        day = date.fromisoformat(name)
    except ValueError as error:
        raise ConfigError(phrase("{day!r} is no day; write it like 2026-11-23", day=name[:40])) from error
    if not 2000 <= day.year < 3000:
        raise ConfigError(phrase("{day!r} is no day; write it like 2026-11-23", day=name[:40]))
    return of_day(day, zone)
