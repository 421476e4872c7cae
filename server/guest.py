"""Somebody as the registration desk sees them: who they are, their badges, where they are and what they may enter.

Who may pass is decided in :mod:`admission.rules`, here as at a gate. Only reads; knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, RowMapping, select

from admission.badge import Badge, BadgeId, EventKeys
from admission.rules import Doorway, Known, Listing, Presence, Refused, Seats, Why, decide
from admission.venue import Direction, Room, Session
from server.current import Picture
from server.store import quotas, schema
from server.store.holders import Holder

PRINTED, HANDED = "printed", "handed"


@dataclass(frozen=True, slots=True)
class Mark:
    """When something was done, and by whom."""

    at: int
    by: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A badge: since when it is revoked and why, and when it was printed and handed over, the newest last."""

    serial: int
    issued: int
    revoked: int | None
    why: str
    replaced_by: int | None
    category: int
    zones: int
    printed: tuple[Mark, ...]
    handed: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Inside:
    """A room that somebody is in, since when, and whether they entered it a second time."""

    room: str
    since: int
    again: bool


@dataclass(frozen=True, slots=True)
class Door:
    """A room that is open now: the session that one would come to, and why one may not enter (None: one may)."""

    room: Room
    session: Session | None
    why: Why | None


@dataclass(frozen=True, slots=True)
class Card:
    """What the desk sees of a person. ``badge``: the one that is valid; ``last``: the newest, valid or not."""

    guest: Mapping[str, Any]
    badge: Paper | None
    last: Paper | None
    inside: tuple[Inside, ...]
    seen: Mapping[str, Any] | None
    doors: tuple[Door, ...]

    @property
    def outdated(self) -> bool:
        """Whether the badge was issued for another category or other zones than the person has now."""
        now = (self.guest["category"], self.guest["zones"])
        return self.badge is not None and (self.badge.category, self.badge.zones) != now


def keys_of(picture: Picture) -> EventKeys:
    """What badges of this event are verified with."""
    ring = picture.keyring
    public = {key.id: Ed25519PublicKey.from_public_bytes(key.public) for key in ring.keys}
    return EventKeys(ring.event, ring.epoch, public)


def card(connection: Connection, picture: Picture, ref: str, now: datetime) -> Card | None:
    """The card of the person with this reference; None if there is none."""
    query = select(schema.person, schema.category.c.name.label("category_name"), schema.category.c.colour)
    query = query.join(schema.category, schema.category.c.code == schema.person.c.category)
    guest = connection.execute(query.where(schema.person.c.ref == ref)).mappings().first()
    if guest is None:
        return None
    known = papers(connection, guest["id"])
    live = next((one for one in known if one.revoked is None), None)
    stays = schema.stay.c
    mine = select(stays.room, stays.opened, stays.duplicate).where(stays.holder == guest["id"], stays.closed.is_(None))
    inside = tuple(Inside(row[0], row[1], bool(row[2])) for row in connection.execute(mine.order_by(stays.id)))
    steps = schema.passage.c
    last = select(steps.kind, steps.room, steps.at).where(steps.person == guest["id"]).order_by(steps.id.desc())
    seen = connection.execute(last.limit(1)).mappings().first()
    return Card(
        dict(guest),
        live,
        known[-1] if known else None,
        inside,
        None if seen is None else dict(seen),
        tuple(_doors(connection, picture, guest, {one.room for one in inside}, now)),
    )


def papers(connection: Connection, holder: int) -> list[Paper]:
    """The person's badges, the oldest first."""
    rows = connection.execute(
        select(schema.badge).where(schema.badge.c.person == holder).order_by(schema.badge.c.serial)
    ).mappings()
    found = list(rows)
    query = select(schema.printed).where(schema.printed.c.serial.in_([row["serial"] for row in found]))
    marks = list(connection.execute(query.order_by(schema.printed.c.id)).mappings()) if found else []

    def of(serial: int, what: str) -> tuple[Mark, ...]:
        mine = [one for one in marks if one["serial"] == serial and one["what"] == what]
        return tuple(Mark(one["at"], one["by"]) for one in mine)

    return [
        Paper(
            row["serial"],
            row["issued"],
            row["revoked"],
            row["revoked_why"] or "",
            row["replaced_by"],
            row["category"],
            row["zones"],
            of(row["serial"], PRINTED),
            of(row["serial"], HANDED),
        )
        for row in found
    ]


def _doors(
    connection: Connection, picture: Picture, guest: RowMapping, inside: set[str], now: datetime
) -> Iterator[Door]:
    """What the gates would say at this moment, room by room; rooms where nothing is on are left out."""
    plan, keys, badge = picture.programme, keys_of(picture), _shown(connection, picture, guest)
    lists = select(schema.listing.c.session, schema.listing.c.may).where(schema.listing.c.person == guest["id"])
    says = {row.session: Listing.YES if row.may else Listing.NO for row in connection.execute(lists)}
    held = set(connection.execute(select(schema.book.c.room).where(schema.book.c.held)).scalars())
    gated = {gate.room for gate in plan.gates if gate.direction is not Direction.OUT}
    holder = Holder(guest["id"], guest["id"], None)
    for room in (one for one in plan.rooms if one.id in gated):
        sessions = tuple(plan.sessions_of(room.id))
        known = Known(
            revoked=False,
            presence=Presence.HARD if room.id in inside else Presence.OUTSIDE,
            listing=lambda session: says.get(session.id, Listing.SILENT),
            used_up=frozenset(quotas.used_up(connection, holder, room.id)),
        )
        verdict = decide(
            badge, keys, known, _doorway(room, sessions, now), Seats(1, room_full=False, held=room.id in held)
        )
        why = verdict.why if isinstance(verdict, Refused) else None
        if why is not Why.NO_SESSION:
            yield Door(room, verdict.session, why)


def _doorway(room: Room, sessions: Sequence[Session], now: datetime) -> Doorway:
    return Doorway(Direction.IN, sessions, now, closed_to=lambda category: not room.admits(category))


def _shown(connection: Connection, picture: Picture, guest: RowMapping) -> Badge:
    """What the valid badge says, or would say if one were issued now."""
    badge, number = schema.badge, picture.keyring.event
    query = select(badge).where(badge.c.person == guest["id"], badge.c.revoked.is_(None))
    row = connection.execute(query.order_by(badge.c.serial.desc()).limit(1)).mappings().first()
    if row is None:
        return Badge(number, 0, BadgeId(0), guest["category"], guest["zones"], 0, 0)
    return Badge(number, row["key"], BadgeId(row["id"]), row["category"], row["zones"], row["not_before"], row["hours"])
