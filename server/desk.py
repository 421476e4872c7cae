"""What the registration desk does: prints badges and hands them over, checks in by hand, counts companions.

What an act on a room does is in :mod:`server.deeds`. Everything is written into the trail, without what is private of
a person. Knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, case, func, insert, select

from admission.errors import ConfigError
from server import acts, badges, trail
from server.acts import Act, Actor
from server.badges import Random, Selection
from server.guest import HANDED, PRINTED, papers
from server.phrase import marked as _
from server.phrase import phrase
from server.store import schema
from server.store.instants import to_ms
from server.trail import Who

CHECK_IN, UNDO = "check-in", "undo-check-in"
LONGEST = 200
"""Letters of a reason for a new badge."""


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """A check-in by hand; ``undone``: it was taken back."""

    act: int
    at: int
    by: str
    ref: str
    name: str
    room: str
    reason: str
    undone: bool


@dataclass(frozen=True, slots=True)
class Balance:
    """Companions of a delegation that are counted into a room."""

    delegation: str
    room: str
    bodies: int


def print_badge(connection: Connection, ref: str, who: Who, now: datetime, random: Random) -> int:
    """Notes that the person's badge is printed, after issuing one to whoever never had any; its serial.

    Raises ConfigError for an unknown person, and for one whose badge was revoked: that takes a reason.
    """
    known = papers(connection, _person(connection, ref))
    live = next((one.serial for one in known if one.revoked is None), None)
    if live is None and known:
        said = _("badge {serial} of {person!r} was revoked; a new one takes a reason: use New badge")
        raise ConfigError(phrase(said, serial=known[-1].serial, person=ref))
    if live is None:
        [live] = badges.issue(connection, Selection([ref], reprint=False), now, random)
        trail.note(connection, who, to_ms(now), "issued", "person", ref, {"badge": live})
    _mark(connection, live, PRINTED, (who, now), ref)
    return live


def reprint(
    connection: Connection, ref: str, instead_of: int, reason: str, by: tuple[Who, Random], now: datetime
) -> int:
    """Issues a new badge, which revokes the one that was valid, and notes that it is printed; its serial.
    ``instead_of``: the person's newest badge, as whoever asks has seen it (0: none).

    Raises ConfigError for an unknown person, without a reason, or if there is a newer badge since.
    """
    who, random = by
    if not reason.strip():
        raise ConfigError(phrase("say why: a reprint revokes the badge that was valid"))
    known = papers(connection, _person(connection, ref))
    newest = known[-1].serial if known else 0
    if newest != instead_of:
        said = _("badge {serial} was issued to this person meanwhile; print that one, or reprint it")
        raise ConfigError(phrase(said, serial=newest))
    was = [one.serial for one in known if one.revoked is None]
    why = " ".join(reason.replace("\0", " ").split())[:LONGEST]
    [serial] = badges.issue(connection, Selection([ref], reprint=True, why=why), now, random)
    facts = {"badge": serial, "instead_of": was, "why": why}
    trail.note(connection, who, to_ms(now), "reprinted", "person", ref, facts)
    _mark(connection, serial, PRINTED, (who, now), ref)
    return serial


def hand_over(connection: Connection, serial: int, who: Who, now: datetime, *, again: bool) -> None:
    """Notes that the badge was given to its holder.

    Raises ConfigError if there is no such valid badge, or if it was handed over already and not ``again``.
    """
    row = connection.execute(
        select(schema.badge.c.revoked, schema.person.c.ref)
        .join(schema.person, schema.person.c.id == schema.badge.c.person)
        .where(schema.badge.c.serial == serial)
        .with_for_update()
    ).first()
    if row is None or row.revoked is not None:
        raise ConfigError(phrase("badge {serial} is not valid any more; look at the person again", serial=serial))
    before = connection.execute(
        select(schema.printed.c.by).where(schema.printed.c.serial == serial, schema.printed.c.what == HANDED)
    ).first()
    if before is not None and not again:
        said = _("badge {serial} was handed over already, by {by}; if it is lost, reprint it")
        raise ConfigError(phrase(said, serial=serial, by=before.by))
    _mark(connection, serial, HANDED, (who, now), row.ref)


def ask(
    connection: Connection, kind: str, asked: Mapping[str, Any], by: tuple[Actor, Who], reason: str, now: datetime
) -> Act:
    """Does an act of the desk and notes it. Raises ConfigError with what was wrong; then nothing was done."""
    actor, who = by
    done = acts.ask(connection, kind, asked, actor, reason, now)
    about, ref = ("person", done.facts["person"]) if "person" in done.facts else ("room", done.room)
    facts = {name: done.facts[name] for name in ("room", "delegation", "bodies") if name in done.facts}
    trail.note(connection, who, to_ms(now), kind, about, ref, facts | {"act": done.id})
    return done


def checked_in(connection: Connection, since: int, most: int = 8) -> list[CheckedIn]:
    """The check-ins by hand since then, the newest first."""
    one = schema.act.c
    recent = select(schema.act).where(one.at >= since, one.state == "done").order_by(one.id.desc())
    undone = {
        msgspec.json.decode(row["facts"])["act"]
        for row in connection.execute(recent.where(one.kind == UNDO)).mappings()
    }
    rows = list(connection.execute(recent.where(one.kind == CHECK_IN).limit(most)).mappings())
    facts = {row["id"]: msgspec.json.decode(row["facts"]) for row in rows}
    refs = sorted({str(each["person"]) for each in facts.values()})
    people = select(schema.person.c.ref, schema.person.c.name).where(schema.person.c.ref.in_(refs))
    names = dict(connection.execute(people).all()) if refs else {}
    return [
        CheckedIn(
            row["id"], row["at"], row["by"], ref, names.get(ref, ref), row["room"], row["reason"], row["id"] in undone
        )
        for row in rows
        for ref in [str(facts[row["id"]]["person"])]
    ]


def balances(connection: Connection) -> list[Balance]:
    """The companions that are inside, by delegation and room."""
    one, total = schema.companion.c, func.sum(schema.companion.c.bodies)
    open_ones = select(one.delegation, one.room, total).where(one.settled.is_(False))
    query = open_ones.group_by(one.delegation, one.room).having(total > 0)
    return [
        Balance(row[0], row[1], int(row[2])) for row in connection.execute(query.order_by(one.delegation, one.room))
    ]


def counters(connection: Connection, since: int, name: str) -> dict[str, tuple[int, int]]:
    """Printed, handed over and checked in by hand since then: by everybody, and by the user of that name."""
    done, one = schema.printed.c, schema.act.c
    mine = func.sum(case((done.by == name, 1), else_=0))
    cards = select(done.what, func.count(), mine).where(done.at >= since).group_by(done.what)
    found = {row[0]: (int(row[1]), int(row[2])) for row in connection.execute(cards)}
    hands = select(func.count(), func.coalesce(func.sum(case((one.by == name, 1), else_=0)), 0))
    row = connection.execute(hands.where(one.kind == CHECK_IN, one.state == "done", one.at >= since)).one()
    nothing = (0, 0)
    return {
        PRINTED: found.get(PRINTED, nothing),
        HANDED: found.get(HANDED, nothing),
        CHECK_IN: (int(row[0]), int(row[1])),
    }


def is_valid(connection: Connection, serial: int) -> bool:
    """Whether there is such a badge, with a holder, that is not revoked."""
    query = select(schema.badge.c.serial).where(schema.badge.c.serial == serial, schema.badge.c.revoked.is_(None))
    return connection.execute(query.where(schema.badge.c.person.is_not(None))).first() is not None


def delegations(connection: Connection) -> list[str]:
    """Every delegation that somebody is of."""
    one = schema.person.c.delegation
    return list(connection.execute(select(one).where(one != "").distinct().order_by(one)).scalars())


def _person(connection: Connection, ref: str) -> int:
    query = select(schema.person.c.id).where(schema.person.c.ref == ref)
    found = connection.execute(query.with_for_update()).scalar()  # two desks may print for the same person
    if found is None:
        raise ConfigError(phrase("there is nobody with the reference {person!r}; search again", person=ref))
    return int(found)


def _mark(connection: Connection, serial: int, what: str, act: tuple[Who, datetime], ref: str) -> None:
    who, now = act
    row = {"serial": serial, "at": to_ms(now), "by": who.name[:64], "what": what}
    connection.execute(insert(schema.printed), row)
    verb = "printed" if what == PRINTED else "handed over"
    trail.note(connection, who, to_ms(now), verb, "person", ref, {"badge": serial})
