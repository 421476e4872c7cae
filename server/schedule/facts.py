"""What clashes and impossible rules are found in: the programme, and how many people it is about. Only reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import Connection, func, select

from admission.badge import Badge, BadgeId
from admission.rules import Listing, entitlement
from admission.venue import Programme, Room, Session
from server import programme
from server.event import Event
from server.store import schema


@dataclass(frozen=True, slots=True)
class Facts:
    """The programme; how many people are of a category with zones; by session, how many are on its list (may, may
    not), inside, and allowed by quotas; how many kiosks a gate has; how many people are on two sessions' lists."""

    programme: Programme
    people: Mapping[tuple[int, int], int]
    lists: Mapping[str, tuple[int, int]]
    inside: Mapping[str, int]
    quotas: Mapping[str, int]
    kiosks: Mapping[str, int]
    both: Mapping[tuple[str, str], int]

    def eligible(self, session: Session) -> int:
        """How many people may come by category and zones; those of its list are not among them."""
        return sum(many for (category, zones), many in self.people.items() if may(session, category, zones))

    def of_categories(self, session: Session) -> int:
        """How many people are of its categories."""
        return sum(many for (category, _), many in self.people.items() if session.categories >> category & 1)

    def room(self, session: Session) -> Room | None:
        """The room of a session."""
        return self.programme.room(session.room)

    def seats(self, session: Session) -> int | None:
        """How many fit: the smaller of its capacity and what its room has left; None: nobody counts."""
        room = self.room(session)
        own = None if room is None or room.limit is None else room.limit - room.reserve
        known = [one for one in (own, session.capacity) if one is not None]
        return min(known) if known else None

    def having(self, session: Session) -> Facts:
        """The same with this session as it would be."""
        others = tuple(one for one in self.programme.sessions if one.id != session.id)
        return replace(self, programme=msgspec.structs.replace(self.programme, sessions=(*others, session)))


def may(session: Session, category: int, zones: int, listing: Listing = Listing.SILENT) -> bool:
    """Whether the rules let a badge of this category and these zones come."""
    return entitlement(Badge(0, 0, BadgeId(0), category, zones, 0, 0), session, listing) is None


def read(connection: Connection, event: Event) -> Facts:
    """Everything as it is now."""
    one, listing, stay, person = schema.device.c, schema.listing.c, schema.stay.c, schema.person.c
    groups = select(person.category, person.zones, func.count()).group_by(person.category, person.zones)
    lists: dict[str, tuple[int, int]] = {}
    counts = select(listing.session, listing.may, func.count()).group_by(listing.session, listing.may)
    for session, allowed, many in connection.execute(counts):
        yes, no = lists.get(session, (0, 0))
        lists[session] = (yes + many, no) if allowed else (yes, no + many)
    inside = select(stay.session, func.count()).where(stay.closed.is_(None), ~stay.duplicate).group_by(stay.session)
    quotas = select(schema.quota.c.session, func.sum(schema.quota.c.most)).group_by(schema.quota.c.session)
    kiosks = select(one.gate, func.count()).where(one.revoked.is_(None)).group_by(one.gate)
    return Facts(
        programme=programme.read(connection, event),
        people={(category, zones): many for category, zones, many in connection.execute(groups)},
        lists=lists,
        inside=_pairs(connection, inside),
        quotas=_pairs(connection, quotas),
        kiosks=_pairs(connection, kiosks),
        both=_both(connection),
    )


def _pairs(connection: Connection, query: object) -> dict[str, int]:
    return {name: int(many) for name, many in connection.execute(query)}  # type: ignore[call-overload]


def _both(connection: Connection) -> dict[tuple[str, str], int]:
    """How many people are on the lists of two sessions that only lists open and that overlap."""
    mine, other = schema.listing.alias("mine"), schema.listing.alias("other")
    first, second = schema.session.alias("first"), schema.session.alias("second")
    query = (
        select(mine.c.session, other.c.session, func.count())
        .join(other, (other.c.person == mine.c.person) & (other.c.session > mine.c.session))
        .join(first, first.c.id == mine.c.session)
        .join(second, second.c.id == other.c.session)
        .where(mine.c.may, other.c.may, first.c.invited, second.c.invited)
        .where(first.c.starts < second.c.ends, second.c.starts < first.c.ends)
        .group_by(mine.c.session, other.c.session)
    )
    return {(one, two): many for one, two, many in connection.execute(query)}
