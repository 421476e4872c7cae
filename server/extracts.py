"""What programs read: people, sessions, who attended, and passages in the order in which they became known.

Only reads. People and passages are read on from where a program has stopped (keyset), so it can follow the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, or_, select

from admission.stays import How
from server.columns import search_text
from server.store.schema import badge, category, kept_count, passage, person, session, stay

SETTLE_MS = 2_000
"""On PostgreSQL two kiosks' passages may become known in another order than that of their numbers: a reader stops
before one that is younger than this, and never passes over one."""

Row = RowMapping


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which passages; empty strings and None look for everything. Instants in ms."""

    session: str = ""
    gate: str = ""
    room: str = ""
    kiosk: str = ""
    kind: str = ""
    verdict: str = ""
    person: str = ""
    since: int | None = None
    until: int | None = None


def people(connection: Connection, q: str, delegation: str, of_category: str, after: str, limit: int) -> Sequence[Row]:
    """People after a reference, in the order of references: those who match every word of ``q``."""
    query = _people().where(person.c.ref > after).order_by(person.c.ref).limit(limit)
    for word in search_text(q).split()[:8]:
        query = query.where(or_(*(c.contains(word, autoescape=True) for c in (person.c.search, person.c.search_of))))
    if delegation:
        query = query.where(person.c.delegation == delegation)
    if of_category:
        query = query.where(category.c.slug == of_category)
    return connection.execute(query).mappings().all()


def one_person(connection: Connection, ref: str) -> Row | None:
    """The person of that reference."""
    return connection.execute(_people().where(person.c.ref == ref)).mappings().first()


def live_badges(connection: Connection, people: Sequence[int]) -> dict[int, int]:
    """The serial of each person's badge that opens doors."""
    query = select(badge.c.person, badge.c.serial).where(badge.c.person.in_(people), badge.c.revoked.is_(None))
    return dict(connection.execute(query.order_by(badge.c.serial)).all())


def attended(connection: Connection, session_id: str) -> tuple[int, int]:
    """How many people came to the session, and how many of them are still inside by it."""
    came = func.count(stay.c.holder.distinct())
    query = select(came).where(stay.c.session == session_id, *_real())
    inside = connection.execute(query.where(stay.c.closed.is_(None))).scalar_one()
    return int(connection.execute(query).scalar_one()), int(inside)


def attendees(connection: Connection, session_id: str) -> Sequence[Row]:
    """The people who came to the session, with when they came in first (ms)."""
    query = (
        select(person.c.ref, person.c.name, person.c.organisation, person.c.delegation)
        .add_columns(func.min(stay.c.opened).label("came"))
        .join(stay, stay.c.holder == person.c.id)
        .where(stay.c.session == session_id, *_real())
        .group_by(person.c.ref, person.c.name, person.c.organisation, person.c.delegation)
        .order_by(person.c.ref)
    )
    return connection.execute(query).mappings().all()


def passages(connection: Connection, wanted: Wanted, after: int, limit: int, now: int) -> tuple[list[Row], bool]:
    """The next passages after a number, and whether there are more already."""
    query = _passages(wanted).where(passage.c.id > after).order_by(passage.c.id).limit(limit + 1)
    rows: list[Row] = list(connection.execute(query).mappings())
    if connection.dialect.name != "sqlite":
        young = next((n for n, row in enumerate(rows) if row["received"] > now - SETTLE_MS), len(rows))
        rows = rows[:young]
    return rows[:limit], len(rows) > limit


def sessions(connection: Connection, *, of_room: str = "", number: str = "") -> Sequence[Row]:
    """All sessions, those of a room, or one, by when they start."""
    query = select(session).order_by(session.c.starts, session.c.id)
    query = query.where(session.c.room == of_room) if of_room else query
    return connection.execute(query.where(session.c.id == number) if number else query).mappings().all()


def groups(connection: Connection, session_id: str) -> tuple[dict[str, int], dict[str, int]]:
    """How many people came to the session by delegation and by category, those whose names were cut among them."""
    by_person = (
        select(person.c.delegation, category.c.slug, func.count(stay.c.holder.distinct()))
        .select_from(
            stay.join(person, person.c.id == stay.c.holder).join(category, category.c.code == person.c.category)
        )
        .where(stay.c.session == session_id, *_real())
        .group_by(person.c.delegation, category.c.slug)
    )
    kept = select(kept_count.c.delegation, category.c.slug, kept_count.c.people).where(
        kept_count.c.session == session_id
    )
    delegations, kinds = Counter[str](), Counter[str]()
    for query in (by_person, kept.join(category, category.c.code == kept_count.c.category)):
        for delegation, slug, many in connection.execute(query):
            delegations[delegation] += many
            kinds[slug] += many
    return dict(delegations.most_common()), dict(kinds.most_common())


def categories(connection: Connection) -> dict[int, str]:
    """The reference of each category, by its code."""
    return dict(connection.execute(select(category.c.code, category.c.slug)).all())


def _people() -> Select[Any]:
    return select(person, category.c.slug).join(category, category.c.code == person.c.category)


def _real() -> tuple[Any, ...]:
    return stay.c.opened.is_not(None), stay.c.duplicate.is_(False), stay.c.how != How.ANNULLED.value


def _passages(wanted: Wanted) -> Select[Any]:
    columns = [column for column in passage.c if column.name not in ("raw", "hash", "person")]
    query = select(*columns, person.c.ref, person.c.name, person.c.organisation, person.c.delegation)
    query = query.select_from(passage.outerjoin(person, person.c.id == passage.c.person))
    equal = {"session": wanted.session, "gate": wanted.gate, "room": wanted.room, "device": wanted.kiosk}
    for name, value in (equal | {"kind": wanted.kind, "verdict": wanted.verdict}).items():
        if value:
            query = query.where(passage.c[name] == value)
    if wanted.person:
        query = query.where(
            passage.c.person == select(person.c.id).where(person.c.ref == wanted.person).scalar_subquery()
        )
    if wanted.since is not None:
        query = query.where(passage.c.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(passage.c.at < wanted.until)
    return query
