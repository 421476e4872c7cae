"""All that is known of one person: badges with what happened to them, whereabouts, sessions, passages. Only reads.

Whether somebody may come to a session is decided in :mod:`admission.rules`; here it is asked and said why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from admission.badge import Badge, BadgeId
from admission.rules import Listing, entitlement
from admission.venue import Programme, Session
from server.people import zone_numbers
from server.phrase import marked as _
from server.phrase import phrase
from server.store.schema import badge, gate, listing, passage, printed, room, session, stay

PASSAGES = 15
ANNULLED = "annulled"


@dataclass(frozen=True, slots=True)
class Held:
    """One badge. ``stale``: its category or zones are no longer the person's; ``prints``: (at, by, what) each."""

    serial: int
    issued: int
    revoked: int | None
    why: str
    replaced_by: int | None
    stale: bool
    prints: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A session, whether the person may come, why (not), what the list says of them, and whether they have come."""

    session: Session
    room: str
    may: bool
    why: str
    listed: bool | None
    came: bool


def badges_of(connection: Connection, one: RowMapping) -> list[Held]:
    """The person's badges, the newest first."""
    rows = connection.execute(select(badge).where(badge.c.person == one["id"]).order_by(badge.c.serial.desc())).all()
    query = select(printed).where(printed.c.serial.in_([row.serial for row in rows])).order_by(printed.c.id)
    prints: dict[int, list[tuple[int, str, str]]] = {}
    for row in connection.execute(query):
        prints.setdefault(row.serial, []).append((row.at, row.by, row.what))
    signed = (one["category"], one["zones"])
    return [
        Held(
            row.serial,
            row.issued,
            row.revoked,
            row.revoked_why or "",
            row.replaced_by,
            row.revoked is None and (row.category, row.zones) != signed,
            tuple(prints.get(row.serial, ())),
        )
        for row in rows
    ]


def whereabouts(connection: Connection, number: int) -> Sequence[RowMapping]:
    """The rooms that the person is in, and since when (``opened``, in ms)."""
    query = (
        select(stay.c.room, stay.c.opened, room.c.name)
        .outerjoin(room, room.c.id == stay.c.room)
        .where(stay.c.holder == number, stay.c.closed.is_(None), stay.c.duplicate.is_(False))
    )
    return connection.execute(query.order_by(stay.c.opened)).mappings().all()


def tickets(connection: Connection, one: RowMapping, programme: Programme, names: Mapping[int, str]) -> list[Ticket]:
    """Every session, by its start. ``names``: the categories' names by code."""
    listed = dict(
        connection.execute(select(listing.c.session, listing.c.may).where(listing.c.person == one["id"])).all()
    )
    been = select(stay.c.session).where(stay.c.holder == one["id"], stay.c.opened.is_not(None), stay.c.how != ANNULLED)
    came = set(connection.execute(been).scalars())
    body = Badge(0, 0, BadgeId(0), one["category"], one["zones"], 0, 0)
    out = []
    for each in sorted(programme.sessions, key=lambda s: (s.starts, s.id)):
        word = {None: Listing.SILENT, True: Listing.YES, False: Listing.NO}[listed.get(each.id)]
        may = entitlement(body, each, word) is None
        place = programme.room(each.room)
        why = _why(body, each, word, names)
        out.append(Ticket(each, place.name if place else each.room, may, why, listed.get(each.id), each.id in came))
    return out


def _why(body: Badge, each: Session, word: Listing, names: Mapping[int, str]) -> str:
    """In words what ``entitlement`` has looked at."""
    if word is Listing.YES:
        return _("on the session's list")
    if word is Listing.NO:
        return _("barred by the session's list")
    if each.invited:
        return _("only people on its list may come")
    kind = names.get(body.category, "?")
    if not each.categories >> body.category & 1:
        return phrase("not open to the category {category}", category=kind)
    lacking = zone_numbers(each.zones & ~body.zones)
    if lacking:
        return phrase("needs zone {zones}", zones=", ".join(map(str, lacking)))
    return phrase("open to the category {category}", category=kind)


def passages_of(connection: Connection, number: int) -> Sequence[RowMapping]:
    """The person's newest passages, with the names of gate and session."""
    query = (
        select(passage.c.id, passage.c.at, passage.c.kind, passage.c.why, passage.c.flags)
        .add_columns(gate.c.name.label("gate"), passage.c.gate.label("gate_id"), session.c.title)
        .outerjoin(gate, gate.c.id == passage.c.gate)
        .outerjoin(session, session.c.id == passage.c.session)
        .where(passage.c.person == number)
    )
    return connection.execute(query.order_by(passage.c.id.desc()).limit(PASSAGES)).mappings().all()


def name_of_badge(facts: Mapping[str, Any]) -> str:
    """The badges that a row of the trail speaks of."""
    found = facts.get("badges", facts.get("badge", []))
    return ", ".join(str(number) for number in (found if isinstance(found, list) else [found]))
