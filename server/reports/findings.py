"""What each picture shows, in one sentence: read out instead of it, and written above it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from server.phrase import phrase
from server.reports.audience import Group
from server.reports.day import Report, Talk
from server.reports.prose import present
from server.reports.voice import NO_THEME, Voice


def attendance(report: Report, voice: Voice) -> str:
    """Which session most people came to."""
    best = max(report.talks, key=lambda one: one.people, default=None)
    if best is None:
        return voice.say(phrase("No session begins on this day."))
    if not best.people:
        return voice.say(phrase("Nobody has come to a session yet."))
    told = phrase(
        "Most people came to “{title}”: {people}.", title=best.session.title, people=voice.number(best.people)
    )
    full = max(report.talks, key=_filled)
    if full.seats is None or not full.peak.most:
        return voice.say(told)
    more = phrase(
        "Fullest for its seats was “{title}”, with {most} of {seats} taken at {time}.",
        title=full.session.title,
        most=voice.number(full.peak.most),
        seats=voice.number(full.seats),
        time=voice.time(full.peak.minute),
    )
    return f"{voice.say(told)} {voice.say(more)}"


def no_shows(report: Report, voice: Voice) -> str:
    """How many of those on lists came."""
    known = [one.expected for one in report.talks if one.expected is not None]
    listed, missing = sum(one.listed for one in known), sum(one.missing for one in known)
    if not listed:
        return voice.say(phrase("No session with a list has closed its doors yet."))
    told = phrase(
        "{missing} of {listed} places on the lists of sessions were not taken up ({share}).",
        missing=voice.number(missing),
        listed=voice.number(listed),
        share=voice.share(missing / listed),
    )
    return voice.say(told)


def occupancy(report: Report, voice: Voice) -> str:
    """Which room was fullest, and how many were inside in all."""
    full, peak = report.fullest, report.venue.peak
    if not peak.most:
        return voice.say(phrase("Nobody has been inside yet."))
    told = phrase(
        "Most bodies inside at once: {most}, at {time}.", most=_n(voice, peak.most), time=_t(voice, peak.minute)
    )
    if full is None or not full.room.limit:
        return voice.say(told)
    more = phrase(
        "Fullest room: {room}, {most} of its limit of {limit} ({share}), at {time}.",
        room=full.room.name,
        most=voice.number(full.peak.most),
        limit=voice.number(full.room.limit),
        share=voice.share(full.peak.most / full.room.limit),
        time=voice.time(full.peak.minute),
    )
    return f"{voice.say(told)} {voice.say(more)}"


def arrivals(report: Report, voice: Voice) -> str:
    """When most came in, and through which gate."""
    if not report.entries:
        return voice.say(phrase("Nobody has come in yet."))
    peak, gate = report.busiest, max(report.doors, key=lambda one: one.busiest.most)
    told = phrase(
        "Busiest 5 minutes: {entries} entries from {time}.", entries=_n(voice, peak.most), time=_t(voice, peak.minute)
    )
    more = phrase(
        "Busiest gate: {gate}, {entries} entries in 5 minutes from {time}.",
        gate=voice.gate(gate.name),
        entries=voice.number(gate.busiest.most),
        time=voice.time(gate.busiest.minute),
    )
    return f"{voice.say(told)} {voice.say(more)}"


def dwell(report: Report, voice: Voice) -> str:
    """Where people stayed longest."""
    known = [one for one in report.talks if one.dwell.stays]
    if not known:
        return voice.say(phrase("No stay has ended at an exit yet."))
    longest = max(known, key=lambda one: one.dwell.median)
    told = phrase(
        "Half of the people stayed at least {median} in “{title}”, longer than in any other session.",
        median=voice.minutes(longest.dwell.median),
        title=longest.session.title,
    )
    return voice.say(told)


def delegations(report: Report, voice: Voice) -> str:
    """How many delegations were there."""
    came, known = present(report)
    if not known:
        return voice.say(phrase("Nobody belongs to a delegation."))
    return voice.say(phrase("{came} of {all} delegations came.", came=voice.number(came), all=voice.number(known)))


def categories(report: Report, voice: Voice) -> str:
    """Which category most people belong to."""
    return _largest(report.audience.categories, voice)


def themes(report: Report, voice: Voice) -> str:
    """Which theme most people came to."""
    best = max(report.audience.themes, key=lambda one: (bool(one.name), one.people), default=None)
    if best is None or not best.people:
        return voice.say(phrase("Nobody has come to a session yet."))
    name = voice.group(best.name, NO_THEME)
    told = phrase("Most people came to “{theme}”: {people}.", theme=name, people=voice.number(best.people))
    return voice.say(told)


def refusals(report: Report, voice: Voice) -> str:
    """Why most were refused."""
    reasons = report.safety.refused
    if not reasons:
        return voice.say(phrase("Nobody was refused."))
    code = next(iter(reasons))
    told = phrase(
        "Most frequent reason: {reason}, {count} of {all} refusals.",
        reason=voice.reason(code),
        count=voice.number(reasons[code]),
        all=voice.number(report.safety.attempts),
    )
    return voice.say(told)


FINDINGS: Mapping[str, Callable[[Report, Voice], str]] = {
    "attendance": attendance,
    "no-shows": no_shows,
    "occupancy": occupancy,
    "arrivals": arrivals,
    "dwell": dwell,
    "delegations": delegations,
    "categories": categories,
    "themes": themes,
    "refusals": refusals,
}
"""What each picture shows."""


def _largest(groups: Sequence[Group], voice: Voice) -> str:
    if not groups or not groups[0].came:
        return voice.say(phrase("Nobody has come yet."))
    told = phrase(
        "Most people: {name}, {came} of {invited} invited.",
        name=groups[0].name,
        came=voice.number(groups[0].came),
        invited=voice.number(groups[0].invited),
    )
    return voice.say(told)


def _filled(talk: Talk) -> float:
    return talk.peak.most / talk.seats if talk.seats else 0.0


def _n(voice: Voice, number: int) -> str:
    return voice.number(number)


def _t(voice: Voice, minute: int | None) -> str:
    return voice.time(minute)
