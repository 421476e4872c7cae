"""Who is inside, by name: every person once, in the innermost room that they have entered and not left. Only reads.

People come from stays; how many bodies a room holds beyond them comes from its seats (:mod:`server.standings`) where
it has seats, for a body may be counted without a badge. Knows nothing of who was seen safe, and nothing of pages.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, func, or_, select

from admission.stays import How
from admission.venue import Programme
from server import standings
from server.columns import search_text
from server.standings import Standing
from server.store.schema import companion, person, stay

FACTS = ("name", "ref", "organisation", "delegation", "search", "search_of")
PART = 5_000
"""So many holders at once are asked for; a statement takes some 32,000 values at most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A person on the list. ``holder`` as in stays: below 0 it is a badge that the server cannot name (``name`` is
    empty). ``since`` and ``left`` in ms: came into ``room`` not after, and has left it since. ``room`` is empty for who
    was not counted inside; ``elsewhere``: the room outside the list that they are in now."""

    holder: int
    name: str
    ref: str
    organisation: str
    delegation: str
    room: str = ""
    since: int = 0
    left: int | None = None
    elsewhere: str = ""
    search: str = ""

    @property
    def sorting(self) -> tuple[str, str, int]:
        """By name in any script, strangers last."""
        return ("" if self.name else "\U0010ffff", search_text(self.name), abs(self.holder))


@dataclass(frozen=True, slots=True)
class Place:
    """A room, and the one that it lies in: people inside it by name, bodies counted in it beyond these (``unbadged``),
    and how many more may be inside by seats that are with kiosks out of reach; none of them counts inner rooms."""

    id: str
    name: str
    inside: str
    depth: int
    named: int
    unbadged: int
    perhaps: int


@dataclass(frozen=True, slots=True)
class _Stay:
    room: str
    opened: int
    closed: int | None
    who: Entry


@dataclass(frozen=True, slots=True)
class Roster:
    """The people of the whole venue or a room, by name, and the rooms in the venue's order. ``companions``: unbadged
    people counted in at the desk, by room and delegation; they are among the unbadged."""

    people: tuple[Entry, ...]
    places: tuple[Place, ...]
    companions: Mapping[tuple[str, str], int]

    @property
    def unbadged(self) -> int:
        """Bodies that nobody can name."""
        return sum(one.unbadged for one in self.places)


def now(connection: Connection, programme: Programme, at: datetime, scope: str = "") -> Roster:
    """Everybody inside at this moment. ``scope``: a room, with the rooms in it; empty: the whole venue."""
    return _roster(connection, programme, at, scope, _read(connection, stay.c.closed.is_(None)))


def during(
    connection: Connection, programme: Programme, at: datetime, scope: str, times: tuple[int, int | None]
) -> Roster:
    """Everybody who was inside at the first of ``times`` (ms) or has come in since, up to the second if there is one;
    who has left meanwhile is still on it."""
    ended = times[1]
    stays = _read(connection, *_overlaps(*times))
    if ended is not None:
        stays = [replace(one, closed=None) if (one.closed or 0) > ended else one for one in stays]
    return _roster(connection, programme, at, scope, stays)


def counted(
    connection: Connection, programme: Programme, scope: str, times: tuple[int, int | None], holders: Collection[int]
) -> set[int]:
    """Which of these holders are on the list of :func:`during`."""
    rooms = within(programme, scope)
    query = select(stay.c.holder, stay.c.room).where(*_overlaps(*times))
    found: set[int] = set()
    for part in _parts(holders):
        rows = connection.execute(query.where(stay.c.holder.in_(part)))
        found |= {row.holder for row in rows if rooms is None or row.room in rooms}
    return found


def known(connection: Connection, holders: Collection[int]) -> dict[int, Entry]:
    """These people as they are known, without a room; strangers (below 0) too, and nobody who does not exist."""
    found = {one: Entry(one, "", "", "", "") for one in holders if one < 0}
    columns = [person.c[name] for name in ("id", *FACTS)]
    for part in _parts([one for one in holders if one > 0]):
        for row in connection.execute(select(*columns).where(person.c.id.in_(part))).mappings():
            found[row["id"]] = _entry(row["id"], row)
    return found


def last_seen(connection: Connection, programme: Programme, scope: str, entries: Iterable[Entry]) -> list[Entry]:
    """The same people in the room of the scope that they were in last, as left; unchanged if they never were."""
    rooms, wanted = within(programme, scope), {one.holder: one for one in entries}
    query = select(stay.c.holder, stay.c.room, stay.c.opened, stay.c.closed).where(stay.c.opened.is_not(None))
    for part in _parts(wanted):
        for row in connection.execute(query.where(stay.c.holder.in_(part)).order_by(stay.c.opened, stay.c.id)):
            if rooms is None or row.room in rooms:
                wanted[row.holder] = replace(wanted[row.holder], room=row.room, since=row.opened, left=row.closed)
    return list(wanted.values())


def within(programme: Programme, scope: str) -> set[str] | None:
    """The rooms of a scope; None for the whole venue, which holds also rooms that the programme has lost."""
    return {one.id for one in programme.rooms if scope in programme.ancestors(one.id)} if scope else None


def summed(places: Sequence[Place], own: Mapping[str, int]) -> dict[str, int]:
    """What each room and the rooms in it have together of what each has by itself."""
    total = {one.id: own.get(one.id, 0) for one in places}
    for one in sorted(places, key=lambda place: -place.depth):
        if one.inside in total:
            total[one.inside] += total[one.id]
    return total


def _roster(connection: Connection, programme: Programme, at: datetime, scope: str, stays: Sequence[_Stay]) -> Roster:
    places = _places(connection, programme, [one for one in stays if one.closed is None], at, scope)
    people = _people(stays, programme, within(programme, scope))
    return Roster(tuple(sorted(people, key=lambda one: one.sorting)), places, _companions(connection, places))


def _read(connection: Connection, *conditions: ColumnElement[bool]) -> list[_Stay]:
    facts = [person.c[name] for name in FACTS]
    query = select(stay.c.holder, stay.c.room, stay.c.opened, stay.c.closed, *facts)
    query = query.select_from(stay.outerjoin(person, person.c.id == stay.c.holder))
    rows = connection.execute(query.where(stay.c.opened.is_not(None), *conditions)).mappings()
    return [_Stay(row["room"], row["opened"], row["closed"], _entry(row["holder"], row)) for row in rows]


def _overlaps(begun: int, ended: int | None) -> list[ColumnElement[bool]]:
    """Opened at all, up to the end, and not closed before the beginning; an entry that was annulled was none."""
    conditions = [
        stay.c.opened.is_not(None),
        or_(stay.c.closed.is_(None), stay.c.closed > begun),
        stay.c.how != How.ANNULLED.value,
    ]
    return conditions if ended is None else [*conditions, stay.c.opened <= ended]


def _people(stays: Sequence[_Stay], programme: Programme, rooms: set[str] | None) -> list[Entry]:
    depths: dict[str, int] = {one.id: len(programme.ancestors(one.id)) for one in programme.rooms}

    def weight(one: _Stay) -> tuple[bool, int, int]:
        return one.closed is None, depths.get(one.room, 0), one.opened

    theirs: dict[int, list[_Stay]] = defaultdict(list)
    for one in stays:
        theirs[one.who.holder].append(one)
    found = []
    for each in theirs.values():
        inside = [one for one in each if rooms is None or one.room in rooms]
        if inside:
            place, anywhere = max(inside, key=weight), max(each, key=weight)
            away = anywhere.room if place.closed is not None and anywhere.closed is None else ""
            found.append(replace(place.who, room=place.room, since=place.opened, left=place.closed, elsewhere=away))
    return found


def _entry(holder: int, row: RowMapping) -> Entry:
    name, ref, organisation, delegation, search, search_of = (row[column] or "" for column in FACTS)
    return Entry(holder, name, ref, organisation, delegation, search=f"{search} {search_of}")


def _places(
    connection: Connection,
    programme: Programme,
    open_now: Sequence[_Stay],
    at: datetime,
    scope: str,
) -> tuple[Place, ...]:
    """Rooms of the scope. Bodies are those of the seats, else all open stays: a badge used twice is two bodies."""
    named = Counter(one.room for one in _people(open_now, programme, None))
    stayed = Counter(one.room for one in open_now)
    seats = standings.read(connection, programme, at).rooms
    beyond = _unbadged(
        programme, named, {one.id: _bodies(seats.get(one.id), stayed[one.id]) for one in programme.rooms}
    )
    rooms = within(programme, scope)
    found = [
        Place(
            one.id,
            one.name,
            one.inside or "",
            len(programme.ancestors(one.id)) - 1,
            named[one.id],
            beyond[one.id],
            _perhaps(seats, one.id),
        )
        for one in programme.rooms
        if rooms is None or one.id in rooms
    ]
    lost = sorted(set(named) - {one.id for one in programme.rooms}) if rooms is None else []
    return (*found, *(Place(room, room, "", 0, named[room], 0, 0) for room in lost))


def _bodies(standing: Standing | None, stayed: int) -> int:
    return stayed if standing is None else standing.confirmed


def _perhaps(seats: Mapping[str, Standing], room: str) -> int:
    one = seats.get(room)
    return 0 if one is None else one.possible - one.confirmed


def _unbadged(programme: Programme, named: Mapping[str, int], bodies: Mapping[str, int]) -> dict[str, int]:
    """By room, and not counting the rooms inside it: bodies beyond the people who are named. Who has passed the gates
    of an outer room is counted there although they are further inside by now."""
    gated = {gate.room for gate in programme.gates}
    total: dict[str, int] = {}
    beyond: dict[str, int] = {}
    people: dict[str, int] = {}
    for room in sorted(programme.rooms, key=lambda one: -len(programme.ancestors(one.id))):
        inner = [one.id for one in programme.rooms if one.inside == room.id]
        deeper = sum(total[one] for one in inner)
        people[room.id] = named.get(room.id, 0) + sum(people[one] for one in inner)
        mine = people[room.id] + deeper if room.id in gated else named.get(room.id, 0)
        beyond[room.id] = max(0, bodies[room.id] - mine)
        total[room.id] = deeper + beyond[room.id]
    return beyond


def _companions(connection: Connection, places: Iterable[Place]) -> dict[tuple[str, str], int]:
    total = func.sum(companion.c.bodies)
    rows = connection.execute(
        select(companion.c.room, companion.c.delegation, total)
        .where(companion.c.settled.is_(False))
        .group_by(companion.c.room, companion.c.delegation)
    )
    rooms = {one.id for one in places}
    return {(room, of): int(bodies) for room, of, bodies in rows if bodies > 0 and room in rooms}


def _parts(holders: Iterable[int]) -> Iterable[list[int]]:
    every = sorted(set(holders))
    return (every[at : at + PART] for at in range(0, len(every), PART))
