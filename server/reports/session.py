"""The report of one session: how full it was when, who came, by which gates, how long they stayed, who was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from admission.errors import ConfigError
from admission.venue import Programme
from server.phrase import phrase
from server.reports import audience, day, presence
from server.reports.audience import Group
from server.reports.day import LATE, Scene, Talk
from server.reports.days import Span
from server.reports.presence import Curve
from server.reports.tallies import MINUTE
from server.store.instants import to_ms
from server.store.schema import passage


@dataclass(frozen=True, slots=True)
class SessionReport:
    """One session. ``arrivals``: bodies by name of the gate; ``refused``: attempts by reason."""

    talk: Talk
    made: datetime
    curve: Curve
    minutes: range
    arrivals: Sequence[tuple[str, int]]
    refused: Sequence[tuple[str, int]]
    forced: int
    delegations: Sequence[Group]
    categories: Sequence[Group]


def read(connection: Connection, programme: Programme, name: str, now: datetime) -> SessionReport:
    """The report of the session of that id. Raises ConfigError if there is none."""
    session = next((one for one in programme.sessions if one.id == name), None)
    if session is None:
        raise ConfigError(phrase("there is no session {name!r}", name=name[:64]))
    span = Span(None, to_ms(session.doors_open), max(to_ms(session.ends), to_ms(session.doors_close)) + LATE)
    scene = Scene(connection, programme, {}, now)
    inside = presence.read(connection, span, span, {}, name)
    delegations, categories = audience.of_session(connection, name, span)
    curve = inside.session(name)
    kinds = _passages(connection, name)
    gates = {str(gate.id): gate.name for gate in programme.gates}
    last = max([curve.points[-1][0], to_ms(min(max(now, session.doors_open), session.ends)) // MINUTE])
    return SessionReport(
        talk=day.talk_of(scene, session, span, inside),
        made=now,
        curve=curve,
        minutes=range(span.minutes.start, last + 1),
        arrivals=_named(gates, kinds, day.ENTRIES),
        refused=_by_reason(kinds),
        forced=sum(count for (kind, _why, _gate), count in kinds.items() if kind == "forced"),
        delegations=delegations,
        categories=categories,
    )


Kinds = Mapping[tuple[str, str, str], int]
"""Bodies by kind, reason and gate."""


def _passages(connection: Connection, session: str) -> Kinds:
    columns = (passage.c.kind, passage.c.why, passage.c.gate)
    query = select(*columns, func.sum(passage.c.count)).where(passage.c.session == session).group_by(*columns)
    return {(kind, why, gate): int(count) for kind, why, gate, count in connection.execute(query)}


def _named(gates: Mapping[str, str], kinds: Kinds, wanted: frozenset[str]) -> list[tuple[str, int]]:
    found: Counter[str] = Counter()
    for (kind, _why, gate), count in kinds.items():
        if kind in wanted:
            found[gates.get(gate, gate)] += count
    return found.most_common()


def _by_reason(kinds: Kinds) -> list[tuple[str, int]]:
    found: Counter[str] = Counter()
    for (kind, why, _gate), count in kinds.items():
        if kind == "refused":
            found[why] += count
    return found.most_common()
