"""A day of the programme as rows of a table: rooms down, time across, five minutes to a column. Pure.

Sessions that overlap in a room get a row each, so that a clash is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from admission.venue import Programme, Room, Session

STEP = timedelta(minutes=5)
HOUR = timedelta(hours=1)
COLUMNS = HOUR // STEP


@dataclass(frozen=True, slots=True)
class Cell:
    """So many columns, with a session or without."""

    span: int
    session: Session | None


@dataclass(frozen=True, slots=True)
class Line:
    """A room and its rows of cells."""

    room: Room
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Timetable:
    """A day: its hours as the clocks there show them, its lines, and the column of this moment (None: not on it)."""

    day: date
    hours: Sequence[str]
    lines: Sequence[Line]
    now: int | None

    @property
    def columns(self) -> int:
        """How many columns of time there are."""
        return len(self.hours) * COLUMNS


def days(programme: Programme) -> list[date]:
    """The days on which something begins, in the venue's zone."""
    zone = ZoneInfo(programme.timezone)
    return sorted({one.starts.astimezone(zone).date() for one in programme.sessions})


def choose(programme: Programme, asked: str, now: datetime) -> date | None:
    """The day that is asked for, today, or the next with sessions; None: there are none."""
    known = days(programme)
    if found := next((one for one in known if one.isoformat() == asked), None):
        return found
    today = now.astimezone(ZoneInfo(programme.timezone)).date()
    return next((one for one in known if one >= today), known[-1] if known else None)


def on(programme: Programme, day: date) -> list[Session]:
    """What goes on that day, in the order in which it begins."""
    since, until = _bounds(day, ZoneInfo(programme.timezone))
    return sorted((one for one in programme.sessions if one.starts < until and one.ends > since), key=_order)


def lay_out(programme: Programme, day: date, now: datetime) -> Timetable:
    """The timetable of that day."""
    zone = ZoneInfo(programme.timezone)
    since, until = _bounds(day, zone)
    sessions = on(programme, day)
    first = max(since, min((_hour(one.starts) for one in sessions), default=since))
    last = min(until, max((_hour(one.ends + HOUR - STEP / 5) for one in sessions), default=first + HOUR))
    hours = [first + HOUR * number for number in range(max(1, -((first - last) // HOUR)))]
    end = hours[-1] + HOUR
    theirs: Mapping[str, list[Session]] = {room.id: [] for room in programme.rooms}
    for session in sessions:
        theirs[session.room].append(session)
    lines = [Line(room, list(_rows(theirs[room.id], first, end))) for room in programme.rooms if theirs[room.id]]
    shown = [f"{hour.astimezone(zone):%H:%M}" for hour in hours]
    return Timetable(day, shown, lines, (now - first) // STEP if first <= now < end else None)


def _rows(sessions: Sequence[Session], first: datetime, end: datetime) -> Iterator[Sequence[Cell]]:
    """As few rows as hold them side by side."""
    rows: list[list[tuple[int, int, Session]]] = []
    for one in sessions:
        start = max(0, (one.starts - first) // STEP)
        stop = max(start + 1, min((end - first) // STEP, -((first - one.ends) // STEP)))
        row = next((row for row in rows if row[-1][1] <= start), None)
        if row is None:
            rows.append(row := [])
        row.append((start, stop, one))
    for row in rows:
        yield list(_cells(row, (end - first) // STEP))


def _cells(row: Sequence[tuple[int, int, Session]], columns: int) -> Iterator[Cell]:
    at = 0
    for start, stop, session in row:
        if start > at:
            yield Cell(start - at, None)
        yield Cell(stop - start, session)
        at = stop
    if at < columns:
        yield Cell(columns - at, None)


def _bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return midnight.astimezone(UTC), (midnight + timedelta(days=1)).astimezone(UTC)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _order(session: Session) -> tuple[datetime, datetime, str]:
    return session.starts, session.ends, session.id
