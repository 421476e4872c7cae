"""Roll calls: begun for the whole venue or a room, people marked safe one by one or by their badges, ended.

Who was inside when it began is written down, and stays on the list; who comes in meanwhile is read from the stays
(:mod:`server.roster`). A mark is a conditional update, so that two stewards who tick at once both count, and nobody is
marked twice. Who begins, looks and ends is in the trail; who ticked is in the mark.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Row, insert, or_, select, update

from admission.badge import BadBadge, EventKeys, Flaw, verify
from admission.errors import ConfigError
from admission.venue import Programme
from admission.wire import Keyring
from server import roster, trail
from server.phrase import phrase
from server.roster import Entry, Roster
from server.store.instants import to_ms
from server.store.schema import badge, event, roll_call, roll_mark
from server.trail import Who

LISTED, TICK, SCAN, MISSED = "listed", "tick", "scan", "missed"
"""How a mark came about. LISTED: inside when it began, not seen yet. MISSED: seen, though not counted inside."""
LONGEST_REASON = 300
RECENT = 10
ABOUT = "roll-call"


class Ended(ConfigError):
    """Nothing can be marked any more."""


@dataclass(frozen=True, slots=True)
class Call:
    """A roll call. ``room`` empty: the whole venue. Instants in ms."""

    id: int
    room: str
    begun: int
    by: str
    reason: str
    ended: int | None
    ended_by: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What is said of a person, by whom, and when the server heard it (ms)."""

    holder: int
    at: int
    by: str
    how: str
    safe: bool


@dataclass(frozen=True, slots=True)
class State:
    """A roll call as it stands. People who were seen but not counted inside are on the list without a room."""

    call: Call
    roster: Roster
    marks: Mapping[int, Mark]

    def is_safe(self, holder: int) -> bool:
        """Whether somebody has seen them."""
        return holder in self.marks and self.marks[holder].safe

    @property
    def listed(self) -> list[Entry]:
        """Who has to be accounted for."""
        return [one for one in self.roster.people if one.room]

    @property
    def unaccounted(self) -> int:
        """How many have not been seen yet."""
        return sum(not self.is_safe(one.holder) for one in self.listed)


class Seen(StrEnum):
    """What became of a scanned code."""

    SAFE = "safe"
    ALREADY = "already"
    MISSED = "missed"
    REVOKED = "revoked"
    FOREIGN = "foreign"
    DAMAGED = "damaged"
    FORGED = "forged"


@dataclass(frozen=True, slots=True)
class Scanned:
    """A scanned code, and whose badge it is. A revoked badge marks nobody: somebody else may wear it."""

    seen: Seen
    who: Entry | None = None


def begin(
    connection: Connection, programme: Programme, who: Who, scope: tuple[str, str], now: datetime
) -> tuple[Call, bool]:
    """Begins one for ``scope``: a room (empty: the whole venue) and the reason. Gives the one that is running for the
    same room, and False, if there is one. Raises ConfigError for a room or a reason that cannot be."""
    room, reason = scope[0], _reason(scope[1])
    if room and programme.room(room) is None:
        raise ConfigError(phrase("there is no room {room!r}; choose one of the list", room=room[:64]))
    connection.execute(select(event.c.id).with_for_update()).all()  # two who begin at once get the same one
    running = next((one for one in listed(connection) if one.ended is None and one.room == room), None)
    if running is not None:
        return running, False
    at = to_ms(now)
    row = {"room": room, "begun": at, "by": who.name[:64], "reason": reason}
    number = connection.execute(insert(roll_call).values(row).returning(roll_call.c.id)).scalar_one()
    inside = roster.now(connection, programme, now, room)
    first = {"roll_call": number, "at": at, "by": who.name[:64], "how": LISTED, "safe": False}
    if inside.people:
        connection.execute(insert(roll_mark), [first | {"holder": one.holder} for one in inside.people])
    facts = {"room": room, "reason": reason, "people": len(inside.people), "unbadged": inside.unbadged}
    trail.note(connection, who, at, "begun", ABOUT, number, facts)
    return Call(number, room, at, who.name[:64], reason, None, ""), True


def end(connection: Connection, programme: Programme, who: Who, number: int, now: datetime) -> bool:
    """Ends it; False if it was ended before, or never begun."""
    change = update(roll_call).where(roll_call.c.id == number, roll_call.c.ended.is_(None))
    if not connection.execute(change.values(ended=to_ms(now), ended_by=who.name[:64])).rowcount:
        return False
    last = state(connection, programme, number, now)
    assert last is not None
    facts = {"people": len(last.listed), "unaccounted": last.unaccounted, "unbadged": last.roster.unbadged}
    trail.note(connection, who, to_ms(now), "ended", ABOUT, number, facts)
    return True


def find(connection: Connection, number: int) -> Call | None:
    """The roll call of that number."""
    row = connection.execute(select(roll_call).where(roll_call.c.id == number)).first()
    return None if row is None else _call(row)


def listed(connection: Connection) -> list[Call]:
    """Those that are running, and the last few that were ended; newest first."""
    running = select(roll_call).where(roll_call.c.ended.is_(None)).order_by(roll_call.c.id.desc())
    past = select(roll_call).where(roll_call.c.ended.is_not(None)).order_by(roll_call.c.id.desc()).limit(RECENT)
    return [_call(row) for query in (running, past) for row in connection.execute(query)]


def state(connection: Connection, programme: Programme, number: int, now: datetime) -> State | None:
    """How it stands, or as it was when it ended; None if there is none of that number."""
    call = find(connection, number)
    return None if call is None else State(call, *_people(connection, programme, call, now))


def changes(connection: Connection, number: int, since: int = 0) -> list[Mark]:
    """What was said of people at or after ``since`` (ms), oldest first; nothing of those nobody has seen yet."""
    query = select(roll_mark).where(roll_mark.c.roll_call == number, roll_mark.c.at >= since)
    query = query.where(or_(roll_mark.c.safe, roll_mark.c.how != LISTED)).order_by(roll_mark.c.at, roll_mark.c.holder)
    return [_mark(row) for row in connection.execute(query)]


def mark(  # noqa: PLR0913 - who is marked where, how, by whom and when
    connection: Connection,
    programme: Programme,
    number: int,
    holders: Collection[int],
    how: str,
    by: str,
    now: datetime,
) -> None:
    """These people are safe. Who is so already stays as they are; who is not on the list is marked as MISSED, and who
    does not exist is passed over. Raises Ended, or ConfigError if there is no such roll call."""
    call, at = _running(connection, number), to_ms(now)
    mine = (roll_mark.c.roll_call == number, roll_mark.c.holder.in_(sorted(holders)))
    before = {row.holder for row in connection.execute(select(roll_mark.c.holder).where(*mine).with_for_update())}
    change = update(roll_mark).where(*mine, roll_mark.c.safe.is_(False))
    values = {"at": at, "by": by[:64], "safe": True}
    connection.execute(change.where(roll_mark.c.how != MISSED).values(**values, how=how))
    connection.execute(change.where(roll_mark.c.how == MISSED).values(**values))
    new = roster.known(connection, set(holders) - before)
    if new:
        counted = roster.counted(connection, programme, call.room, (call.begun, None), new)
        rows = [{"holder": one, "how": how if one in counted else MISSED} for one in sorted(new)]
        connection.execute(insert(roll_mark), [{"roll_call": number, **values, **row} for row in rows])


def undo(connection: Connection, number: int, seen: Mapping[int, int | None], by: str, now: datetime) -> None:
    """These people are not safe after all. ``seen``: when the mark was made (ms) that is taken back; one that somebody
    has made since stays. None: whichever it is. Raises Ended, or ConfigError if there is no such roll call."""
    _running(connection, number)
    for holder, at in seen.items():
        change = update(roll_mark).where(roll_mark.c.roll_call == number, roll_mark.c.holder == holder)
        change = change.where(roll_mark.c.safe) if at is None else change.where(roll_mark.c.safe, roll_mark.c.at == at)
        connection.execute(change.values(safe=False, at=to_ms(now), by=by[:64]))


def scan(  # noqa: PLR0913 - what was scanned where, what it is checked by, by whom and when
    connection: Connection, programme: Programme, keys: EventKeys, number: int, text: str, by: str, now: datetime
) -> Scanned:
    """The badge behind a scanned text is verified, and its person marked. Raises like :func:`mark`."""
    call, found = _running(connection, number), verify(text, keys)
    if isinstance(found, BadBadge):
        return Scanned({Flaw.DAMAGED: Seen.DAMAGED, Flaw.FORGED: Seen.FORGED}.get(found.why, Seen.FOREIGN))
    row = connection.execute(select(badge.c.person, badge.c.revoked).where(badge.c.id == found.id)).first()
    holder = -found.serial if row is None or row.person is None else int(row.person)
    who = roster.known(connection, [holder]).get(holder)
    if row is not None and row.revoked is not None:
        return Scanned(Seen.REVOKED, who)
    mine = (roll_mark.c.roll_call == number, roll_mark.c.holder == holder)
    before = connection.execute(select(roll_mark.c.safe).where(*mine).with_for_update()).scalar()
    mark(connection, programme, number, [holder], SCAN, by, now)
    if before:
        return Scanned(Seen.ALREADY, who)
    how = connection.execute(select(roll_mark.c.how).where(*mine)).scalar()
    counted = how != MISSED or roster.counted(connection, programme, call.room, (call.begun, None), [holder])
    return Scanned(Seen.SAFE if counted else Seen.MISSED, who)


def keys_of(ring: Keyring) -> EventKeys:
    """What badges are verified by."""
    return EventKeys(
        ring.event, ring.epoch, {one.id: Ed25519PublicKey.from_public_bytes(one.public) for one in ring.keys}
    )


def _people(connection: Connection, programme: Programme, call: Call, now: datetime) -> tuple[Roster, dict[int, Mark]]:
    """Who was inside when it began, who has come in since, and who was seen without being counted."""
    marks = {
        row.holder: _mark(row) for row in connection.execute(select(roll_mark).where(roll_mark.c.roll_call == call.id))
    }
    found = roster.during(connection, programme, now, call.room, (call.begun, call.ended))
    on_it = {one.holder for one in found.people}
    absent = [one for one in marks.values() if one.holder not in on_it and (one.how != MISSED or one.safe)]
    facts = roster.known(connection, [one.holder for one in absent])
    # Whoever was erased since stays on the list, without a name: a body is to be found all the same.
    entries = [facts.get(one.holder, Entry(one.holder, "", "", "", "")) for one in absent]
    gone = [one for one in entries if marks[one.holder].how != MISSED]
    gone = [_placed(one, call) for one in roster.last_seen(connection, programme, call.room, gone)]
    seen = [one for one in entries if marks[one.holder].how == MISSED]
    people = tuple(sorted((*found.people, *gone, *seen), key=lambda one: one.sorting))
    return Roster(people, found.places, found.companions), marks


def _placed(one: Entry, call: Call) -> Entry:
    """Who was on the list stays on it, even if no stay of theirs is left to say in which room."""
    return one if one.room else Entry(one.holder, one.name, one.ref, one.organisation, one.delegation, call.room or "?")


def _running(connection: Connection, number: int) -> Call:
    row = connection.execute(select(roll_call).where(roll_call.c.id == number).with_for_update(read=True)).first()
    if row is None:
        raise ConfigError(phrase("there is no such roll call"))
    if row.ended is not None:
        raise Ended(phrase("this roll call was ended by {by}; begin another one if it is needed", by=row.ended_by))
    return _call(row)


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not reason:
        raise ConfigError(phrase("say why the roll call begins; one word is enough"))
    if len(reason) > LONGEST_REASON:
        raise ConfigError(
            phrase("the reason has {n} characters; at most {most} fit", n=len(reason), most=LONGEST_REASON)
        )
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in reason):
        raise ConfigError(phrase("the reason holds a control character; write it again"))
    return reason


def _call(row: Row[tuple[object, ...]]) -> Call:
    return Call(row.id, row.room, row.begun, row.by, row.reason, row.ended, row.ended_by)


def _mark(row: Row[tuple[object, ...]]) -> Mark:
    return Mark(row.holder, row.at, row.by, row.how, bool(row.safe))
