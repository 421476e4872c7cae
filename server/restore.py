"""A database that was put back to an earlier state (S3): how it is noticed, and how seats flow again.

Every kiosk may hold seats that this database does not know of. So the era rises, and a room grants nothing until
every kiosk has reported in the new era (or is vouched for, or retired by a head count) and a supervisor has
confirmed the room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, update

from admission.ledger import State
from server import incidents
from server.incidents import Place
from server.store import versions
from server.store.accounts import DESK
from server.store.engine import unmark
from server.store.schema import account, act, book, companion, device, event, gate, incarnation, incident, room

_of_store = (account.c.device == incarnation.c.device) & (account.c.incarnation == incarnation.c.incarnation)
HOLDS_AN_ERA = 16
"""Bits: an era has fewer than 65,536 holds of a room."""
CHANGES_AN_ERA = 24
"""Bits: an era has fewer than 16 million changes to programme or badges."""


def raise_era(connection: Connection, at_least: int, now: int, facts: dict[str, object]) -> int:
    """Begins a new era, above ``at_least``; returns it. Voids what head counts had raised."""
    current = connection.execute(select(event.c.era)).scalar_one()
    era = int(max(current, at_least)) + 1
    connection.execute(update(event).values(era=era))
    # Fenced before the copy was made: it was granted nothing since, so all of it is known.
    connection.execute(update(device).where(device.c.revoked.is_not(None)).values(era=era))
    live = select(account.c.device).where(_of_store, account.c.state == State.LIVE).exists()
    connection.execute(update(incarnation).where(~live).values(era=era))
    connection.execute(update(book).where(book.c.recount > 0).values(recount=0))
    # Kiosks may know of holds that this copy does not: those of the new era have numbers beyond all of them.
    connection.execute(update(book).values(hold=era << HOLDS_AN_ERA, heads=None))
    versions.jump(connection, era << CHANGES_AN_ERA)
    place = Place(device=str(facts.get("device", "")))
    incidents.raise_incident(connection, "restore", now, place, facts | {"era": era})
    return era


def check_home(connection: Connection, identity: str, now: int, *, put_back: bool, at_least: int = 0) -> bool:
    """At the start: begins a new era if the database was put back to an earlier state, or is another copy of itself
    than the one that was used last (``identity``: what names this one). ``at_least``: an era that is known to have
    been, which the new one is above. Whether it did."""
    home = connection.execute(select(event.c.home)).scalar_one()
    if home != identity:
        connection.execute(update(event).values(home=identity))
    copied = put_back or (home != identity and home != "")
    if copied:
        unmark(connection)
        raise_era(connection, at_least, now, {"noticed": "at the start"})
    return copied


def awaited(connection: Connection, era: int) -> Sequence[str]:
    """The kiosks of which a store has neither reported in this era nor been retired, and those never heard in it."""
    may_spend = select(account.c.device).where(_of_store, account.c.state != State.RETIRED).exists()
    stores = select(incarnation.c.device).where(incarnation.c.era < era, may_spend)
    any_account = select(account.c.device).where(account.c.device == device.c.id).exists()
    unseen = select(device.c.id).where(device.c.era < era, ~any_account)
    return sorted({*connection.execute(stores).scalars(), *connection.execute(unseen).scalars()})


def with_new_stores(connection: Connection, room: str) -> Sequence[str]:
    """The kiosks of the room with a store that this database has heard of only since it was put back, unless heads were
    counted since: an earlier store of theirs may have been begun, and lost, after the copy was made."""
    counted = _counted_since(room)
    query = (
        select(incarnation.c.device)
        .join(device, device.c.id == incarnation.c.device)
        .join(gate, gate.c.id == device.c.gate)
        .where(
            gate.c.room == room,
            device.c.revoked.is_(None),
            incarnation.c.registered >= _last_restore(),
            ~counted.exists(),
        )
    )
    return sorted(set(connection.execute(query).scalars()))


def by_hand(connection: Connection, room_id: str) -> bool:
    """Whether people were let into the room by hand, and no heads counted since the restore: more may have been let in
    after the copy was made, and nothing but this database knew of them."""
    used = select(account.c.room).where(account.c.device == DESK, account.c.room == room_id)
    others = select(companion.c.room).where(companion.c.room == room_id)
    if connection.execute(used.union(others).limit(1)).first() is None:
        return False
    return not connection.execute(select(_counted_since(room_id).exists())).scalar_one()


def confirm(connection: Connection, room: str) -> None:
    """A supervisor has confirmed C and A of the room, and that every kiosk enrolled since the copy is known."""
    era = connection.execute(select(event.c.era)).scalar_one()
    connection.execute(update(book).where(book.c.room == room).values(vowed_era=era))
    try_open(connection, room, int(era))


def try_open(connection: Connection, room: str, era: int) -> bool:
    """Lets seats of the room be granted in this era, if nothing is awaited any more."""
    vowed = connection.execute(select(book.c.vowed_era).where(book.c.room == room)).scalar_one()
    if vowed < era or awaited(connection, era):
        return False
    if with_new_stores(connection, room) or by_hand(
        connection, room
    ):  # confirmed too early: it has to be confirmed again, after a head count
        connection.execute(update(book).where(book.c.room == room).values(vowed_era=era - 1))
        return False
    connection.execute(update(book).where(book.c.room == room).values(open_era=era))
    return True


def closed_rooms(connection: Connection) -> Sequence[str]:
    """The rooms that a supervisor has yet to confirm since the last restore."""
    era = select(event.c.era).scalar_subquery()
    query = select(book.c.room).where(book.c.vowed_era < era, _counted()).order_by(book.c.room)
    return list(connection.execute(query).scalars())


def is_recovering(connection: Connection) -> bool:
    """Whether any room grants nothing because of a restore."""
    era = select(event.c.era).scalar_subquery()
    return bool(connection.execute(select(func.count()).where(book.c.open_era < era, _counted())).scalar_one())


def _last_restore() -> Any:
    return select(func.coalesce(func.max(incident.c.at), 0)).where(incident.c.kind == "restore").scalar_subquery()


def _counted_since(room_id: str) -> Select[int]:
    """The head counts of the room since the last restore."""
    counts = act.c.kind.in_(["count", "clear"]) & (act.c.state == "done")
    return select(act.c.id).where(act.c.room == room_id, counts, act.c.confirmed > _last_restore())


def _counted() -> ColumnElement[bool]:
    """A room without a limit has no seats to be granted: there is nothing to confirm."""
    return select(room.c.id).where(room.c.id == book.c.room, room.c.limit.is_not(None)).exists()
