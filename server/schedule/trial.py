"""What would be said of a session's form if it were saved now: nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from server.event import Event
from server.phrase import Phrase
from server.schedule import facts, findings, reading
from server.schedule.findings import Finding
from server.schedule.things import SESSION, Cells, rules_of

UNNAMED = "new-session"


@dataclass(frozen=True, slots=True)
class Trial:
    """What is wrong with the fields; if nothing is, what the session would clash with."""

    problems: dict[str, Phrase]
    found: list[Finding]


def trial(connection: Connection, typed: Cells, ref: str, event: Event, now: datetime) -> Trial:
    """Judges the fields of a session; ``ref`` empty: of a new one."""
    name = ref or typed.get("session", "") or UNNAMED
    values, problems = reading.read(connection, SESSION, typed | {"session": name}, event.zone)
    if problems:
        return Trial(problems, [])
    session = rules_of(reading.row_of(connection, SESSION, values))
    found = findings.find(facts.read(connection, event).having(session), now)
    return Trial({}, [one for one in found if one.concerns("session", session.id)])
