"""The tables of a report: the numbers behind each picture, for pages and for files.

A cell is a value; how it is written depends on its column. Knows nothing of markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from admission.errors import ConfigError
from server.phrase import marked as _
from server.phrase import phrase
from server.reports.audience import Group
from server.reports.day import Report
from server.reports.presence import Dwell
from server.reports.tallies import MINUTE
from server.reports.voice import NO_DELEGATION, NO_THEME, Voice
from server.store.instants import to_ms

HOUR = 60


@dataclass(frozen=True, slots=True)
class Column:
    """What stands in a column: text, number, share, minutes, or moment (a minute of Unix time)."""

    title: str
    kind: str = "number"


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows; ``links``: which session a row is about."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    links: Sequence[str] = ()


def cell(voice: Voice, column: Column, value: object) -> str:
    """A value as a page shows it."""
    if value is None:
        return "—"
    match column.kind:
        case "moment":
            return voice.time(int(str(value)))
        case "share":
            return voice.share(float(str(value)))
        case "minutes":
            return voice.minutes(int(str(value)))
        case "number":
            return voice.number(int(str(value)))
        case _:
            return str(value)


def make(name: str, report: Report, voice: Voice) -> Table:
    """The table of that name. Raises ConfigError if there is none."""
    maker = TABLES.get(name)
    if maker is None:
        raise ConfigError(phrase("there is no table {name!r}", name=name[:40]))
    return maker(report, voice)


def sessions(report: Report, _voice: Voice) -> Table:
    """Attendance of each session."""
    columns = (
        Column(_("Starts"), "moment"),
        Column(_("Session"), "text"),
        Column(_("Room"), "text"),
        Column(_("Theme"), "text"),
        Column(_("People who came")),
        Column(_("Seats")),
        Column(_("Share of seats"), "share"),
        Column(_("Most at once")),
        Column(_("Listed")),
        Column(_("No-shows")),
    )
    rows = [
        (
            to_ms(one.session.starts) // MINUTE,
            one.session.title,
            one.room,
            one.theme,
            one.people,
            one.seats,
            one.share,
            one.peak.most,
            one.expected and one.expected.listed,
            one.expected and one.expected.missing,
        )
        for one in report.talks
    ]
    return Table(columns, rows, [one.session.id for one in report.talks])


def no_shows(report: Report, _voice: Voice) -> Table:
    """Who was on the list of a session and came, once its doors have closed."""
    columns = (
        Column(_("Starts"), "moment"),
        Column(_("Session"), "text"),
        Column(_("Listed")),
        Column(_("Came")),
        Column(_("No-shows")),
    )
    known = [one for one in report.talks if one.expected is not None]
    rows = [
        (to_ms(one.session.starts) // MINUTE, one.session.title, *(who.listed, who.came, who.missing))
        for one in known
        if (who := one.expected) is not None
    ]
    return Table(columns, rows, [one.session.id for one in known])


def rooms(report: Report, _voice: Voice) -> Table:
    """The peak of each room."""
    columns = (
        Column(_("Room"), "text"),
        Column(_("Legal limit")),
        Column(_("Most bodies at once")),
        Column(_("First at"), "moment"),
        Column(_("Share of the limit"), "share"),
        Column(_("Times over the limit")),
    )
    rows = [
        (
            one.room.name,
            one.room.limit,
            one.peak.most,
            one.peak.minute,
            one.peak.most / one.room.limit if one.room.limit else None,
            report.safety.over.get(one.room.id, 0) if one.room.limit is not None else None,
        )
        for one in report.places
    ]
    return Table(columns, rows)


def occupancy(report: Report, _voice: Voice) -> Table:
    """The most bodies in each room, hour by hour."""
    columns = (Column(_("Hour from"), "moment"), *(Column(one.room.name) for one in report.places))
    rows = [(start, *(one.curve.most_in(start, start + HOUR) for one in report.places)) for start in _hours(report)]
    return Table(columns, rows)


def gates(report: Report, voice: Voice) -> Table:
    """Arrivals and refusals of each gate."""
    columns = (
        Column(_("Gate"), "text"),
        Column(_("Entries")),
        Column(_("Most in 5 minutes")),
        Column(_("From"), "moment"),
        Column(_("Refusals")),
    )
    rows = [
        (voice.gate(one.name), one.entries, one.busiest.most, one.busiest.minute, one.refused) for one in report.doors
    ]
    return Table(columns, rows)


def arrivals(report: Report, voice: Voice) -> Table:
    """Entries at each gate, minute by minute."""
    columns = (Column(_("Minute"), "moment"), Column(_("Gate"), "text"), Column(_("Entries")))
    rows = [
        (minute, voice.gate(one.name), bodies)
        for one in report.doors
        for minute, bodies in sorted(one.arrivals.items())
    ]
    return Table(columns, rows)


def arrivals_by_hour(report: Report, voice: Voice) -> Table:
    """Entries at each gate that had any, hour by hour."""
    used = [one for one in report.doors if one.entries]
    columns = (Column(_("Hour from"), "moment"), *(Column(voice.gate(one.name)) for one in used))
    rows = [
        (start, *(sum(n for minute, n in one.arrivals.items() if start <= minute < start + HOUR) for one in used))
        for start in _hours(report)
    ]
    return Table(columns, rows)


def dwell(report: Report, voice: Voice) -> Table:
    """How long people stayed, in rooms and sessions that have exits."""
    columns = (
        Column(_("Room or session"), "text"),
        Column(_("Stays that ended at an exit")),
        Column(_("Median"), "minutes"),
        Column(_("9 of 10 at most"), "minutes"),
    )
    found: list[tuple[str, Dwell]] = [
        (voice.say(phrase("Room: {name}", name=one.room.name)), one.dwell) for one in report.places
    ]
    found += [(one.session.title, one.dwell) for one in report.talks]
    return Table(columns, [(name, one.stays, one.median, one.p90) for name, one in found if one.stays])


def delegations(report: Report, voice: Voice) -> Table:
    """People by delegation."""
    return _groups(_("Delegation"), report.audience.delegations, lambda name: voice.group(name, NO_DELEGATION))


def categories(report: Report, _voice: Voice) -> Table:
    """People by category of badge."""
    return _groups(_("Category"), report.audience.categories, str)


def themes(report: Report, voice: Voice) -> Table:
    """People by theme of the sessions that they came to."""
    columns = (
        Column(_("Theme"), "text"),
        Column(_("Sessions")),
        Column(_("People who came")),
        Column(_("Attendances")),
    )
    rows = [
        (voice.group(one.name, NO_THEME), one.sessions, one.people, one.attendances) for one in report.audience.themes
    ]
    return Table(columns, rows)


def refusals(report: Report, voice: Voice) -> Table:
    """Refusals by reason."""
    columns = (Column(_("Reason"), "text"), Column(_("Refusals")))
    return Table(columns, [(voice.reason(code), count) for code, count in report.safety.refused.items()])


def refusals_at_gates(report: Report, voice: Voice) -> Table:
    """Refusals by gate and reason."""
    columns = (Column(_("Gate"), "text"), Column(_("Reason"), "text"), Column(_("Refusals")))
    names = {one.id: one.name for one in report.doors}
    rows = [
        (voice.gate(names.get(gate, gate)), voice.reason(code), count)
        for gate, reasons in report.safety.refused_at.items()
        for code, count in reasons.items()
    ]
    return Table(columns, sorted(rows, key=lambda row: (-row[2], row[0], row[1])))


TABLES: Mapping[str, Callable[[Report, Voice], Table]] = {
    "sessions": sessions,
    "no-shows": no_shows,
    "rooms": rooms,
    "occupancy": occupancy,
    "gates": gates,
    "arrivals": arrivals,
    "dwell": dwell,
    "delegations": delegations,
    "categories": categories,
    "themes": themes,
    "refusals": refusals,
    "refusals-at-gates": refusals_at_gates,
}
"""The tables that can be had as files."""


def active(report: Report) -> range | None:
    """The minutes from the first to the last in which anything happened; None if nothing did."""
    now = to_ms(report.made) // MINUTE
    seen = [minute for one in report.places for minute, _inside in one.curve.points[1:]]
    seen += [minute for one in report.doors for minute in one.arrivals]
    return range(min(seen), min(max(seen), max(now, min(seen))) + 1) if seen else None


def _hours(report: Report) -> Iterator[int]:
    """The full hours in which anything happened, by the venue's clock as far as its offset is whole hours."""
    span = active(report)
    if span is not None:
        first = report.span.minutes.start + (span.start - report.span.minutes.start) // HOUR * HOUR
        yield from range(first, span.stop, HOUR)


def _groups(title: str, groups: Sequence[Group], named: Callable[[str], str]) -> Table:
    columns = (
        Column(title, "text"),
        Column(_("Invited")),
        Column(_("Came")),
        Column(_("Share"), "share"),
        Column(_("Attendances")),
    )
    rows = [
        (named(one.name), one.invited, one.came, one.came / one.invited if one.invited else None, one.attendances)
        for one in groups
    ]
    return Table(columns, rows)
