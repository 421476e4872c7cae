"""The pictures of a report, by name. What they are drawn with is in ``bars`` and ``panels``; what they say is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time

from admission.errors import ConfigError
from server.phrase import phrase
from server.reports import bars, findings, panels
from server.reports.audience import Group
from server.reports.bars import Bar
from server.reports.day import BIN, Report, Talk
from server.reports.panels import Clock, Panel, Style
from server.reports.presence import Dwell, Peak
from server.reports.session import SessionReport
from server.reports.svg import LOOKS, WIDTHS
from server.reports.tables import active
from server.reports.tallies import MINUTE
from server.reports.voice import EVERYWHERE, NO_DELEGATION, NO_THEME, Voice
from server.store.instants import from_ms, to_ms

TOP = 20
SCALE = 1.25
"""Bars of shares end here, at 125 %: what is beyond is broken off."""
QUARTER = 15


@dataclass(frozen=True, slots=True)
class Canvas:
    """How wide a picture is, and in which colours. Raises ConfigError for names of neither."""

    width: str = "wide"
    look: str = "light"

    def __post_init__(self) -> None:
        if self.width not in WIDTHS or self.look not in LOOKS:
            raise ConfigError(phrase("pictures are narrow, middle, wide or full, and light or dark"))

    @property
    def pixels(self) -> float:
        """Its width."""
        return WIDTHS[self.width]


def draw(name: str, report: Report, voice: Voice, canvas: Canvas) -> str:
    """The picture of that name as SVG. Raises ConfigError if there is none."""
    if name in ("occupancy", "arrivals"):
        drawn = _occupancy if name == "occupancy" else _arrivals
        return drawn(report, voice, canvas)
    if name not in BARS:
        raise ConfigError(phrase("there is no picture {name!r}", name=name[:40]))
    some = BARS[name](report, voice)
    most = SCALE if name == "attendance" and any(one.value > SCALE for one in some) else 0
    return bars.draw(some, canvas.pixels, LOOKS[canvas.look], findings.FINDINGS[name](report, voice), most)


def draw_session(name: str, report: SessionReport, voice: Voice, canvas: Canvas) -> str:
    """A picture of one session as SVG. Raises ConfigError if there is none of that name."""
    look, title = LOOKS[canvas.look], report.talk.session.title
    if name == "occupancy":
        talk = report.talk
        panel = Panel(title, most(voice, talk.peak, talk.seats), report.curve.points, talk.seats)
        return panels.draw([panel], clock(report.minutes, voice), Style(plot=180), canvas.pixels, look, title)
    if name == "gates":
        some = [Bar(voice.gate(gate), count, voice.number(count)) for gate, count in report.arrivals]
    elif name == "refusals":
        some = [Bar(voice.reason(code), count, voice.number(count)) for code, count in report.refused]
    elif name in ("delegations", "categories"):
        groups = report.delegations if name == "delegations" else report.categories
        named = [(voice.group(one.name, NO_DELEGATION), one.attendances) for one in groups[:TOP]]
        some = [Bar(label, people, voice.number(people)) for label, people in named]
    else:
        raise ConfigError(phrase("there is no picture {name!r}", name=name[:40]))
    return bars.draw(some, canvas.pixels, look, title)


def most(voice: Voice, peak: Peak, limit: int | None = None) -> str:
    """The most at once, of a limit if there is one, and when."""
    if not peak.most:
        return voice.say(phrase("nobody"))
    inside, at = voice.number(peak.most), voice.time(peak.minute)
    if not limit:
        return voice.say(phrase("most {most} at {time}", most=inside, time=at))
    share = voice.share(peak.most / limit)
    told = phrase(
        "most {most} of {limit} ({share}) at {time}", most=inside, limit=voice.number(limit), share=share, time=at
    )
    return voice.say(told)


def fullest(voice: Voice, talk: Talk) -> str:
    """How full a session was at its fullest, in a sentence."""
    peak = talk.peak
    if not peak.most:
        return voice.say(phrase("Nobody has been inside yet."))
    people, at = voice.number(peak.most), voice.time(peak.minute)
    if not talk.seats:
        return voice.say(phrase("At most {most} people were inside at once, at {time}.", most=people, time=at))
    seats, share = voice.number(talk.seats), voice.share(peak.most / talk.seats)
    told = phrase(
        "At most {most} people were inside at once, on {seats} seats ({share}), at {time}.",
        most=people,
        seats=seats,
        share=share,
        time=at,
    )
    return voice.say(told)


def _occupancy(report: Report, voice: Voice, canvas: Canvas) -> str:
    some = [Panel(voice.say(EVERYWHERE), most(voice, report.venue.peak), report.venue.points)]
    for one in report.places:
        if one.peak.most:
            text = most(voice, one.peak, one.room.limit)
            some.append(Panel(one.room.name, text, one.curve.points, one.room.limit, doubt=not one.counted))
    title = findings.occupancy(report, voice)
    return panels.draw(some, clock(shown(report), voice), Style(), canvas.pixels, LOOKS[canvas.look], title)


def _arrivals(report: Report, voice: Voice, canvas: Canvas) -> str:
    some = []
    for one in report.doors:
        if one.entries:
            said = phrase(
                "entries: {entries} · most {most} from {time}",
                entries=voice.number(one.entries),
                most=voice.number(one.busiest.most),
                time=voice.time(one.busiest.minute),
            )
            some.append(Panel(voice.gate(one.name), voice.say(said), sorted(one.bins().items())))
    title = findings.arrivals(report, voice)
    style = Style(plot=34, columns=BIN, same=True)
    return panels.draw(some, clock(shown(report), voice), style, canvas.pixels, LOOKS[canvas.look], title)


def shown(report: Report) -> range:
    """The minutes that are drawn: whole quarters of an hour around all that happened."""
    span = active(report) or range(report.span.minutes.start, report.span.minutes.start + 60)
    return range(span.start // QUARTER * QUARTER, -(-span.stop // QUARTER) * QUARTER)


def clock(minutes: range, voice: Voice) -> Clock:
    """These minutes by the venue's clock."""
    local = from_ms(minutes.start * MINUTE).astimezone(voice.zone)
    midnight = datetime.combine(local.date(), time(), voice.zone)
    return Clock(
        minutes, to_ms(midnight) // MINUTE, lambda minute: f"{from_ms(minute * MINUTE).astimezone(voice.zone):%H:%M}"
    )


def _attendance(report: Report, voice: Voice) -> list[Bar]:
    return [_talk(one, voice) for one in report.talks]


def _talk(one: Talk, voice: Voice) -> Bar:
    start = voice.time(to_ms(one.session.starts) // MINUTE)
    people = voice.number(one.people)
    if not one.begun:
        return Bar(one.session.title, 0, voice.say(phrase("not begun")), of=1, note=start)
    if one.share is None or one.seats is None:
        return Bar(one.session.title, 0, voice.say(phrase("{people}; no limit", people=people)), note=start)
    text = phrase(
        "{people} of {seats} · {share}", people=people, seats=voice.number(one.seats), share=voice.share(one.share)
    )
    return Bar(one.session.title, one.share, voice.say(text), of=1, note=start)


def _no_shows(report: Report, voice: Voice) -> list[Bar]:
    found = []
    for one in report.talks:
        if one.expected is not None and one.expected.listed:
            who = one.expected
            said = phrase("{came} of {listed} came", came=voice.number(who.came), listed=voice.number(who.listed))
            start = voice.time(to_ms(one.session.starts) // MINUTE)
            found.append(Bar(one.session.title, who.came, voice.say(said), of=who.listed, note=start))
    return found


def _dwell(report: Report, voice: Voice) -> list[Bar]:
    return [_stayed(one.session.title, one.dwell, voice) for one in report.talks if one.dwell.stays]


def _stayed(label: str, one: Dwell, voice: Voice) -> Bar:
    return Bar(label, one.median, f"{voice.number(one.median)} – {voice.minutes(one.p90)}", until=one.p90)  # noqa: RUF001


def _delegations(report: Report, voice: Voice) -> list[Bar]:
    """The largest delegations, and the others together; those without one are in the table."""
    named = [one for one in report.audience.delegations if one.name]
    return _people(named[:TOP], voice) + _rest(named[TOP:], voice)


def _categories(report: Report, voice: Voice) -> list[Bar]:
    return _people(report.audience.categories[:TOP], voice) + _rest(report.audience.categories[TOP:], voice)


def _people(groups: Sequence[Group], voice: Voice) -> list[Bar]:
    found = []
    for one in groups:
        said = phrase("{came} of {invited}", came=voice.number(one.came), invited=voice.number(one.invited))
        found.append(Bar(one.name, one.came, voice.say(said), of=one.invited))
    return found


def _rest(groups: Sequence[Group], voice: Voice) -> list[Bar]:
    """Without a bar: together they would dwarf every other."""
    if not groups:
        return []
    came, invited = sum(one.came for one in groups), sum(one.invited for one in groups)
    said = phrase("{came} of {invited}", came=voice.number(came), invited=voice.number(invited))
    label = phrase("{count} others together", count=voice.number(len(groups)))
    return [Bar(voice.say(label), 0, voice.say(said))]


def _themes(report: Report, voice: Voice) -> list[Bar]:
    found = report.audience.themes
    return [Bar(voice.group(one.name, NO_THEME), one.people, voice.number(one.people)) for one in found]


def _refusals(report: Report, voice: Voice) -> list[Bar]:
    return [Bar(voice.reason(code), n, voice.number(n)) for code, n in list(report.safety.refused.items())[:TOP]]


BARS: Mapping[str, Callable[[Report, Voice], list[Bar]]] = {
    "attendance": _attendance,
    "no-shows": _no_shows,
    "dwell": _dwell,
    "delegations": _delegations,
    "categories": _categories,
    "themes": _themes,
    "refusals": _refusals,
}
"""The pictures that are bars."""
