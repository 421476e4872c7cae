"""A roll as a CSV file for spreadsheets: the people, and a row for the bodies of each room that nobody can name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo

from server.cells import line as csv_line
from server.roll_call import Mark
from server.roster import Entry, Roster
from server.store.instants import from_ms

HEADER = ("room", "name", "organisation", "delegation", "person", "since", "left", "count")
MARKED = ("safe", "marked_at", "marked_by", "how")


def lines(
    roster: Roster, people: Iterable[Entry], zone: ZoneInfo, marks: Mapping[int, Mark] | None = None
) -> Iterator[str]:
    """The file with these of the roster's ``people``, with a BOM; times in ``zone``. With ``marks`` also who is safe,
    says whom and since when."""
    yield "\ufeff" + csv_line((*HEADER, *(MARKED if marks is not None else ())))
    names = {one.id: one.name for one in roster.places}
    for one in people:
        left = "" if one.left is None else _moment(one.left, zone)
        name = one.name or (f"badge {-one.holder}" if one.holder < 0 else f"person {one.holder}")
        facts = (names.get(one.room, one.room), name, one.organisation, one.delegation, one.ref)
        times = (_moment(one.since, zone) if one.since else "", left, "1")
        yield csv_line((*facts, *times, *(() if marks is None else _marked(marks.get(one.holder), zone))))
    for place in roster.places:
        if place.unbadged:
            yield csv_line((place.name, "counted without a badge", "", "", "", "", "", str(place.unbadged)))


def _marked(mark: Mark | None, zone: ZoneInfo) -> tuple[str, ...]:
    if mark is None or not mark.safe:
        return ("no", "", "", "")
    return ("yes", _moment(mark.at, zone), mark.by, mark.how)


def _moment(ms: int, zone: ZoneInfo) -> str:
    return f"{from_ms(ms).astimezone(zone):%Y-%m-%d %H:%M:%S}"
