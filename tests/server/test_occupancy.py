"""The board's figures: who is inside, how full that is, how it came about, what is on, and which kiosks are heard."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from admission.passage import Kind
from admission.venue import Direction, Exits, Gate, GateId, Programme, Room, RoomId
from server import occupancy
from server.current import Current
from server.exchange import Desk
from server.occupancy import Moves, _nested
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from server.store.instants import to_ms
from tests.world import PaperKiosk, World, make_world

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
        self._store = store
        self._venue = venue
        self.kiosks = {gate: PaperKiosk(venue.enrolments[gate], gate, DOORS[gate][0]) for gate in DOORS}

    def go(self, gate: str, kind: Kind, ref: str, at: datetime = NOON, *, post: bool = True) -> None:
        badge = self._venue.badge_ids[ref]
        self.kiosks[gate].pass_through(kind, badge, at, session=DOORS[gate][1])
        if post:
            self.post(gate, at)

    def post(self, gate: str, now: datetime = NOON) -> None:
        kiosk, picture = self.kiosks[gate], Current(self._store, lambda: now).get()
        letter = kiosk.letter(report=False)
        outcome = self._store.write(lambda connection: Desk(connection, picture.programme, now, None).handle(letter))
        del kiosk.unsent[: outcome.have_seq - kiosk.have]
        kiosk.have = outcome.have_seq


@pytest.fixture
def doors(store: Either, venue: World) -> Doors:
    return Doors(store, venue)


def put_stays(store: Either, spans: list[tuple[datetime | None, datetime | None]]) -> None:
    """Stays in the hall, each of somebody else, from when to when."""
    rows = [
        {
            "room": "hall",
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
        else:
            doors.go("hall-a" if wanted == "hall" else "salon-door", Kind.ENTRY, ref, at)
            where[ref] = wanted
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
    [(0, "calm"), (79, "calm"), (80, "near"), (94, "near"), (95, "tight"), (99, "tight"), (100, "full"), (120, "full")],
)
def test_a_room_is_near_at_80_tight_at_95_and_full_at_100_percent(
    sqlite_store: Either, bodies: int, level: str
) -> None:
    sqlite_store.write(lambda connection: make_world(connection, NOON, people=3, kiosks=()))
    put_stays(sqlite_store, [(NOON, None)] * bodies)
    hall = room(sqlite_store)
    assert (hall["capacity"], hall["share"], hall["level"]) == (100, bodies / 100, level)


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
    assert hall["trend"][-1] == hall["inside"]
    lately = NOON - 5 * MINUTE
    assert hall["in_5"] == sum(o is not None and o > lately for o, _ in spans)
    assert hall["out_5"] == sum(o is not None and c is not None and c > lately for o, c in spans)


@pytest.mark.parametrize(
    ("hours", "running", "following"),
    [
        (-16, None, {"title": "Keynote", "at": "Mon 16:30"}),
        (-3, None, {"title": "Keynote", "at": "16:30"}),
        (-1.25, {"title": "Keynote", "until": "19:30", "attended": 0}, {"title": "Panel", "at": "20:30"}),
        (0, {"title": "Keynote", "until": "19:30", "attended": 0}, {"title": "Panel", "at": "20:30"}),
        (2, None, {"title": "Panel", "at": "20:30"}),
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


def test_a_kiosk_is_live_for_15_seconds_late_for_a_minute_then_silent(store: Either, doors: Doors) -> None:
    doors.post("hall-a")
    states = []
    for seconds in (0, 14.9, 15, 59.9, 60, 7200):
        [heard, *others] = board(store, NOON + timedelta(seconds=seconds))["kiosks"]
        assert (heard["name"], heard["gate"], heard["heard_s"]) == ("k-hall-a", "Hall A", int(seconds))
        assert [(one["state"], one["heard_s"]) for one in others] == [("never", None)] * 2
        states.append(heard["state"])
    assert states == ["live", "live", "late", "late", "silent", "silent"]


def test_a_kiosk_says_how_many_passages_wait_and_its_newest_store_counts(store: Either, doors: Doors) -> None:
    kiosk = doors.kiosks["hall-a"]
    for number in range(1, 5):
        doors.go("hall-a", Kind.ENTRY, f"p{number}", post=False)
    held, kiosk.unsent = kiosk.unsent[1:], kiosk.unsent[:1]
    doors.post("hall-a")
    assert board(store)["kiosks"][0]["queue"] == 3
    kiosk.unsent = held
    doors.post("hall-a")
    kiosk.incarnation, kiosk.seq, kiosk.have, kiosk.head = 2, 0, 0, bytes(32)
    doors.post("hall-a", NOON + MINUTE)
    shown = board(store, NOON + MINUTE)["kiosks"][0]
    assert (shown["queue"], shown["state"], shown["heard_s"]) == (0, "live", 0)


def test_a_revoked_kiosk_is_no_longer_shown(store: Either, venue: World) -> None:
    gone = update(schema.device).where(schema.device.c.id == "k-hall-a").values(revoked=to_ms(NOON))
    store.write(lambda connection: connection.execute(gone))
    assert [one["name"] for one in board(store)["kiosks"]] == ["k-hall-out", "k-salon-door"]


TREE = (("venue", ""), ("foyer", "venue"), ("hall", "foyer"), ("salon", "foyer"), ("annex", "venue"))


def test_a_room_without_gates_holds_whoever_is_in_the_rooms_inside_it() -> None:
    rooms = [Room(RoomId(name), name, RoomId(parent) if parent else None, None, 0, Exits.NONE) for name, parent in TREE]
    gates = [Gate(GateId(name), name, RoomId(name), None, Direction.IN) for name in ("hall", "salon", "annex")]
    moves = Moves({"hall": 3, "salon": 2, "annex": 1}, {}, {"hall": {0: 3}, "salon": {0: 1, 4: 1}}, {"hall": {2: 5}})
    nested = _nested(Programme(1, "E", "UTC", tuple(rooms), tuple(gates)), moves)
    assert nested.inside == {"hall": 3, "salon": 2, "annex": 1, "foyer": 5, "venue": 6}
    assert nested.came["venue"] == {0: 4, 4: 1}
    assert nested.went["foyer"] == {2: 5}
