"""What was done to a session, room, gate, category or setting, as its page tells it. Only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from server import trail
from server.phrase import marked as _
from server.schedule.things import Kind
from server.store.schema import trail as rows

WORDS = {
    "made": _("Made"),
    "changed": _("Changed"),
    "closed": _("Closed"),
    "deleted": _("Deleted"),
    "listed": _("List: added"),
    "unlisted": _("List: taken off"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One step: when (ms), who, a word for what, the fields that changed as (name, label, old, new); how many people a
    step on the list was about, and whether they may come."""

    at: int
    by: str
    what: str
    fields: Sequence[tuple[str, str, str, str]]
    people: int
    may: bool | None


@dataclass(frozen=True, slots=True)
class History:
    """How many steps there are, and the newest of them."""

    many: int
    lines: Sequence[Line]


def read(connection: Connection, kind: Kind, ref: str, most: int = 20) -> History:
    """The newest steps of one thing."""
    return steps(connection, kind.name, ref, kind.words, most)


def steps(connection: Connection, about: str, ref: str, words: Mapping[str, str], most: int = 20) -> History:
    """The newest steps of what the trail knows by ``about`` and ``ref``; ``words``: what its fields are called."""
    count = select(func.count()).where(rows.c.about == about, rows.c.ref == ref)
    newest = trail.newest(connection, most, about=about, ref=ref)
    return History(int(connection.execute(count).scalar_one()), [_line(words, step) for step in newest])


def _line(words: Mapping[str, str], step: trail.Step) -> Line:
    facts: dict[str, Any] = step.facts
    pairs = {name: facts[name] for name in words if isinstance(facts.get(name), list)}
    changed = pairs if step.what in ("changed", "closed") else {}
    fields = [(name, words[name], str(old or ""), str(new or "")) for name, (old, new) in changed.items()]
    people, may = facts.get("many", 0), facts.get("may")
    return Line(step.at, step.by, WORDS.get(step.what, step.what), fields, people, may)
