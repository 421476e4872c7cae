"""The board's figures: who is inside, how full that is, how it came about, what is on, and which kiosks are heard."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from admission.passage import Kind
from admission.seats import let_out
from admission.venue import Direction, Exits, Gate, GateId, Programme, Room, RoomId
from server import devices, occupancy
from server.current import Current
from server.occupancy import Bodies, Moves, _bodies, _nested
from server.standings import Standing
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from server.store.instants import to_ms
from tests.server.desk import Server
from tests.world import World, make_world

Either = SqliteStore | PostgresStore
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday, 17:30 in the venue
MINUTE = timedelta(minutes=1)
DOORS = {"hall-a": ("hall", "keynote"), "hall-out": ("hall", "keynote"), "salon-door": ("salon", "talks")}


@pytest.fixture
def venue(store: Either) -> World:
    return store.write(lambda connection: make_world(connection, NOON, people=20, kiosks=tuple(DOORS)))


def board(store: Either, now: datetime = NOON) -> dict[str, Any]:
    picture = Current(store, lambda: now).get()
    with store.read() as connection:
        return occupancy.board(connection, picture, now)


def room(store: Either, name: str = "hall", now: datetime = NOON) -> dict[str, Any]:
    rooms: Any = board(store, now)["rooms"]
    return next(dict(one) for one in rooms if one["id"] == name)


class Doors:
    """The kiosks of the venue, whose letters the server takes at once, or when they are posted."""

    def __init__(self, store: Either, venue: World) -> None:
        self._server = Server(store, venue)
        self.kiosks = {gate: self._server.kiosk(gate) for gate in DOORS}
        for gate in DOORS:
            self.post(gate, NOON - 15 * MINUTE)  # an entry spends a seat, so there must be some

    def go(self, gate: str, kind: Kind, ref: str, at: datetime = NOON, *, post: bool = True) -> bool:
        """False: there is no seat for this entry."""
        kiosk, badge = self.kiosks[gate], self._server.world.badge_ids[ref]
        if kind is Kind.ENTRY and kiosk.account.balance < 1:
            self._server.exchange(kiosk, asking=badge)
            if kiosk.account.balance < 1:
                return False
        kiosk.pass_through(kind, badge, at, session=DOORS[gate][1])
        if gate == "hall-out":
            kiosk.account = let_out(kiosk.account, Exits.TRUSTED)
        if post:
            self.post(gate, at)
        return True

    def post(self, gate: str, now: datetime = NOON) -> None:
        self._server.now = now
        self._server.exchange(self.kiosks[gate])


@pytest.fixture
def doors(store: Either, venue: World) -> Doors:
    return Doors(store, venue)


def put_seats(store: Either, room: str, entries: int, *, forced: int = 0, held: int = 0, ago: int = 0) -> None:
    """A kiosk of the room that has spent so many seats and holds others, heard ``ago`` seconds ago."""
    name, heard = f"p-{room}-{ago}", to_ms(NOON) - ago * 1000
    mine = {"device": name, "incarnation": 1, "heard": heard}
    chain = {"registered": 0, "have_seq": 0, "head": b"", "said_seq": 0, "fenced": False}
    counters = {"era": 1, "granted": entries + held, "returned": 0, "entries": entries, "exits": 0, "forced": forced}

    def put(connection: Connection) -> None:
        gate = {"hall": "hall-a", "salon": "salon-door"}[room]
        devices.add_kiosk(connection, name, gate, "http://127.0.0.1:1", bytes(32), NOON)
        connection.execute(insert(schema.incarnation).values(**mine, **chain))
        connection.execute(insert(schema.account).values(**mine, **counters, room=room, arrivals=0))

    store.write(put)


def put_stays(store: Either, spans: list[tuple[datetime | None, datetime | None]], where: str = "hall") -> None:
    """Stays in a room, each of somebody else, from when to when."""
    rows = [
        {
            "room": where,
            "holder": -number,
            "serial": number,
            "session": "keynote",
            "opened": None if opened is None else to_ms(opened),
            "closed": None if closed is None else to_ms(closed),
            "duplicate": False,
        }
        for number, (opened, closed) in enumerate(spans, 1)
    ]
    if rows:
        store.write(lambda connection: connection.execute(insert(schema.stay), rows))


@pytest.mark.parametrize("seed", [1, 2])
def test_inside_is_who_came_less_who_left_whatever_the_order_of_moves(store: Either, doors: Doors, seed: int) -> None:
    dice = random.Random(seed)
    where: dict[str, str | None] = {f"p{number}": None for number in range(1, 13)}
    for step in range(80):
        ref, at = dice.choice(list(where)), NOON + step * timedelta(seconds=1)
        wanted = dice.choice(["hall", "salon"])
        if where[ref] == wanted:
            doors.go("hall-out" if wanted == "hall" else "salon-door", Kind.EXIT, ref, at)
            where[ref] = None
        elif doors.go("hall-a" if wanted == "hall" else "salon-door", Kind.ENTRY, ref, at):
            left, where[ref] = where[ref], wanted
            if left == "hall":  # it has trusted exits: only who leaves by one gives a seat back
                doors.go("hall-out", Kind.EXIT, ref, at)
    counts = Counter(where.values())
    with store.read() as connection:
        assert occupancy.inside(connection) == {name: counts[name] for name in ("hall", "salon") if counts[name]}
    shown = {one["id"]: one["inside"] for one in board(store, NOON + 80 * MINUTE)["rooms"]}
    assert shown == {"venue": 0, "hall": counts["hall"], "salon": counts["salon"], "club": 0}


def test_entries_minus_exits_is_inside_also_when_exits_arrive_first(store: Either, doors: Doors) -> None:
    for number in range(1, 6):
        doors.go("hall-a", Kind.ENTRY, f"p{number}", NOON - 5 * MINUTE, post=False)
    for number in range(1, 4):
        doors.go("hall-out", Kind.EXIT, f"p{number}", NOON - MINUTE)
    doors.post("hall-a")
    assert room(store)["inside"] == 2
    with store.read() as connection:
        kinds = Counter(connection.execute(select(schema.passage.c.kind)).scalars())
    assert kinds == {"entry": 5, "exit": 3}


def test_a_second_entry_is_a_second_body_but_the_same_person_and_is_marked(store: Either, doors: Doors) -> None:
    doors.go("hall-a", Kind.ENTRY, "p1")
    doors.go("hall-a", Kind.ENTRY, "p1", NOON + MINUTE)
    doors.go("hall-a", Kind.ENTRY, "p2", NOON + MINUTE)
    now = room(store, now=NOON + MINUTE)
    assert (now["inside"], now["now"]["attended"]) == (3, 2)
    with store.read() as connection:
        marks = connection.execute(select(schema.stay.c.duplicate).order_by(schema.stay.c.id)).scalars().all()
    assert marks == [False, True, False]


def test_refusals_and_exits_of_nobody_move_nothing(store: Either, doors: Doors) -> None:
    doors.go("hall-a", Kind.REFUSED, "p1")
    doors.go("hall-out", Kind.EXIT, "p2")
    hall = room(store)
    assert (hall["inside"], hall["in_5"], hall["out_5"], set(hall["trend"])) == (0, 0, 0, {0})


@pytest.mark.parametrize(
    ("bodies", "level"),
    [(0, "calm"), (79, "calm"), (80, "near"), (94, "near"), (95, "tight"), (99, "tight"), (100, "full"), (101, "over")],
)
def test_a_room_is_near_at_80_tight_at_95_and_full_at_100_percent(
    sqlite_store: Either, bodies: int, level: str
) -> None:
    sqlite_store.write(lambda connection: make_world(connection, NOON, people=3, kiosks=()))
    put_seats(sqlite_store, "hall", min(bodies, 100), forced=max(0, bodies - 100))
    hall = room(sqlite_store)
    assert (hall["capacity"], hall["inside"], hall["possible"]) == (100, bodies, bodies)
    assert (hall["share"], hall["level"], hall["certain"]) == (bodies / 100, level, True)


@pytest.mark.parametrize(("forced", "level"), [(0, "full"), (2, "full"), (3, "over")])
def test_a_room_is_over_its_limit_when_forcing_has_used_more_than_the_reserve(
    sqlite_store: Either, forced: int, level: str
) -> None:
    sqlite_store.write(lambda connection: make_world(connection, NOON, people=3, kiosks=()))
    put_seats(sqlite_store, "salon", 10, forced=forced)
    salon = room(sqlite_store, "salon")
    assert (salon["capacity"], salon["limit"], salon["inside"]) == (10, 12, 10 + forced)
    assert (salon["level"], salon["seats"]["forced"]) == (level, forced)


@pytest.mark.parametrize(
    ("held", "level", "certain"), [(9, "calm", True), (10, "near", False), (30, "full", False), (31, "over", False)]
)
def test_seats_that_a_silent_kiosk_holds_count_as_bodies_for_the_level_which_is_then_not_certain(
    sqlite_store: Either, held: int, level: str, certain: bool
) -> None:
    sqlite_store.write(lambda connection: make_world(connection, NOON, people=3, kiosks=()))
    put_seats(sqlite_store, "hall", 60, held=5)
    put_seats(sqlite_store, "hall", 10, held=held, ago=600)
    hall = room(sqlite_store)
    assert (hall["inside"], hall["possible"], hall["share"]) == (70, 70 + held, (70 + held) / 100)
    assert (hall["level"], hall["certain"], hall["doubted"]) == (level, certain, ("p-hall-600",))
    assert (hall["seats"]["kiosks"], hall["seats"]["stranded"]) == (5, held)


def test_a_room_without_seats_counts_bodies_by_their_stays_whoever_is_silent(sqlite_store: Either) -> None:
    sqlite_store.write(lambda connection: make_world(connection, NOON, people=3))
    put_stays(sqlite_store, [(NOON, None)] * 3, "venue")
    shown = room(sqlite_store, "venue", NOON + 60 * MINUTE)
    assert (shown["inside"], shown["possible"], shown["level"], shown["seats"]) == (3, 3, "calm", None)


def test_a_room_without_gates_is_the_sum_of_the_ranges_inside_it() -> None:
    rooms = [Room(RoomId(name), name, RoomId(parent) if parent else None, None, 0, Exits.NONE) for name, parent in TREE]
    gates = [Gate(GateId(name), name, RoomId(name), None, Direction.IN) for name in ("hall", "salon", "annex")]
    plan = Programme(1, "E", "UTC", tuple(rooms), tuple(gates))
    seats = {"hall": Standing(3, 8, 0, 0, 5, 0, ("k",)), "salon": Standing(2, 2, 0, 0, 0, 0, ())}
    found = _bodies(plan, {"hall": 9, "annex": 4}, seats)
    assert (found["hall"], found["foyer"], found["venue"]) == (Bodies(3, 8), Bodies(5, 10), Bodies(9, 14))


def test_a_room_without_a_limit_is_calm_however_many_are_inside(store: Either, venue: World) -> None:
    shown = room(store, "venue")
    assert (shown["capacity"], shown["share"], shown["level"], shown["depth"]) == (None, None, "calm", 0)
    assert (room(store, "salon")["capacity"], room(store, "salon")["depth"]) == (10, 1)


def test_a_room_that_may_hold_nobody_is_full(store: Either, venue: World) -> None:
    closed = update(schema.session).where(schema.session.c.id == "keynote").values(capacity=0)
    store.write(lambda connection: connection.execute(closed))
    hall = room(store)
    assert (hall["capacity"], hall["inside"], hall["level"]) == (0, 0, "full")


@pytest.mark.parametrize("seed", [1, 2])
def test_the_trend_is_who_was_inside_in_each_of_the_last_16_minutes(store: Either, venue: World, seed: int) -> None:
    dice = random.Random(seed)
    spans: list[tuple[datetime | None, datetime | None]] = [(None, NOON - 2 * MINUTE)]
    for _ in range(120):
        opened = NOON - dice.randrange(40 * 60_000) * timedelta(milliseconds=1)
        closed = opened + dice.randrange(30 * 60_000) * timedelta(milliseconds=1)
        spans.append((opened, closed if closed <= NOON else None))
    spans += [(NOON - 3 * MINUTE, None), (NOON - 15 * MINUTE, NOON - 5 * MINUTE), (NOON, None)]
    put_stays(store, spans)

    def inside_at(then: datetime) -> int:
        return sum(o is not None and o <= then and (c is None or c > then) for o, c in spans)

    hall = room(store)
    assert hall["trend"] == [inside_at(NOON - ago * MINUTE) for ago in range(15, -1, -1)]
    assert len(hall["trend"]) == 16
    with store.read() as connection:
        assert occupancy.inside(connection) == {"hall": hall["trend"][-1]}
    lately = NOON - 5 * MINUTE
    assert hall["in_5"] == sum(o is not None and o > lately for o, _ in spans)
    assert hall["out_5"] == sum(o is not None and c is not None and c > lately for o, c in spans)


@pytest.mark.parametrize(
    ("hours", "running", "following"),
    [
        (-16, None, {"title": "Keynote", "at": "16:30", "day": 0}),
        (-3, None, {"title": "Keynote", "at": "16:30", "day": None}),
        (-1.25, {"title": "Keynote", "until": "19:30", "attended": 0}, {"title": "Panel", "at": "20:30", "day": None}),
        (0, {"title": "Keynote", "until": "19:30", "attended": 0}, {"title": "Panel", "at": "20:30", "day": None}),
        (2, None, {"title": "Panel", "at": "20:30", "day": None}),
        (2.75, {"title": "Panel", "until": "21:30", "attended": 0}, None),
        (4, None, None),
    ],
)
def test_a_room_says_what_is_on_from_doors_open_to_the_end_and_what_comes_next(
    sqlite_store: Either, hours: float, running: dict[str, object] | None, following: dict[str, object] | None
) -> None:
    sqlite_store.write(lambda connection: make_world(connection, NOON, people=3, kiosks=()))
    hall = room(sqlite_store, now=NOON + timedelta(hours=hours))
    assert (hall["now"], hall["next"]) == (running, following)


def test_the_board_says_of_each_kiosk_where_it_is_and_what_it_holds(store: Either, doors: Doors) -> None:
    doors.post("hall-a")
    doors.post("hall-a")
    [heard, way_out, _] = board(store)["kiosks"]
    held = doors.kiosks["hall-a"].account.balance
    assert (heard["name"], heard["gate"], heard["state"], heard["heard_s"]) == ("k-hall-a", "Hall A", "live", 0)
    assert (heard["seats"], heard["stranded"], heard["todo"]) == (held, 0, "")
    assert (way_out["name"], way_out["state"], way_out["heard_s"]) == ("k-hall-out", "silent", 900)


TREE = (("venue", ""), ("foyer", "venue"), ("hall", "foyer"), ("salon", "foyer"), ("annex", "venue"))


def test_a_room_without_gates_holds_whoever_is_in_the_rooms_inside_it() -> None:
    rooms = [Room(RoomId(name), name, RoomId(parent) if parent else None, None, 0, Exits.NONE) for name, parent in TREE]
    gates = [Gate(GateId(name), name, RoomId(name), None, Direction.IN) for name in ("hall", "salon", "annex")]
    moves = Moves({"hall": 3, "salon": 2, "annex": 1}, {}, {"hall": {0: 3}, "salon": {0: 1, 4: 1}}, {"hall": {2: 5}})
    nested = _nested(Programme(1, "E", "UTC", tuple(rooms), tuple(gates)), moves)
    assert nested.inside == {"hall": 3, "salon": 2, "annex": 1, "foyer": 5, "venue": 6}
    assert nested.came["venue"] == {0: 4, 4: 1}
    assert nested.went["foyer"] == {2: 5}
