"""Who is inside how many: the board's picture of every room. Only reads.

Bodies are counted by seats where a room has them (:mod:`server.standings`), elsewhere by open stays; how they came
and went, and who attends, is told by stays.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, func, select

from admission.stays import How
from admission.venue import Programme, Room, Session, capacity_at
from server import incidents, settings, standings
from server.current import Picture
from server.settings import Thresholds
from server.standings import Standing
from server.store.instants import to_ms
from server.store.schema import category, stay

Levels = Sequence[tuple[float, str]]

MARKS = 16
MINUTE = 60_000
FLOW_MIN = 5
SLOWEST = 0.4
"""Bodies a minute: a room that fills more slowly than that is not said to be full at any time."""
FORESEEN = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Bodies:
    """In a room: those that are known to be inside, and those that may be."""

    confirmed: int
    possible: int


@dataclass(frozen=True, slots=True)
class Moves:
    """Of each room: bodies inside now, and how many came and went in each of the last minutes (0 = this minute)."""

    inside: Mapping[str, int]
    attending: Mapping[str, int]
    came: Mapping[str, Mapping[int, int]]
    went: Mapping[str, Mapping[int, int]]


def board(connection: Connection, picture: Picture, now: datetime) -> dict[str, object]:
    """The whole board: ``rooms`` and ``kiosks``, with times in the venue's zone."""
    programme = picture.programme
    running = [now_next[0].id for room in programme.rooms if (now_next := _now_and_next(programme, room, now))[0]]
    moves = _moves(connection, running, now)
    seen = standings.read(connection, programme, now)
    bodies = _bodies(programme, moves.inside, seen.rooms)
    moves = _nested(programme, moves)
    local = now.astimezone(picture.event.zone)
    levels = _levels(settings.read(connection, Thresholds))
    names = _categories(connection)
    return {
        "at": f"{local:%H:%M:%S}",
        "rooms": [
            _place(programme, room)
            | _fill(room, bodies[room.id], capacity_at(programme, room, now), levels)
            | _flow(room, moves)
            | _ahead(bodies[room.id], capacity_at(programme, room, now), _rates(room, moves), local)
            | _sessions(programme, room, moves, local)
            | _seats(seen.rooms.get(room.id))
            | {"closed": _closed(room, names)}
            for room in programme.rooms
        ],
        "kiosks": [asdict(kiosk) for kiosk in seen.kiosks],
        "incidents": asdict(incidents.tally(connection)),
    }


def inside(connection: Connection) -> dict[str, int]:
    """Bodies inside each room that has any."""
    query = select(stay.c.room, func.count()).where(stay.c.closed.is_(None)).group_by(stay.c.room)
    return dict(connection.execute(query).all())


def _moves(connection: Connection, sessions: Sequence[str], now: datetime) -> Moves:
    attending = select(stay.c.session, func.count(stay.c.holder.distinct())).where(
        stay.c.opened.is_not(None), stay.c.session.in_(sessions), stay.c.how != How.ANNULLED
    )
    return Moves(
        inside=inside(connection),
        attending=dict(connection.execute(attending.group_by(stay.c.session)).all()),
        came=_by_minute(connection, stay.c.opened, now),
        went=_by_minute(connection, stay.c.closed, now),
    )


def _nested(programme: Programme, moves: Moves) -> Moves:
    """A room without gates of its own holds whoever is in the rooms inside it."""
    inside_of, came, went = dict(moves.inside), dict(moves.came), dict(moves.went)
    gated = {gate.room for gate in programme.gates}
    for room in sorted(programme.rooms, key=lambda one: -len(programme.ancestors(one.id))):
        within = [one.id for one in programme.rooms if one.inside == room.id]
        if room.id not in gated and within:
            inside_of[room.id] = sum(inside_of.get(one, 0) for one in within)
            came[room.id], went[room.id] = _sum(came, within), _sum(went, within)
    return Moves(inside_of, moves.attending, came, went)


def _sum(minutes: Mapping[str, Mapping[int, int]], rooms: Sequence[str]) -> Mapping[int, int]:
    total: Counter[int] = Counter()
    for room in rooms:
        total.update(minutes.get(room, {}))
    return total


def _by_minute(connection: Connection, instant: Column[int], now: datetime) -> dict[str, dict[int, int]]:
    now_ms = to_ms(now)
    ago = ((now_ms - instant) // MINUTE).label("ago")
    paired = stay.c.opened.is_not(None)
    query = (
        select(stay.c.room, ago, func.count())
        .where(instant > now_ms - MARKS * MINUTE, instant <= now_ms, paired)
        .group_by(stay.c.room, ago)
    )
    counts: dict[str, dict[int, int]] = defaultdict(dict)
    for room, minute, count in connection.execute(query):
        counts[room][int(minute)] = count
    return counts


def _bodies(programme: Programme, by_stays: Mapping[str, int], seats: Mapping[str, Standing]) -> dict[str, Bodies]:
    """By the seats where they are counted; a room without gates of its own holds those of the rooms inside it too."""
    found: dict[str, Bodies] = {}
    gated = {gate.room for gate in programme.gates}
    for room in sorted(programme.rooms, key=lambda one: -len(programme.ancestors(one.id))):
        one, stayed = seats.get(room.id), by_stays.get(room.id, 0)
        mine = [Bodies(one.confirmed, one.possible) if one else Bodies(stayed, stayed)]
        if room.id not in gated:
            mine += [found[within.id] for within in programme.rooms if within.inside == room.id]
        found[room.id] = Bodies(sum(each.confirmed for each in mine), sum(each.possible for each in mine))
    return found


def _place(programme: Programme, room: Room) -> dict[str, object]:
    return {"id": room.id, "name": room.name, "depth": len(programme.ancestors(room.id)) - 1}


def _levels(thresholds: Thresholds) -> Levels:
    """From which share on a room has which level, the highest first."""
    return (
        (thresholds.full / 100, "full"),
        (thresholds.tight / 100, "tight"),
        (thresholds.near / 100, "near"),
    )


def _categories(connection: Connection) -> Mapping[int, str]:
    return dict(connection.execute(select(category.c.code, category.c.name).order_by(category.c.code)).all())


def _closed(room: Room, names: Mapping[int, str]) -> dict[str, object] | None:
    """To whom a closed room is open all the same."""
    if room.only is None:
        return None
    return {"only": [name for code, name in names.items() if room.only >> code & 1]}


def _fill(room: Room, bodies: Bodies, capacity: int | None, levels: Levels) -> dict[str, object]:
    """How full it is, by the possible bodies: the safe side. ``certain``: the confirmed ones make the same level."""
    level = _level(bodies.possible, capacity, room.limit, levels)
    return {
        "inside": bodies.confirmed,
        "possible": bodies.possible,
        "capacity": capacity,
        "limit": room.limit,
        "share": _share(bodies.possible, capacity),
        "level": level,
        "certain": level == _level(bodies.confirmed, capacity, room.limit, levels),
    }


def _share(bodies: int, capacity: int | None) -> float | None:
    return None if capacity is None else bodies / capacity if capacity else 1.0  # no seats are no free seats


def _level(bodies: int, capacity: int | None, limit: int | None, levels: Levels) -> str:
    if limit is not None and bodies > limit:
        return "over"
    share = _share(bodies, capacity)
    return next((name for floor, name in levels if share is not None and share >= floor), "calm")


def _flow(room: Room, moves: Moves) -> dict[str, object]:
    stayed = moves.inside.get(room.id, 0)
    came, went = moves.came.get(room.id, {}), moves.went.get(room.id, {})
    return {
        "trend": [stayed - _since(came, ago) + _since(went, ago) for ago in reversed(range(MARKS))],
        "in_5": _since(came, FLOW_MIN),
        "out_5": _since(went, FLOW_MIN),
    }


def _rates(room: Room, moves: Moves) -> float:
    """Bodies a minute by which the room fills (below 0: empties), over the last five minutes."""
    came, went = moves.came.get(room.id, {}), moves.went.get(room.id, {})
    return (_since(came, FLOW_MIN) - _since(went, FLOW_MIN)) / FLOW_MIN


def _ahead(bodies: Bodies, capacity: int | None, rate: float, local: datetime) -> dict[str, object]:
    """When the room will be full if it goes on filling like this; None if it is, or that is far off."""
    if capacity is None or bodies.possible >= capacity or rate < SLOWEST:
        return {"full_at": None}
    left = timedelta(minutes=(capacity - bodies.possible) / rate)
    return {"full_at": f"{local + left:%H:%M}" if left <= FORESEEN else None}


def _sessions(programme: Programme, room: Room, moves: Moves, now: datetime) -> dict[str, object]:
    running, following = _now_and_next(programme, room, now)
    return {"now": _now(running, moves, now), "next": _next(following, now)}


def _seats(one: Standing | None) -> dict[str, object]:
    """What the board says of a room's seats; None where none are counted."""
    if one is None:
        return {"seats": None, "doubted": (), "hold": None, "recovery": None}
    counts = {"free": one.free, "kiosks": one.kiosks, "stranded": one.stranded, "forced": one.forced}
    return {
        "seats": counts,
        "doubted": one.doubted,
        "hold": asdict(one.hold) if one.hold else None,
        "recovery": asdict(one.recovery) if one.recovery else None,
    }


def _since(minutes: Mapping[int, int], ago: int) -> int:
    return sum(count for minute, count in minutes.items() if minute < ago)


def _now_and_next(programme: Programme, room: Room, now: datetime) -> tuple[Session | None, Session | None]:
    ahead = [one for one in programme.sessions_of(room.id) if one.ends > now]
    if ahead and (ahead[0].starts <= now or ahead[0].admits_at(now)):
        return ahead[0], ahead[1] if len(ahead) > 1 else None
    return None, ahead[0] if ahead else None


def _now(session: Session | None, moves: Moves, now: datetime) -> dict[str, object] | None:
    if session is None:
        return None
    until = f"{session.ends.astimezone(now.tzinfo):%H:%M}"
    return {"title": session.title, "until": until, "attended": moves.attending.get(session.id, 0)}


def _next(session: Session | None, now: datetime) -> dict[str, object] | None:
    if session is None:
        return None
    starts = session.starts.astimezone(now.tzinfo)
    soon = starts - now < timedelta(hours=12)
    return {"title": session.title, "at": f"{starts:%H:%M}", "day": None if soon else starts.weekday()}
