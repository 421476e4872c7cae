"""Delegations: who belongs to them, who came, who is inside, and how many of them each session takes (quotas).

A quota is kept to at the gates (``server/store/quotas.py``); here it is only set and compared with what happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, insert, select, update

from admission.errors import ConfigError
from server import trail
from server.phrase import phrase
from server.store.instants import to_ms
from server.store.schema import person, quota, session, stay
from server.trail import Who

MOST = 999_999
ANNULLED = "annulled"


class Changed(ConfigError):
    """Somebody else has set this quota meanwhile; ``most``: what it is now (None: there is none)."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        super().__init__(phrase("somebody else has changed this quota since you opened the page; look again"))


@dataclass(frozen=True, slots=True)
class Delegation:
    """One delegation in figures. ``over``: for so many sessions more of it came than its quota allows."""

    name: str
    members: int
    came: int
    inside: int
    quotas: int = 0
    over: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """How many of a delegation may attend a session, and how many have."""

    session: str
    title: str
    starts: int
    most: int
    attended: int

    @property
    def over(self) -> int:
        """So many more came than may; only gates that could not ask the server let that happen."""
        return max(0, self.attended - self.most)


def all_of(connection: Connection) -> list[Delegation]:
    """Every delegation, by name."""
    members = _by_delegation(connection, select(person.c.delegation, func.count()).select_from(person))
    came = _by_delegation(connection, _stays().where(stay.c.opened.is_not(None), stay.c.how != ANNULLED))
    inside = _by_delegation(connection, _stays().where(stay.c.closed.is_(None)))
    limited: dict[str, list[Quota]] = {}
    for name, one in _quotas(connection, None):
        limited.setdefault(name, []).append(one)
    names = sorted({*members, *limited}, key=lambda name: name.casefold())
    return [
        Delegation(
            name,
            members.get(name, 0),
            came.get(name, 0),
            inside.get(name, 0),
            len(limited.get(name, ())),
            sum(one.over > 0 for one in limited.get(name, ())),
        )
        for name in names
    ]


def one_of(connection: Connection, name: str) -> Delegation | None:
    """The delegation of that name; None if nobody belongs to it and it has no quota."""
    return next((one for one in all_of(connection) if one.name == name), None) if "\0" not in name else None


def members(connection: Connection, name: str, limit: int) -> Sequence[RowMapping]:
    """Its first people, by name."""
    query = select(person).where(person.c.delegation == name).order_by(person.c.search).limit(limit)
    return connection.execute(query).mappings().all()


def came(connection: Connection, name: str) -> set[int]:
    """The numbers of its people who have come to anything."""
    query = _stays().with_only_columns(stay.c.holder).where(stay.c.opened.is_not(None), stay.c.how != ANNULLED)
    return set(connection.execute(query.where(person.c.delegation == name)).scalars())


def quotas(connection: Connection, name: str) -> list[Quota]:
    """Its quotas, by the start of their sessions."""
    return [one for _, one in _quotas(connection, name)]


def set_quota(
    connection: Connection, name: str, session_id: str, most: str, was: str, act: tuple[Who, datetime]
) -> int | None:
    """Sets, changes or (with an empty ``most``) removes a quota; what it is then. ``was``: what was looked at.

    Raises ConfigError for an unknown session or delegation and a number that cannot be, Changed if it is another one by
    now.
    """
    who, now = act
    number = _number(most)
    if connection.execute(select(session.c.id).where(session.c.id == session_id)).first() is None:
        raise ConfigError(phrase("there is no session {session!r}; choose one of the list", session=session_id))
    if one_of(connection, name) is None:
        raise ConfigError(phrase("there is no delegation {name!r}", name=name))
    mine = (quota.c.session == session_id, quota.c.delegation == name)
    known = connection.execute(select(quota.c.most).where(*mine)).scalar_one_or_none()
    if ("" if known is None else str(known)) != was.strip():
        raise Changed(known)
    if known == number:
        return number
    if number is None:
        connection.execute(delete(quota).where(*mine))
    elif known is None:
        connection.execute(insert(quota), {"session": session_id, "delegation": name, "most": number})
    elif connection.execute(update(quota).where(*mine, quota.c.most == known).values(most=number)).rowcount != 1:
        raise Changed(connection.execute(select(quota.c.most).where(*mine)).scalar_one_or_none())
    facts = {"session": session_id, "most": [known, number]}
    trail.note(connection, who, to_ms(now), "changed", "delegation", name, facts)
    return number


def _number(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 6:
        raise ConfigError(phrase("{cell!r} is not a whole number from 0 to 999999", cell=text[:40]))
    return int(text)


def _stays() -> Select[Any]:
    """People of delegations who have a stay, counted once each."""
    counted = select(person.c.delegation, func.count(stay.c.holder.distinct()))
    return counted.select_from(stay.join(person, person.c.id == stay.c.holder))


def _by_delegation(connection: Connection, query: Select[Any]) -> dict[str, int]:
    rows = connection.execute(query.where(person.c.delegation != "").group_by(person.c.delegation))
    return {row[0]: int(row[1]) for row in rows}


def _quotas(connection: Connection, name: str | None) -> list[tuple[str, Quota]]:
    came = (
        select(func.count(stay.c.holder.distinct()))
        .select_from(stay.join(person, person.c.id == stay.c.holder))
        .where(
            stay.c.session == quota.c.session,
            stay.c.opened.is_not(None),
            stay.c.how != ANNULLED,
            person.c.delegation == quota.c.delegation,
        )
        .scalar_subquery()
    )
    query = select(quota, session.c.title, session.c.starts, came.label("came")).join(
        session, session.c.id == quota.c.session
    )
    query = query.where(quota.c.delegation == name) if name is not None else query
    rows = connection.execute(query.order_by(session.c.starts, session.c.id)).all()
    return [(row.delegation, Quota(row.session, row.title, row.starts, row.most, row.came)) for row in rows]
