"""What supervisors do: each act asks for a reason, is written down, and, where it could break the promise, waits for a
second person.

``ask`` writes an act down and does it at once, or lets it wait; ``confirm`` does it in the second person's name. What
an act does is in :mod:`server.deeds`. Knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, insert, select, update

from admission.errors import ConfigError
from server import deeds
from server.deeds import Deed
from server.phrase import phrase, read_back, written
from server.store.instants import from_ms, to_ms
from server.store.schema import act
from server.users import Role

LASTS = timedelta(minutes=30)
"""An act that nobody has confirmed by then is over."""


class State(StrEnum):
    """Where an act is."""

    WAITING = "waiting"
    DONE = "done"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something. ``role``: what they may do."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Act:
    """One row of the audit log."""

    id: int
    kind: str
    at: int
    by: str
    room: str
    device: str
    facts: dict[str, Any]
    reason: str
    state: State
    confirmed_by: str
    confirmed: int | None
    outcome: str

    @property
    def deed(self) -> Deed:
        """What it does."""
        return deeds.DEEDS[self.kind]


def ask(connection: Connection, kind: str, asked: Mapping[str, Any], who: Actor, reason: str, now: datetime) -> Act:
    """Writes the act down and does it, or lets it wait for a second person. ``asked``: what the deed needs.

    Raises ConfigError, with nothing written, for what cannot be done, for a missing reason, or for a role that may
    not do it.
    """
    deed = deeds.DEEDS.get(kind)
    if deed is None:
        raise ConfigError(
            phrase("there is no act {kind!r}; acts are: {known}", kind=kind, known=", ".join(sorted(deeds.DEEDS)))
        )
    _check_role(deed, who)
    if not reason.strip():
        raise ConfigError(phrase("give a reason: it is written into the audit log"))
    facts = deed.check(connection, asked)
    row = {
        "kind": kind,
        "at": to_ms(now),
        "by": who.name,
        "room": str(facts.get("room", "")),
        "device": str(facts.get("device", "")),
        "facts": msgspec.json.encode(facts).decode(),
        "reason": reason.strip()[:1000],
        "state": State.WAITING.value,
        "confirmed_by": "",
        "confirmed": None,
        "outcome": "",
    }
    number = connection.execute(insert(act).values(**row).returning(act.c.id)).scalar_one()
    if not deed.second:
        _do(connection, number, who.name, now)
    return find(connection, number)


def confirm(connection: Connection, number: int, who: Actor, now: datetime) -> Act:
    """A second person agrees: the act is done. Raises ConfigError if it is the same person, or if it is over."""
    waiting = _waiting(connection, number, now)
    _check_role(waiting.deed, who)
    if waiting.by == who.name:
        raise ConfigError(phrase("a second person has to confirm this: somebody other than who asked for it"))
    _do(connection, number, who.name, now)
    return find(connection, number)


def decline(connection: Connection, number: int, who: Actor, now: datetime) -> Act:
    """Somebody says no, or whoever asked takes it back. Raises ConfigError if it is over."""
    _check_role(_waiting(connection, number, now).deed, who)
    _end(connection, number, State.DECLINED, who.name, phrase("declined"), now)
    return find(connection, number)


def find(connection: Connection, number: int) -> Act:
    """The act of that number. Raises ConfigError."""
    row = connection.execute(select(act).where(act.c.id == number)).mappings().first()
    if row is None:
        raise ConfigError(phrase("there is no act {number}", number=number))
    return _act(row)


def waiting(connection: Connection, now: datetime) -> Sequence[Act]:
    """The acts that a second person may confirm, the oldest first."""
    fresh = (act.c.state == State.WAITING) & (act.c.at > to_ms(now - LASTS))
    return [_act(row) for row in connection.execute(select(act).where(fresh).order_by(act.c.id)).mappings()]


def newest(connection: Connection, limit: int = 100, before: int | None = None) -> Sequence[Act]:
    """The audit log, the newest act first."""
    query = select(act).order_by(act.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(act.c.id < before)
    return [_act(row) for row in connection.execute(query).mappings()]


def _do(connection: Connection, number: int, second: str, now: datetime) -> None:
    """Claims the act by its state, then does it: of two who confirm at once, one does."""
    claimed = update(act).where(act.c.id == number, act.c.state == State.WAITING).values(state=State.DONE.value)
    if connection.execute(claimed).rowcount == 0:
        raise ConfigError(phrase("this was confirmed or declined already; load the page again"))
    one = find(connection, number)
    facts = dict(one.facts) | {"by": one.by}
    outcome = one.deed.do(connection, facts, now)
    learnt = {name: value for name, value in facts.items() if name != "by"}
    if learnt != one.facts:  # what came of it: which passage
        text = msgspec.json.encode(learnt).decode()
        connection.execute(update(act).where(act.c.id == number).values(facts=text))
    _end(connection, number, State.DONE, second if second != one.by else "", outcome, now)


def _end(connection: Connection, number: int, state: State, second: str, outcome: str, now: datetime) -> None:
    values = {"state": state.value, "confirmed_by": second, "confirmed": to_ms(now)}
    values["outcome"] = written(outcome)
    connection.execute(update(act).where(act.c.id == number).values(**values))


def _waiting(connection: Connection, number: int, now: datetime) -> Act:
    found = find(connection, number)
    if found.state is not State.WAITING:
        raise ConfigError(phrase("this was confirmed or declined already; load the page again"))
    if from_ms(found.at) <= now - LASTS:
        raise ConfigError(phrase("nobody confirmed this within 30 minutes; ask for it again"))
    return found


def _check_role(deed: Deed, who: Actor) -> None:
    if who.role not in deed.roles:
        raise ConfigError(phrase("the role {role} may not do this; ask a supervisor", role=phrase(who.role.value)))


def _act(row: RowMapping) -> Act:
    values = {name: row[name] for name in Act.__slots__ if name not in ("facts", "state", "outcome")}
    outcome = read_back(row["outcome"])
    return Act(**values, facts=msgspec.json.decode(row["facts"]), state=State(row["state"]), outcome=outcome)
