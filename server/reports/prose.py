"""The day in a paragraph: plain sentences made from the figures, for somebody who reads nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from server.phrase import Phrase, phrase
from server.reports.day import Report
from server.reports.voice import Voice
from server.store.instants import from_ms


def paragraph(report: Report, voice: Voice, event: str) -> str:
    """The sentences, one after another."""
    return " ".join(voice.say(one) for one in _sentences(report, voice, event))


def present(report: Report) -> tuple[int, int]:
    """Delegations of which anybody came, of all. After names were cut: those of whom attendances were kept."""
    named = [one for one in report.audience.delegations if one.name]
    return sum(one.came > 0 or (not one.invited and one.attendances > 0) for one in named), len(named)


def _sentences(report: Report, voice: Voice, event: str) -> Iterator[Phrase]:
    yield _attendance(report, voice, event)
    if not report.audience.came:
        return
    came, known = present(report)
    if known:
        yield phrase("Of {all} delegations, {came} were represented.", all=voice.number(known), came=voice.number(came))
    yield from _programme(report, voice)
    yield from _fullness(report, voice)
    yield from _doors(report, voice)


def _attendance(report: Report, voice: Voice, event: str) -> Phrase:
    people = {"came": voice.number(report.audience.came), "invited": voice.number(report.audience.invited)}
    if report.span.day is None:
        first, last = (from_ms(at).astimezone(voice.zone).date() for at in (report.span.since, report.span.until - 1))
        return phrase(
            "From {first} to {last}, {came} of {invited} people with a badge came to {event}.",
            first=voice.full_day(first),
            last=voice.full_day(last),
            event=event,
            **people,
        )
    day = voice.full_day(report.span.day)
    if not report.audience.came:
        return phrase("On {day}, nobody was counted at the doors of {event}.", day=day, event=event)
    return phrase("On {day}, {came} of {invited} people with a badge came to {event}.", day=day, event=event, **people)


def _programme(report: Report, voice: Voice) -> Iterator[Phrase]:
    best = max(report.talks, key=lambda one: one.people, default=None)
    if best is None or not best.people:
        return
    title, people = best.session.title, voice.number(best.people)
    if len(report.talks) == 1:
        yield phrase("The programme had one session, “{title}”; {people} came to it.", title=title, people=people)
    else:
        yield phrase(
            "Of the {count} sessions on the programme, “{title}” drew the largest audience: {people}.",
            count=voice.number(len(report.talks)),
            title=title,
            people=people,
        )


def _fullness(report: Report, voice: Voice) -> Iterator[Phrase]:
    peak, full = report.venue.peak, report.fullest
    if peak.most:
        yield phrase(
            "The venue was fullest at {time}, with {most} inside at once.",
            time=voice.time(peak.minute),
            most=voice.number(peak.most),
        )
    if full is not None and full.room.limit:
        yield phrase(
            "The fullest room was {room}: {most} of the {limit} that it may hold ({share}), at {time}.",
            room=full.room.name,
            most=voice.number(full.peak.most),
            limit=voice.number(full.room.limit),
            share=voice.share(full.peak.most / full.room.limit),
            time=voice.time(full.peak.minute),
        )
    times = sum(report.safety.over.values())
    if not times:
        yield phrase("No room was over its legal limit at any time.")
    else:
        yield phrase("Rooms were over their legal limit, by forced entries; times: {times}.", times=voice.number(times))


def _doors(report: Report, voice: Voice) -> Iterator[Phrase]:
    safety = report.safety
    if safety.attempts:
        code = next(iter(safety.refused))
        yield phrase(
            "Attempts to enter that were refused: {count}; the most frequent reason was: {reason}.",
            count=voice.number(safety.attempts),
            reason=voice.reason(code),
        )
    else:
        yield phrase("Nobody was refused at the doors.")
    if safety.forced:
        yield phrase("Let in by stewards, on their own decision: {count}.", count=voice.number(safety.forced))
