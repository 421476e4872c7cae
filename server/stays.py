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
    """One entry or exit: the passage's row, the badge's holder, where and when (ms, give or take)."""

    passage: int
    holder: Holder
    serial: int
    room: str
    session: str
    at: int
    uncertainty: int

    @property
    def earliest(self) -> int:
        """It was not before this; what is paired by time must be provable."""
        return self.at - self.uncertainty

    @property
    def latest(self) -> int:
        """It was not after this."""
        return self.at + self.uncertainty


def judge(kind: Kind, step: Step) -> str:
    """The server's verdict on an entry or exit of a known holder, before anything follows from it."""
    here = [stay for stay in step.holder.stays if stay.room == step.room]
    if kind is Kind.EXIT:
        return ACCEPTED if any(_open_before(stay, step.earliest) for stay in here) else UNMATCHED
    if any(_is_early_exit(stay, step.latest) for stay in here):
        return ACCEPTED
    return DUPLICATE if any(stay.closed is None and not stay.duplicate for stay in here) else ACCEPTED


def enter(connection: Connection, step: Step, programme: Programme) -> None:
    """Opens a stay and closes those in rooms that are not around this one.

    An exit that arrived before its entry is completed instead; a second open stay in the room is marked duplicate;
    an entry that arrives after a later one elsewhere opens a stay that is closed already.
    """
    _leave_others(connection, step, programme)
    here = [stay for stay in step.holder.stays if stay.room == step.room]
    came_first = next((stay for stay in here if _is_early_exit(stay, step.latest)), None)
    if came_first and passages.complete_stay(connection, came_first.id, step.passage, step.latest, step.session):
        _credit_if_matched(connection, step.room, programme)
        return
    went_on = _went_on(step, programme)
    if went_on is not None:
        _write(connection, step, opened=step.latest, closed=went_on)
        _credit_if_matched(connection, step.room, programme)
        return
    _write(connection, step, opened=step.latest, duplicate=judge(Kind.ENTRY, step) == DUPLICATE)


def leave(connection: Connection, step: Step, programme: Programme) -> None:
    """Closes the oldest stay that was open before; without one, the exit is kept for an entry still to arrive."""
    for stay in step.holder.stays:
        here = stay.room == step.room and _open_before(stay, step.earliest)
        if here and passages.close_stay(connection, stay.id, step.passage, step.at):
            _credit_if_matched(connection, step.room, programme)
            return
    _write(connection, step, closed=step.earliest)


def _is_early_exit(stay: Loose, at: int) -> bool:
    return stay.opened is None and stay.closed is not None and stay.closed >= at


def _open_before(stay: Loose, at: int) -> bool:
    return stay.closed is None and stay.opened is not None and stay.opened <= at


def _leave_others(connection: Connection, step: Step, programme: Programme) -> None:
    around = programme.ancestors(step.room)
    for stay in step.holder.stays:
        elsewhere = stay.room not in around and _open_before(stay, step.earliest)
        if elsewhere and passages.close_stay(connection, stay.id, step.passage, step.at):
            _credit_if_matched(connection, stay.room, programme)


def _went_on(step: Step, programme: Programme) -> int | None:
    """When the holder entered a room that this one is not around, later than this entry; None: not that is known."""
    later = [
        stay.opened
        for stay in step.holder.stays
        if stay.closed is None and stay.opened is not None and stay.opened > step.latest
        if step.room not in programme.ancestors(stay.room)
    ]
    return min(later, default=None)


def _credit_if_matched(connection: Connection, room: str, programme: Programme) -> None:
    facts = programme.room(room)
    if facts is not None and facts.limit is not None and facts.exits is Exits.MATCHED:
        passages.credit_closed(connection, room)


def _write(
    connection: Connection, step: Step, *, opened: int | None = None, closed: int | None = None, duplicate: bool = False
) -> None:
    values = {
        "room": step.room,
        "holder": step.holder.id,
        "serial": step.serial,
        "session": step.session,
        "entry": None if opened is None else step.passage,
        "exit": step.passage if opened is None else None,
        "opened": opened,
        "closed": closed,
        "duplicate": duplicate,
    }
    passages.open_stay(connection, values)
