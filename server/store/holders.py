"""The statements behind stays: whose badge it is, and the stays of its holder.

Hot like those of :mod:`server.store.passages`, and run in the same way. What they mean is decided in
:mod:`admission.stays`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, literal_column, select, update

from admission.stays import Stay
from server.store.engine import execute, given, named
from server.store.schema import (
    badge,
    book,
    passage,
    stay,
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose badge it is; ``person`` None for a badge that the server does not know (``revoked`` None) or that was cut
    from its person (it is revoked). ``id`` is the holder in stays."""

    id: int
    person: int | None
    revoked: int | None
    stays: tuple[Stay, ...] = ()


_credit = update(book).where(book.c.room == given("room")).values(closed=book.c.closed + literal_column("1"))
_holder = (
    select(
        badge.c.person,
        badge.c.revoked,
        stay.c.id,
        stay.c.room,
        stay.c.opened,
        stay.c.closed,
        stay.c.duplicate,
        stay.c.settled,
        stay.c.earliest,
    )
    .select_from(
        badge.outerjoin(stay, (stay.c.holder == badge.c.person) & (stay.c.closed.is_(None) | stay.c.opened.is_(None)))
    )
    .where(badge.c.id == given("badge"))
    .order_by(stay.c.id)
)
# Two nodes must not pair the same holder's entries and exits at once; a person may have several badges.
_lock_holder = select(
    func.pg_advisory_xact_lock(
        func.coalesce(select(badge.c.person).where(badge.c.id == given("badge")).scalar_subquery(), given("stranger"))
    )
)
_strangers_stays = (
    select(stay.c.id, stay.c.room, stay.c.opened, stay.c.closed, stay.c.duplicate, stay.c.settled, stay.c.earliest)
    .where(stay.c.holder == given("holder"), stay.c.closed.is_(None) | stay.c.opened.is_(None))
    .order_by(stay.c.id)
)
_open_stay = insert(stay).values({c.name: given(c.name) for c in stay.c if c.name != "id"})
_close_stay = (
    update(stay)
    .where(stay.c.id == given("id"), stay.c.closed.is_(None))
    .values(exit=given("exit"), closed=given("at"), how=given("how"), credited=given("credited"))
)
_complete_stay = (
    update(stay)
    .where(stay.c.id == given("id"), stay.c.opened.is_(None))
    .values(
        entry=given("entry"),
        opened=given("at"),
        earliest=given("earliest"),
        session=given("session"),
        credited=given("credited"),
    )
)
_annulled_stay = (
    select(stay.c.id, stay.c.room, stay.c.opened, stay.c.closed, stay.c.duplicate, stay.c.settled, stay.c.earliest)
    .join(passage, passage.c.id == stay.c.entry)
    .where(
        passage.c.device == given("device"),
        passage.c.incarnation == given("incarnation"),
        passage.c.seq == given("seq"),
    )
)


def credit_closed(connection: Connection, room: str) -> None:
    """D += 1: a stay that the server closed gives its seat back (S2)."""
    execute(connection, _credit, {"p_room": room})


def lock_holder(connection: Connection, number: int) -> None:
    """Keeps other transactions from changing the stays of the badge's holder until this one ends."""
    if connection.dialect.name != "sqlite":  # there the writer is alone anyway
        execute(connection, _lock_holder, {"p_badge": number, "p_stranger": -(number >> 32)})


def holder_of(connection: Connection, number: int) -> Holder:
    """Whose badge this is, with the holder's loose stays, oldest first."""
    rows = execute(connection, _holder, {"p_badge": number}).fetchall()
    if not rows or rows[0][0] is None:  # never issued here; or its person was erased, or cut by retention
        stranger, revoked = -(number >> 32), rows[0][1] if rows else None
        theirs = execute(connection, _strangers_stays, {"p_holder": stranger}).fetchall()
        return Holder(stranger, None, revoked, tuple(_loose(row) for row in theirs))
    loose = [_loose(row[2:]) for row in rows if row[2] is not None]
    return Holder(rows[0][0], rows[0][0], rows[0][1], tuple(loose))


def _loose(row: tuple[Any, ...]) -> Stay:
    return Stay(row[0], row[1], row[2], row[3], bool(row[4]), bool(row[5]), row[6])


def open_stay(connection: Connection, values: dict[str, Any]) -> None:
    """Writes a stay (all columns but id)."""
    execute(connection, _open_stay, named(values))


def close_stay(connection: Connection, number: int, by: int | None, at: int, how: str, *, credited: bool) -> bool:
    """Closes the stay with passage ``by``; False if another exit has closed it."""
    values = {"p_id": number, "p_exit": by, "p_at": at, "p_how": how, "p_credited": credited}
    return int(execute(connection, _close_stay, values).rowcount) == 1


def complete_stay(connection: Connection, number: int, values: dict[str, object]) -> bool:
    """Gives an exit that came first its entry (entry, at, earliest, session, credited); False if it has one."""
    return int(execute(connection, _complete_stay, named({"id": number} | values)).rowcount) == 1


def stay_of_entry(connection: Connection, device: str, number: int, seq: int) -> Stay | None:
    """The stay that this entry opened; None if it opened none."""
    values: dict[str, object] = {"p_device": device, "p_incarnation": number, "p_seq": seq}
    row = execute(connection, _annulled_stay, values).fetchone()
    return None if row is None else _loose(row)


def open_entry(connection: Connection, holder: int, room: str) -> dict[str, object]:
    """Which passage the holder is inside the room by: {"earlier": its row, "earlier_gate", "earlier_at"}."""
    query = (
        select(passage.c.id, passage.c.gate, passage.c.at)
        .join(stay, stay.c.entry == passage.c.id)
        .where(stay.c.holder == holder, stay.c.room == room, stay.c.closed.is_(None), stay.c.duplicate.is_(False))
    )
    row = connection.execute(query).first()
    return {} if row is None else {"earlier": row.id, "earlier_gate": row.gate, "earlier_at": row.at}
