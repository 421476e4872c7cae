"""A shift at the registration desk: since when it lasts, what was done in it and by whom, and what it leaves open.

The desk is handed to the next shift by a row in the trail, which ends one and begins another. Knows nothing of pages.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, func, select

from server import desk, trail
from server.desk import Balance, CheckedIn
from server.guest import HANDED, PRINTED
from server.store import schema
from server.store.instants import from_ms, to_ms
from server.store.schema import act, badge, person, printed
from server.trail import Who

HANDED_ON = "desk handed on"
MOST = 100
"""Open matters of a kind that are named one by one."""
ACTS = ("check-in", "undo-check-in", "companions-in", "companions-out")
NOTED = ("reprinted", "added")
DONE = (PRINTED, HANDED, *NOTED, *ACTS)


@dataclass(frozen=True, slots=True)
class HandedOn:
    """The desk was handed to the next shift, with a word for it."""

    at: int
    by: str
    note: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A badge that waits for its holder, or one that was revoked. ``by``, ``at``: who did it, and when."""

    serial: int
    ref: str
    name: str
    at: int
    by: str
    why: str = ""
    replaced_by: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What was done since ``since``, by user and kind (DONE), and what is open. ``waiting_all``: how many there are."""

    since: int
    done: Mapping[str, Mapping[str, int]]
    waiting: list[Pending]
    waiting_all: int
    by_hand: list[CheckedIn]
    companions: list[Balance]
    revoked: list[Pending]

    @property
    def total(self) -> Mapping[str, int]:
        """What was done by everybody together."""
        return {what: sum(mine.get(what, 0) for mine in self.done.values()) for what in DONE}


def day_of(picture_now: datetime) -> datetime:
    """When the venue's day began; ``picture_now``: the present instant in the venue's zone."""
    return picture_now.replace(hour=0, minute=0, second=0, microsecond=0)


def last_handed_on(connection: Connection) -> HandedOn | None:
    """When the desk was handed on last; None if it never was."""
    steps = schema.trail.c
    rows = select(schema.trail).where(steps.about == "desk", steps.what == HANDED_ON)
    row = connection.execute(rows.order_by(steps.id.desc()).limit(1)).mappings().first()
    if row is None:
        return None
    return HandedOn(row["at"], row["by"], str(msgspec.json.decode(row["facts"]).get("note", "")))


def began(connection: Connection, local: datetime) -> int:
    """Since when this shift lasts: the last handing-on of today, else the beginning of the venue's day."""
    day, last = to_ms(day_of(local)), last_handed_on(connection)
    return last.at if last is not None and day <= last.at <= to_ms(local) else day


def report(connection: Connection, since: int, today: int) -> Report:
    """What there is to hand on. ``today``: when the venue's day began."""
    waiting = _waiting(connection, since)
    return Report(
        since=since,
        done=_done(connection, since),
        waiting=waiting[:MOST],
        waiting_all=len(waiting),
        by_hand=desk.checked_in(connection, since, MOST),
        companions=desk.balances(connection),
        revoked=_revoked(connection, today),
    )


def hand_on(connection: Connection, who: Who, note: str, found: Report, now: datetime) -> None:
    """Ends the shift: writes down what was done in it, what is open, and a word for the next one."""
    facts = {
        "note": note.strip()[:1000],
        "done": found.total,
        "badges waiting": found.waiting_all,
        "companions inside": sum(one.bodies for one in found.companions),
    }
    trail.note(connection, who, to_ms(now), HANDED_ON, "desk", f"{from_ms(found.since):%Y-%m-%dT%H:%MZ}", facts)


def _done(connection: Connection, since: int) -> dict[str, Counter[str]]:
    """How often each user did what since then."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    papers = select(printed.c.by, printed.c.what, func.count()).where(printed.c.at >= since)
    steps = schema.trail.c
    acts = select(act.c.by, act.c.kind, func.count()).where(act.c.at >= since, act.c.state == "done")
    notes = select(steps.by, steps.what, func.count()).where(steps.at >= since)
    for query, columns in (
        (papers, (printed.c.by, printed.c.what)),
        (acts.where(act.c.kind.in_(ACTS)), (act.c.by, act.c.kind)),
        (notes.where(steps.what.in_(NOTED), steps.about == "person"), (steps.by, steps.what)),
    ):
        for by, what, count in connection.execute(query.group_by(*columns)):
            found[by][what] += count
    return dict(sorted(found.items()))


def _waiting(connection: Connection, since: int) -> list[Pending]:
    """Badges that were printed since then, are valid, and were never handed over; the newest print of each."""
    handed = select(printed.c.serial).where(printed.c.what == HANDED)
    query = (
        select(printed.c.serial, person.c.ref, person.c.name, printed.c.at, printed.c.by)
        .join(badge, badge.c.serial == printed.c.serial)
        .join(person, person.c.id == badge.c.person)
        .where(printed.c.what == PRINTED, printed.c.at >= since, badge.c.revoked.is_(None))
        .where(printed.c.serial.not_in(handed))
        .order_by(printed.c.id)
    )
    newest = {row["serial"]: Pending(**row) for row in connection.execute(query).mappings()}
    return sorted(newest.values(), key=lambda one: (one.name, one.serial))


def _revoked(connection: Connection, today: int) -> list[Pending]:
    """Badges that were revoked since the venue's day began, the newest first; by whom is told by the trail."""
    query = (
        select(badge.c.serial, person.c.ref, person.c.name, badge.c.revoked.label("at"))
        .add_columns(badge.c.revoked_why.label("why"), badge.c.replaced_by)
        .join(person, person.c.id == badge.c.person)
        .where(badge.c.revoked >= today)
        .order_by(badge.c.revoked.desc(), badge.c.serial)
    )
    rows = connection.execute(query.limit(MOST)).mappings()
    return [Pending(**(dict(row) | {"by": "", "why": row["why"] or ""})) for row in rows]
