"""Whether a room was ever over its capacity: reads what happened in it from the log, in the order of time.

Which exits bring a seat back is the room's exit mode; the counting is in :mod:`server.proofs.sweep`.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Select, and_, case, func, or_, select

from admission.passage import Kind
from admission.venue import Exits
from server.proofs.evidence import Check, Gathering, many, rows
from server.proofs.sweep import Event, Over, Sweep, What
from server.store.schema import account, act, capacity, incarnation, incident, passage, room, stay

SECTION = "Capacity"
KINDS = {Kind.ENTRY: What.ENTRY, Kind.FORCED: What.BESIDE, Kind.EXIT: What.OUT, Kind.ANNULLED: What.OUT}
ACTS = {
    "count": What.COUNT,
    "clear": What.COUNT,
    "unbadged-in": What.BESIDE,
    "unbadged-out": What.OUT,
    "companions-in": What.ENTRY,  # each on a seat
    "companions-out": What.OUT,
}
_LEAVES = passage.c.kind.in_([Kind.EXIT, Kind.ANNULLED])
_EARLIEST = passage.c.at - passage.c.uncertainty_ms
_LATEST = passage.c.at + passage.c.uncertainty_ms


def check(connection: Connection, zone: ZoneInfo) -> list[Check]:
    """One check for every room that has ever had a capacity."""
    modes = {row.id: Exits(row.exits) for row in connection.execute(select(room.c.id, room.c.exits))}
    names = connection.execute(select(capacity.c.room).distinct().order_by(capacity.c.room)).scalars().all()
    return [_room(connection, name, modes.get(name, Exits.NONE), zone) for name in names]


def _room(connection: Connection, name: str, exits: Exits, zone: ZoneInfo) -> Check:
    found, sweep = Gathering(SECTION, zone), Sweep()
    late = _late(connection, name)
    for event in heapq.merge(_milestones(connection, name), *_moves(connection, name, exits)):
        over = sweep.take(event)
        if over is not None:
            _tell(found, name, over, late)
    if sweep.lowered:
        found.note(
            f"{name}: {many(sweep.lowered, 'entry', 'entries')} above the capacity of the moment, with seats that had "
            "been granted under an earlier one",
            room=name,
            entries=sweep.lowered,
        )
    for at, heads, inside in sweep.found:
        if heads > inside:
            text = f"{name}: {heads} heads were counted at {found.time(at)} where the log had {inside}"
            found.note(text, room=name, heads=heads, log=inside)
    return found.check(_said(name, sweep, found))


def _said(name: str, sweep: Sweep, found: Gathering) -> str:
    peak = sweep.peak
    when = f" at {found.time(peak.at)}, under a capacity of {peak.capacity}" if peak.inside else ""
    more = f" and {peak.beside} beside it" if peak.beside else ""
    return (
        f"{name}: {many(sweep.entries, 'entry', 'entries')}, {sweep.forced} forced or counted in; at most "
        f"{many(peak.inside, 'seat')} in use{when}{more}"
    )


def _tell(found: Gathering, name: str, over: Over, late: str) -> None:
    event = over.event
    facts: dict[str, object] = {"room": name, "passage": event.passage, "device": event.device, "gate": event.gate}
    facts |= {"at": event.at, "inside": over.inside, "allowed": over.allowed}
    text = (
        f"{name}: {over.inside} seats in use, {over.allowed} allowed, after passage {event.passage} "
        f"({event.device}, gate {event.gate}) at {found.time(event.at)}"
    )
    if late:
        found.note(f"{text}; not proven, for exits may still be on {late}", unproven=True, **facts)
    else:
        found.wrong(text, **facts)


def _late(connection: Connection, name: str) -> str:
    """The kiosks of the room whose passages are not all here: seats that came back by their exits may be in use."""
    behind = and_(
        incarnation.c.device == account.c.device,
        incarnation.c.incarnation == account.c.incarnation,
        incarnation.c.have_seq < incarnation.c.said_seq,
    )
    query = select(account.c.device).distinct().join(incarnation, behind).where(account.c.room == name)
    return ", ".join(connection.execute(query.order_by(account.c.device)).scalars())


def _milestones(connection: Connection, name: str) -> Iterator[Event]:
    """What changed the count otherwise than by a passage: few rows."""
    found = [
        Event(row.at, What.CAPACITY, row.capacity, row.at)
        for row in connection.execute(select(capacity).where(capacity.c.room == name))
        if row.capacity is not None
    ]
    restores = connection.execute(select(incident.c.at).where(incident.c.kind == "restore")).scalars()
    found += [Event(at, What.RESTORE, 0, at) for at in restores]
    done = func.coalesce(act.c.confirmed, act.c.at).label("done")
    query = select(act.c.kind, act.c.facts, done).where(act.c.room == name, act.c.state == "done")
    for row in connection.execute(query.where(act.c.kind.in_(list(ACTS)))):
        facts = msgspec.json.decode(row.facts)
        found.append(Event(row.done, ACTS[row.kind], int(facts.get("heads", facts.get("bodies", 0))), row.done))
    return iter(sorted(found))


def _moves(connection: Connection, name: str, exits: Exits) -> list[Iterator[Event]]:
    """The passages that take a seat or give one back, each stream in the order of time."""
    came = passage.c.kind.in_([Kind.ENTRY, Kind.FORCED])
    annulled = passage.c.kind == Kind.ANNULLED
    if exits is Exits.MATCHED:
        return [_passages(connection, name, came), _credits(connection, name)]
    if exits is Exits.NONE:
        return [_passages(connection, name, or_(came, annulled))]
    return [_passages(connection, name, or_(came, annulled)), _trusted(connection, name)]


def _passages(connection: Connection, name: str, which: Any) -> Iterator[Event]:
    query = _columns().where(passage.c.room == name, which)
    return _events(connection, query.order_by("placed", case((_LEAVES, 0), else_=1)))


def _trusted(connection: Connection, name: str) -> Iterator[Event]:
    """K2: an exit brings its seat back unless the holder's last passage at this kiosk was an exit already.

    Where a kiosk says that more came back, every exit counts: it may have known better, and nothing is proven by less.
    """
    every, once = _exits(name)
    columns = [column for column in every.c if column.name not in ("incarnation", "before")]
    query = select(*columns).where(every.c.kind == Kind.EXIT)
    if not _more_came_back(connection, name, every, once):
        query = query.where(once)
    return _events(connection, query.order_by(every.c.placed))


def _exits(name: str) -> tuple[Any, Any]:
    """The room's moves, each with the kind of the holder's last one before it, and which exits bring a seat back."""
    before = func.lag(passage.c.kind).over(
        partition_by=(passage.c.device, passage.c.incarnation, func.coalesce(passage.c.person, -passage.c.badge)),
        order_by=passage.c.seq,
    )
    moves = passage.c.kind.in_([Kind.ENTRY, Kind.FORCED, Kind.EXIT])
    every = _columns(passage.c.incarnation, before.label("before")).where(passage.c.room == name, moves).subquery()
    return every, or_(every.c.before.is_(None), every.c.before != Kind.EXIT, every.c.badge == 0)


def _more_came_back(connection: Connection, name: str, every: Any, once: Any) -> bool:
    """Whether an account of the room has more exits than the rule and the annulments bring back."""
    counted = select(every.c.device, every.c.incarnation, func.sum(every.c.count)).where(
        every.c.kind == Kind.EXIT, once
    )
    back: Counter[tuple[str, int]] = Counter()
    for device, number, bodies in connection.execute(counted.group_by(every.c.device, every.c.incarnation)):
        back[device, number] += int(bodies)
    annulled = select(passage.c.device, passage.c.incarnation, func.count()).where(
        passage.c.room == name, passage.c.kind == Kind.ANNULLED
    )
    for device, number, count in connection.execute(annulled.group_by(passage.c.device, passage.c.incarnation)):
        back[device, number] += count
    said = select(account.c.device, account.c.incarnation, account.c.exits).where(account.c.room == name)
    return any(row.exits > back[row.device, row.incarnation] for row in connection.execute(said))


def _columns(*more: Any) -> Select[Any]:
    """What an event is made of: when it is placed, and the other end of the time in which it can have been."""
    placed = case((_LEAVES, _EARLIEST), else_=_LATEST).label("placed")
    other = case((_LEAVES, _LATEST), else_=_EARLIEST).label("other")
    columns = (passage.c[name] for name in ("kind", "count", "id", "device", "gate", "badge"))
    return select(placed, other, *columns, *more)


def _events(connection: Connection, query: Select[Any]) -> Iterator[Event]:
    for placed, other, kind, count, number, device, gate, _ in rows(connection, query):
        yield Event(placed, KINDS[kind], count, other, number, device, gate)


def _credits(connection: Connection, name: str) -> Iterator[Event]:
    """A matched room: the stays whose seat came back through the server, as early as can be.

    A stay that was over before its entry arrived gave its seat back when that did.
    """
    first, last = passage.alias("first"), passage.alias("last")
    arrived = and_(stay.c.exit.is_(None), stay.c.how == "exit")
    doubt = func.coalesce(last.c.uncertainty_ms, 0)
    placed = case((arrived, func.coalesce(first.c.received, stay.c.closed)), else_=stay.c.closed - doubt)
    query = (
        select(placed.label("placed"), (stay.c.closed + doubt).label("until"))
        .select_from(stay.outerjoin(first, first.c.id == stay.c.entry).outerjoin(last, last.c.id == stay.c.exit))
        .where(stay.c.room == name, stay.c.credited, stay.c.closed.is_not(None))
        .order_by(placed)
    )
    for at, until in rows(connection, query):
        yield Event(at, What.OUT, 1, max(at, until))
