"""Lets the stays follow a passage: what :mod:`admission.stays` decides is written here, each change once.

A change is a conditional update whose row count is checked, so a stay is closed, and its seat credited, only once.
Runs inside the transaction that appends the passage; knows nothing of kiosks' accounts or of messages.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from admission import stays
from admission.passage import Kind
from admission.stays import Change, Close, Complete, Open, Step
from admission.venue import Exits, Programme
from server.store import holders
from server.store.holders import Holder


@dataclass(frozen=True, slots=True)
class Follows:
    """Whose passage it is, and its row: what a change to stays is written with."""

    passage: int
    holder: Holder
    serial: int
    session: str


def judge(kind: Kind, holder: Holder, step: Step) -> str:
    """The server's verdict on an entry or exit of a known holder, before anything follows from it."""
    return (stays.judge_exit if kind is Kind.EXIT else stays.judge_entry)(holder.stays, step)


def follow(connection: Connection, kind: Kind, who: Follows, step: Step, programme: Programme) -> list[Change]:
    """Writes what the passage does to the holder's stays; returns it."""
    if kind is Kind.EXIT:
        changes: list[Change] = [stays.leave(who.holder.stays, step, matched_in(programme))]
    else:
        changes = stays.enter(who.holder.stays, step, programme.ancestors, matched_in(programme))
    for change in changes:
        apply(connection, change, who)
    return changes


def annul(connection: Connection, entry: tuple[str, int, int], who: Follows, at: int, programme: Programme) -> bool:
    """Ends the stay of the entry (device, incarnation, seq); False if it is closed already, or there is none."""
    change = stays.annul(holders.stay_of_entry(connection, *entry), at, matched_in(programme))
    return change is not None and apply(connection, change, who)


def matched_in(programme: Programme) -> stays.Matched:
    """Whether a room's exits are matched by the server and bring its seats back."""

    def matched(room: str) -> bool:
        facts = programme.room(room)
        return facts is not None and facts.limit is not None and facts.exits is Exits.MATCHED

    return matched


def apply(connection: Connection, change: Change, who: Follows) -> bool:
    """Writes one change; False if another has closed or completed the stay meanwhile."""
    match change:
        case Close(stay, at, how, credit):
            room = stay.room
            by = who.passage or None
            done = holders.close_stay(connection, stay.id, by, at, how.value, credited=credit)
        case Complete(stay, opened, earliest, credit):
            room = stay.room
            values = {"entry": who.passage, "at": opened, "earliest": earliest, "session": who.session}
            done = holders.complete_stay(connection, stay.id, values | {"credited": credit})
        case Open(room, _, _, _, _, credit, _):
            done = True
            _write(connection, change, who)
    if done and credit:
        holders.credit_closed(connection, room)
    return done


def _write(connection: Connection, change: Open, who: Follows) -> None:
    values = {
        "room": change.room,
        "holder": who.holder.id,
        "serial": who.serial,
        "session": who.session,
        "entry": None if change.opened is None else who.passage,
        "exit": who.passage if change.opened is None else None,
        "opened": change.opened,
        "earliest": change.earliest,
        "closed": change.closed,
        "duplicate": change.duplicate,
        "how": stays.How.EXIT.value if change.closed is not None else "",
        "settled": change.settled,
        "credited": change.credit,
    }
    holders.open_stay(connection, values)
