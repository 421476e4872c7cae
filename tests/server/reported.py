"""A day with few people, known by heart: what tests of reports count."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from admission.passage import Kind, Passage, encode
from server import event, programme
from server.phrase import Phrase
from server.reports import day, days
from server.reports.day import Report, Scene
from server.reports.tallies import Tallies
from server.reports.voice import Voice
from server.store.engine import PostgresStore, SqliteStore
from tests.server.desk import Server, badge_of
from tests.world import ZONE, PaperKiosk, make_world

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
"""12:00 by the venue's clock. The keynote in the hall is from 11:00 to 14:00, so is the dinner for p1 and p2."""
LATE = NOON + timedelta(hours=4)
DAY = "2026-11-23"
PLACE = ZoneInfo(ZONE)


def said(text: object) -> str:
    """In English, as it was written."""
    return text.pattern.format(**text.values) if isinstance(text, Phrase) else str(text)


def number(value: float) -> str:
    return f"{value:,}"


def day_in_words(one: date) -> str:
    return f"{one:%A %d %B %Y}"


VOICE = Voice(PLACE, said, number, day_in_words, lambda one: f"{one:%a %d}")


def at(clock: str, days: int = 0) -> datetime:
    """This time of the day at the venue."""
    local = datetime.combine(NOON.astimezone(PLACE).date(), datetime.strptime(clock, "%H:%M").time(), PLACE)  # noqa: DTZ007
    return local + timedelta(days=days)


class Venue(Server):
    """The small venue at NOON; people pass its gates at times of the day."""

    def __init__(self, store: SqliteStore | PostgresStore) -> None:
        super().__init__(store, store.write(lambda connection: make_world(connection, NOON)))
        self.now = LATE
        self._kiosks: dict[str, PaperKiosk] = {}

    def at_gate(self, gate: str) -> PaperKiosk:
        """Its kiosk, with a seat in hand."""
        if gate not in self._kiosks:
            self._kiosks[gate] = self.kiosk(gate)
        self.exchange(self._kiosks[gate])
        return self._kiosks[gate]

    def passes(
        self, gate: str, who: int, clock: str, *, session: str = "keynote", kind: Kind = Kind.ENTRY, days: int = 0
    ) -> int:
        """Person number ``who`` passes this gate; the number of the passage."""
        kiosk = self.at_gate(gate)
        made = kiosk.pass_through(kind, badge_of(self, who), at(clock, days), session=session)
        self.exchange(kiosk)
        return made

    def writes(self, gate: str, kind: Kind, clock: str, *, session: str = "keynote", **facts: object) -> None:
        """Any passage at this gate."""
        kiosk = self.at_gate(gate)
        whole = {"badge": 0, "boot": "boot", "boot_ms": 0, "at": at(clock), "session": session} | facts
        kiosk.append(encode(Passage(kind=kind, gate=gate, room=kiosk.room, **whole)))  # type: ignore[arg-type]
        self.exchange(kiosk)

    def report(self, name: str = DAY, now: datetime = LATE) -> Report:
        """The report of a day as of ``now``, counted anew."""
        with self.store.read() as connection:
            present = event.read(connection)
            plan = programme.read(connection, present)
            tally = Tallies(lambda: now).read(connection)
            span = days.choose(name, days.days(plan, tally, present.zone), present.zone, now)
            return day.read(Scene(connection, plan, tally, now), span)


def busy_day(venue: Venue) -> None:
    """p1, p2, p4 come to the keynote; three without a badge are let in; p5 is refused twice; p1 goes to the dinner."""
    venue.passes("hall-a", 1, "11:10")
    venue.passes("hall-a", 2, "11:12")
    venue.passes("hall-b", 4, "11:12")
    venue.writes("hall-a", Kind.REFUSED, "11:20", badge=badge_of(venue, 5), why="not_listed", count=2)
    venue.writes("hall-a", Kind.FORCED, "11:30", why="other", count=3, by=badge_of(venue, 9))
    venue.passes("hall-out", 1, "12:10", kind=Kind.EXIT)
    venue.passes("club-door", 1, "12:20", session="dinner")
    venue.passes("hall-out", 2, "12:40", kind=Kind.EXIT)
