"""Whether every stay is matched: each entry opened one, each exit closed at most one, nobody left before they came,
and a seat came back once for each stay that gave one back.

Knows nothing of kiosks' accounts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, func, select

from admission.passage import Kind
from admission.stays import How
from admission.venue import Exits
from server.proofs.evidence import Check, Gathering, many, rows
from server.store.schema import act, book, companion, passage, room, stay

SECTION = "Stays"
INSIDE = (Kind.ENTRY, Kind.FORCED)
CLOSERS = {How.EXIT: (Kind.EXIT,), How.ELSEWHERE: INSIDE, How.ANNULLED: (Kind.ANNULLED,)}
"""By which passages a stay can be closed."""
WAYS = {"unbadged-in": "in", "unbadged-out": "out", "companions-in": "in", "companions-out": "out"}
"""The acts that count people without a badge."""


@dataclass
class _Total:
    stays: int = 0
    loose: int = 0
    duplicates: int = 0
    inside: Counter[str] = field(default_factory=Counter)
    credited: Counter[str] = field(default_factory=Counter)


def check(connection: Connection, zone: ZoneInfo) -> list[Check]:
    """Every entry, every exit, every stay, and what came back by them."""
    return [_passages(connection, zone), *_stays(connection, zone)]


def _passages(connection: Connection, zone: ZoneInfo) -> Check:
    """Each passage of a badge has its one stay."""
    found = Gathering(SECTION, zone)
    for kinds, side, plural in ((INSIDE, stay.c.entry, "entries"), ((Kind.EXIT,), stay.c.exit, "exits")):
        for row in rows(connection, _without(kinds, side)):
            text = f"passage {row.id} ({row.kind}, {row.device}, gate {row.gate}, {found.time(row.at)}) has no stay"
            found.wrong(text, passage=row.id, device=row.device, gate=row.gate, at=row.at)
        for number, times in rows(connection, _repeated(side)):
            found.wrong(f"passage {number} is in {times} stays as one of the {plural}", passage=number, stays=times)
    query = select(passage.c.kind, func.count()).where(passage.c.kind.in_((*INSIDE, Kind.EXIT)), passage.c.badge != 0)
    counts: dict[str, int] = {row[0]: row[1] for row in connection.execute(query.group_by(passage.c.kind))}
    came = counts.get(Kind.ENTRY, 0) + counts.get(Kind.FORCED, 0)
    left = counts.get(Kind.EXIT, 0)
    return found.check(f"{many(came, 'entry', 'entries')} and {many(left, 'exit')} with a badge: one stay each")


def _without(kinds: tuple[Kind, ...], side: Any) -> Any:
    """Passages of a badge that stand in no stay on this side."""
    return (
        select(passage.c.id, passage.c.device, passage.c.gate, passage.c.at, passage.c.kind)
        .select_from(passage.outerjoin(stay, side == passage.c.id))
        .where(passage.c.kind.in_(kinds), passage.c.badge != 0, stay.c.id.is_(None))
        .order_by(passage.c.id)
    )


def _repeated(side: Any) -> Any:
    """An entry elsewhere may end several stays; everything else stands in one."""
    query = select(side, func.count()).where(side.is_not(None))
    if side is stay.c.exit:
        query = query.where(stay.c.how == How.EXIT)
    return query.group_by(side).having(func.count() > 1).order_by(side)


def _stays(connection: Connection, zone: ZoneInfo) -> list[Check]:
    found, backs, total = Gathering(SECTION, zone), Gathering(SECTION, zone), _Total()
    modes = {row.id: Exits(row.exits) for row in connection.execute(select(room.c.id, room.c.exits))}
    for row in rows(connection, _joined()):
        _count(total, row)
        facts = {"stay": row.id, "entry": row.entry, "exit": row.exit, "room": row.room}
        for text in flaws(row, modes.get(row.room)):
            found.wrong(f"stay {row.id} (in {row.room}, by passages {row.entry} and {row.exit}): {text}", **facts)
    if total.loose:
        found.note(f"{many(total.loose, 'exit')} without an entry", exits=total.loose)
    if total.duplicates:
        found.note(f"{many(total.duplicates, 'entry', 'entries')} of somebody who was inside", entries=total.duplicates)
    still = ", ".join(f"{name} {number:,}" for name, number in sorted(total.inside.items())) or "nobody"
    said = f"{many(total.stays, 'stay')}: holder, room and order as in their passages; still inside: {still}"
    return [found.check(said), _credits(connection, total, backs)]


def _joined() -> Any:
    """Every stay beside its two passages."""
    first, last = passage.alias("first"), passage.alias("last")
    names = ("kind", "room", "person", "badge", "at", "uncertainty_ms")
    sides = [table.c[name].label(f"{side}_{name}") for side, table in (("in", first), ("out", last)) for name in names]
    return (
        select(stay, *sides)
        .select_from(stay.outerjoin(first, first.c.id == stay.c.entry).outerjoin(last, last.c.id == stay.c.exit))
        .order_by(stay.c.id)
    )


def _count(total: _Total, row: Any) -> None:
    total.stays += 1
    total.loose += row.opened is None
    total.duplicates += bool(row.duplicate)
    total.inside[row.room] += row.closed is None
    total.credited[row.room] += bool(row.credited)


def flaws(row: Any, exits: Exits | None) -> list[str]:
    """What is wrong with a stay, given its two passages and its room's exit mode. Pure."""
    found = []
    if row.credited and exits is not Exits.MATCHED:
        found.append("its seat came back through the server, in a room whose exits are not matched")
    if row.credited and row.settled:
        found.append("its seat came back after a head count had dealt with it")
    if row.credited and row.closed is None:
        found.append("its seat came back before it was over")
    return [*found, *_flawed_entry(row), *_flawed_exit(row)]


def _flawed_entry(row: Any) -> list[str]:
    if row.entry is None:
        return [] if row.opened is None else ["it was opened by no passage"]
    if row.in_kind is None:
        return ["its entry is not in the log"]
    found = []
    if row.in_kind not in INSIDE:
        found.append(f"it was opened by a passage of kind {row.in_kind}")
    if row.in_room != row.room:
        found.append(f"its entry is into {row.in_room}")
    if row.holder != _holder(row.in_person, row.in_badge):
        found.append("its entry is of somebody else")
    if row.opened != row.in_at + row.in_uncertainty_ms:
        found.append("it does not begin with its entry")
    return found


def _flawed_exit(row: Any) -> list[str]:
    if row.exit is None:
        return []
    if row.out_kind is None:
        return ["its exit is not in the log"]
    found = []
    if row.out_kind not in CLOSERS.get(row.how, ()):
        found.append(f"it is closed ({row.how or 'by nothing'}) by a passage of kind {row.out_kind}")
    if row.closed is None:
        found.append("it has an exit and is open")
    if row.how == How.ANNULLED:
        return found
    if (row.out_room == row.room) is not (row.how == How.EXIT):
        found.append(f"it is closed ({row.how}) by a passage at {row.out_room}")
    if row.holder != _holder(row.out_person, row.out_badge):
        found.append("its exit is of somebody else")
    return [*found, *_misordered(row)]


def _misordered(row: Any) -> list[str]:
    """An exit is paired only with an entry that is provably earlier (S2)."""
    earliest = row.out_at - row.out_uncertainty_ms
    if row.in_at is not None and row.in_at - row.in_uncertainty_ms > row.out_at + row.out_uncertainty_ms:
        return ["its exit is before its entry"]
    if row.in_at is not None and row.in_at + row.in_uncertainty_ms > earliest:
        return ["its exit is not provably after its entry"]
    if row.closed is not None and not earliest <= row.closed <= row.out_at + row.out_uncertainty_ms:
        return ["it does not end with its exit"]
    return []


def _holder(person: int | None, badge: int) -> int:
    return person if person is not None else -(badge >> 32)


def _credits(connection: Connection, total: _Total, found: Gathering) -> Check:
    """D and V0 of each room against the stays and the acts that they come from."""
    bodies = _bodies(connection)
    rows_of = connection.execute(select(book.c.room, book.c.closed, book.c.forced).order_by(book.c.room)).all()
    for row in rows_of:
        out, came = bodies["out", row.room], bodies["in", row.room]
        back = total.credited[row.room] + out
        if row.closed != back:
            text = f"{row.room}: D is {row.closed}, but {total.credited[row.room]} stays and {out} people counted out"
            found.wrong(f"{text} make {back}", room=row.room, closed=row.closed, proven=back)
        if row.forced != came:
            text = f"{row.room}: {row.forced} people were counted in, but the acts say {came}"
            found.wrong(text, room=row.room, forced=row.forced, proven=came)
    _twice(connection, found)
    seats = sum(row.closed for row in rows_of)
    return found.check(f"{many(seats, 'seat')} that came back through the server: one for each credited stay or body")


def _twice(connection: Connection, found: Gathering) -> None:
    """An entry is annulled once; and no more companions go out than came in."""
    entry = (passage.c.device, passage.c.incarnation, passage.c.of)
    query = select(*entry, func.count()).where(passage.c.kind == Kind.ANNULLED).group_by(*entry)
    for device, _number, seq, times in rows(connection, query.having(func.count() > 1)):
        found.wrong(f"{device}: no. {seq} was annulled {times} times", device=device, seq=seq)
    left = func.sum(companion.c.bodies)
    by = (companion.c.room, companion.c.delegation)
    for where, _of, bodies in rows(connection, select(*by, left).group_by(*by).having(left < 0)):
        found.wrong(f"{where}: {-bodies} more companions of one delegation were counted out than in", room=where)


def _bodies(connection: Connection) -> Counter[tuple[str, str]]:
    """Unbadged people whom stewards and the desk counted, by way (in, out) and room."""
    found: Counter[tuple[str, str]] = Counter()
    done = select(act.c.kind, act.c.room, act.c.facts).where(act.c.state == "done")
    for kind, name, text in connection.execute(done.where(act.c.kind.in_(WAYS))):
        found[WAYS[kind], name] += int(msgspec.json.decode(text).get("bodies", 0))
    return found
