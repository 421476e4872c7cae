"""What a passage does to stays: pairs entries with exits, once each (docs/protocol.md, section 8).

Knows nothing of kiosks' accounts or of messages; runs inside the transaction that appends the passage.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from admission.passage import Kind
from admission.venue import Exits, Programme
from server.store import passages
from server.store.passages import Holder, Loose

ACCEPTED = "accepted"
DUPLICATE = "duplicate_entry"
UNMATCHED = "exit_unmatched"


@dataclass(frozen=True, slots=True)
class Step:
    """One entry or exit: the passage's row, the badge's holder, where and when (ms)."""

    passage: int
    holder: Holder
    serial: int
    room: str
    session: str
    at: int


def judge(kind: Kind, room: str, at: int, holder: Holder) -> str:
    """The server's verdict on an entry or exit of a known holder, before anything follows from it."""
    here = [stay for stay in holder.stays if stay.room == room]
    if kind is Kind.EXIT:
        return ACCEPTED if any(_open_before(stay, at) for stay in here) else UNMATCHED
    if any(_is_early_exit(stay, at) for stay in here):
        return ACCEPTED
    return DUPLICATE if any(stay.closed is None and not stay.duplicate for stay in here) else ACCEPTED


def enter(connection: Connection, step: Step, programme: Programme) -> None:
    """Opens a stay and closes those in rooms that are not around this one.

    An exit that arrived before its entry is completed instead; a second open stay in the room is marked duplicate.
    """
    _leave_others(connection, step, programme)
    here = [stay for stay in step.holder.stays if stay.room == step.room]
    came_first = next((stay for stay in here if _is_early_exit(stay, step.at)), None)
    if came_first and passages.complete_stay(connection, came_first.id, step.passage, step.at, step.session):
        _credit_if_matched(connection, step.room, programme)
        return
    duplicate = judge(Kind.ENTRY, step.room, step.at, step.holder) == DUPLICATE
    _write(connection, step, entered=True, duplicate=duplicate)


def leave(connection: Connection, step: Step, programme: Programme) -> None:
    """Closes the oldest stay that was open before; without one, the exit is kept for an entry still to arrive."""
    for stay in step.holder.stays:
        here = stay.room == step.room and _open_before(stay, step.at)
        if here and passages.close_stay(connection, stay.id, step.passage, step.at):
            _credit_if_matched(connection, step.room, programme)
            return
    _write(connection, step, entered=False, duplicate=False)


def _is_early_exit(stay: Loose, at: int) -> bool:
    return stay.opened is None and stay.closed is not None and stay.closed >= at


def _open_before(stay: Loose, at: int) -> bool:
    return stay.closed is None and stay.opened is not None and stay.opened <= at


def _leave_others(connection: Connection, step: Step, programme: Programme) -> None:
    around = programme.ancestors(step.room)
    for stay in step.holder.stays:
        elsewhere = stay.room not in around and _open_before(stay, step.at)
        if elsewhere and passages.close_stay(connection, stay.id, step.passage, step.at):
            _credit_if_matched(connection, stay.room, programme)


def _credit_if_matched(connection: Connection, room: str, programme: Programme) -> None:
    facts = programme.room(room)
    if facts is not None and facts.limit is not None and facts.exits is Exits.MATCHED:
        passages.credit_closed(connection, room)


def _write(connection: Connection, step: Step, *, entered: bool, duplicate: bool) -> None:
    values = {
        "room": step.room,
        "holder": step.holder.id,
        "serial": step.serial,
        "session": step.session,
        "entry": step.passage if entered else None,
        "exit": None if entered else step.passage,
        "opened": step.at if entered else None,
        "closed": None if entered else step.at,
        "duplicate": duplicate,
    }
    passages.open_stay(connection, values)
