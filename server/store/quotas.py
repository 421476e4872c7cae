"""The statements behind quotas: how many people of a delegation may attend a session, and how many have.

Hot like those of :mod:`server.store.passages`, and run in the same way. Who attends is told by stays: whoever came in
and was not annulled has attended, however often. Who was erased since is counted among the numbers that are kept.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, literal_column, select

from server.store.engine import execute, given
from server.store.holders import Holder
from server.store.schema import kept_count, person, quota, session, stay

_others = person.alias("other")
_erased = (
    select(func.coalesce(func.sum(kept_count.c.people), literal_column("0")))
    .where(kept_count.c.session == quota.c.session, kept_count.c.delegation == quota.c.delegation)
    .scalar_subquery()
)
_known = (
    select(func.count(stay.c.holder.distinct()))
    .select_from(stay.join(_others, _others.c.id == stay.c.holder))
    .where(
        stay.c.session == quota.c.session,
        stay.c.opened.is_not(None),
        stay.c.how != literal_column("'annulled'"),
        _others.c.delegation == quota.c.delegation,
        stay.c.holder != given("holder"),
    )
    .scalar_subquery()
)
_came = _known + _erased
_of_room: Any = (
    select(quota.c.session, quota.c.most, _came)
    .select_from(
        quota.join(session, session.c.id == quota.c.session).join(person, person.c.delegation == quota.c.delegation)
    )
    .where(session.c.room == given("room"), person.c.id == given("holder"))
)
_of_session: Any = (
    select(quota.c.delegation, quota.c.most, _came)
    .select_from(quota.join(person, person.c.delegation == quota.c.delegation))
    .where(quota.c.session == given("session"), person.c.id == given("holder"))
)


def used_up(connection: Connection, holder: Holder, room: str) -> tuple[str, ...]:
    """The sessions of the room to which the holder's delegation has sent as many others as it may."""
    if holder.person is None:
        return ()
    rows = execute(connection, _of_room, {"p_room": room, "p_holder": holder.id}).fetchall()
    return tuple(sorted(row[0] for row in rows if row[2] >= row[1]))


def exceeded(connection: Connection, holder: Holder, session_id: str) -> dict[str, object] | None:
    """What there is to say if the holder's attendance takes the delegation over its quota for the session."""
    if holder.person is None or not session_id:
        return None
    row = execute(connection, _of_session, {"p_session": session_id, "p_holder": holder.id}).fetchone()
    if row is None or row[2] < row[1]:
        return None
    return {"delegation": row[0], "most": int(row[1]), "came": int(row[2]) + 1, "session": session_id}
