"""What a change would do to people who are inside, or at the doors, at this moment. Only reads."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from admission.rules import Listing
from admission.venue import Session
from server.phrase import Phrase, phrase
from server.phrase import marked as _
from server.schedule.facts import may
from server.schedule.things import GATE, ROOM, SESSION, Cells, Kind, rules_of
from server.store import schema

Row = Mapping[str, Any]


def of(connection: Connection, kind: Kind, before: Row, after: Row, now: datetime) -> list[Phrase]:
    """The sentences that somebody should read before this is saved; none: nobody feels it."""
    if kind is SESSION:
        return list(_of_session(connection, rules_of(before), rules_of(after), now))
    if kind is ROOM:
        return list(_of_room(connection, before, after))
    return list(_of_gate(connection, before, after)) if kind is GATE else []


def sure(cells: Cells, consequences: Sequence[Phrase]) -> str:
    """What a form sends along once its reader has confirmed: of these very values and these kinds of consequences, not
    of how many people are inside, for they come and go while somebody reads."""
    kinds = sorted(one.pattern for one in consequences)
    return f"{zlib.crc32(repr((sorted(cells.items()), kinds)).encode()):08x}"


def _of_session(connection: Connection, old: Session, new: Session, now: datetime) -> Iterator[Phrase]:
    inside = _inside(connection, old.id)
    if new.room != old.room and (inside or old.admits_at(now)):
        said = _("it is going on now: its old room sends people away then, and the {inside} inside stay counted there")
        yield phrase(said, inside=len(inside))
    elif old.admits_at(now) and not new.admits_at(now):
        yield phrase("its doors are open now, and would be closed at once; {inside} are inside", inside=len(inside))
    yield from _of_seats(connection, old, new, now)
    shut = sum(not may(new, category, zones, listing) for category, zones, listing in inside)
    shut_before = sum(not may(old, category, zones, listing) for category, zones, listing in inside)
    if shut > shut_before:
        said = _("{shut} of the {inside} who are inside would have no right to be there, and could not come in again")
        yield phrase(said, shut=shut, inside=len(inside))


def _of_seats(connection: Connection, old: Session, new: Session, now: datetime) -> Iterator[Phrase]:
    lowered = new.capacity is not None and (old.capacity is None or new.capacity < old.capacity)
    if not lowered or not new.admits_at(now) or new.room != old.room:
        return
    held = schema.stay.c
    query = select(func.count()).where(held.room == new.room, held.closed.is_(None), ~held.duplicate)
    inside = connection.execute(query).scalar_one()
    if new.capacity is not None and inside > new.capacity:
        said = _(
            "{inside} are inside, more than {capacity}: nobody is put out, and nobody comes in until enough have left"
        )
        yield phrase(said, inside=inside, capacity=new.capacity)


def _inside(connection: Connection, session: str) -> list[tuple[int, int, Listing]]:
    """Category, zones and word of the list of everybody who came for it and is inside."""
    stay, badge, listing = schema.stay, schema.badge, schema.listing
    query = (
        select(badge.c.category, badge.c.zones, listing.c.may)
        .select_from(stay)
        .join(badge, badge.c.serial == stay.c.serial)
        .outerjoin(listing, (listing.c.person == badge.c.person) & (listing.c.session == session))
        .where(stay.c.session == session, stay.c.closed.is_(None), ~stay.c.duplicate)
    )
    words = {None: Listing.SILENT, True: Listing.YES, False: Listing.NO}
    return [(category, zones, words[allowed]) for category, zones, allowed in connection.execute(query)]


def _of_room(connection: Connection, before: Row, after: Row) -> Iterator[Phrase]:
    if before["inside"] == after["inside"]:
        return
    stay = schema.stay.c
    query = select(func.count()).where(stay.room == before["id"], stay.closed.is_(None), ~stay.duplicate)
    if inside := connection.execute(query).scalar_one():
        yield phrase(
            "{inside} are inside: they are counted in other rooms only when they pass a gate again", inside=inside
        )


def _of_gate(connection: Connection, before: Row, after: Row) -> Iterator[Phrase]:
    moved = before["room"] != after["room"]
    if not moved and before["direction"] == after["direction"]:
        return
    one = schema.device.c
    names = list(connection.execute(select(one.id).where(one.gate == before["id"], one.revoked.is_(None))).scalars())
    if not names:
        return
    kiosks = ", ".join(sorted(names))
    if moved:
        yield phrase(
            "{kiosks} stands there, and will guard the other room; its seats of this one come back", kiosks=kiosks
        )
    else:
        yield phrase("{kiosks} stands there, and will lead the other way as soon as it has heard of it", kiosks=kiosks)
