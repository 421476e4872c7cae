"""Slips by which the promise could be broken although every kiosk keeps the rules; each was found by an attack."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import Connection

from admission.ledger import State
from admission.passage import Kind
from kiosk.standing import Hold
from server import asked, counting, fencing, restore
from server.store.engine import PostgresStore, SqliteStore
from server.store.instants import to_ms
from server.store.schema import account, event, incarnation, incident, stay
from tests.server.desk import Server, badge_of
from tests.world import World

Either = SqliteStore | PostgresStore


@pytest.fixture
def server(store: Either, world: World) -> Server:
    return Server(store, world)


def _count(server: Server, heads: int) -> bool:
    def work(connection: Connection) -> bool:
        room, book = asked.book_of(connection, "hall", server.now)
        return counting.count(connection, room, book, heads, 0)

    return server.store.write(work)


def test_an_answer_from_before_a_hold_does_not_end_it_at_the_kiosk() -> None:
    held = Hold().after(0, 3, own_seq=1).after(4, 0, own_seq=9)
    assert held.held
    assert held.after(0, 3, own_seq=9).held, "written before the hold"
    assert not held.after(0, 4, own_seq=9).held
    assert not held.after(0, 4, own_seq=9).after(4, 0, own_seq=9).held, "written during it, heard after it"
    assert held.settled == 9


def test_a_hold_of_a_database_that_was_put_back_is_not_confirmed_by_what_kiosks_said_before(server: Server) -> None:
    door = server.kiosk("hall-a")
    door.hold = 7  # heard of from the database that was lost
    server.exchange(door)
    server.store.write(lambda c: restore.raise_era(c, 1, 0, {}))
    server.exchange(door)
    server.store.write(lambda c: counting.hold(c, "hall"))
    with server.store.read() as connection:
        assert [one.device for one in counting.waiting(connection, "hall")] == ["k-hall-a"]


def test_a_count_waits_for_a_kiosk_that_has_not_reported_on_the_room_yet(server: Server) -> None:
    door, way_out = server.kiosk("hall-a"), server.kiosk("hall-out")
    server.exchange(door)
    server.take(way_out.letter(report=False))  # it has learnt its gate, and may let people out
    server.store.write(lambda c: counting.hold(c, "hall"))
    for _ in range(2):  # hears of it, and says so
        server.exchange(door)
    with server.store.read() as connection:
        assert [one.device for one in counting.waiting(connection, "hall")] == ["k-hall-out"]
    assert not _count(server, heads=0)
    assert {row["device"] for row in server.rows(account)} == {"k-hall-a", "k-hall-out"}


def test_what_a_kiosk_says_to_have_written_never_moves_back(server: Server) -> None:
    door = server.kiosk("salon-door")
    delayed = door.letter()
    for number in range(1, 4):
        door.pass_through(Kind.ENTRY, badge_of(server, number), server.now, session="talks")
    server.take(msgspec.structs.replace(door.letter(), passages=()))
    server.take(delayed)
    assert [row["said_seq"] for row in server.rows(incarnation)] == [3]


def test_a_store_that_was_lost_is_awaited_after_a_restore_although_the_next_one_has_reported(server: Server) -> None:
    lost = server.kiosk("hall-a")
    server.exchange(lost)
    era = server.store.write(lambda c: restore.raise_era(c, 1, 0, {}))
    fresh = replace(server.kiosk("hall-a"), incarnation=2)
    for _ in range(2):
        server.exchange(fresh)
    with server.store.read() as connection:
        assert "k-hall-a" in restore.awaited(connection, era)
    server.store.write(lambda c: counting.retire(c, "k-hall-a", "hall", 1))
    with server.store.read() as connection:
        assert "k-hall-a" not in restore.awaited(connection, era)


def test_a_store_that_the_copy_does_not_know_asks_for_a_head_count_before_seats_flow(server: Server) -> None:
    server.store.write(lambda c: restore.raise_era(c, 1, to_ms(server.now), {}))
    server.now += timedelta(seconds=5)
    for gate in ("hall-a", "hall-b", "hall-out", "salon-door", "club-door", "venue-door"):
        door = server.kiosk(gate)
        for _ in range(2):
            server.exchange(door)
    server.store.write(lambda c: restore.confirm(c, "hall"))
    with server.store.read() as connection:
        assert list(restore.with_new_stores(connection, "hall")) == ["k-hall-a", "k-hall-b", "k-hall-out"]
        assert "hall" in restore.closed_rooms(connection)
    assert [grant.granted for grant in server.exchange(server.kiosk("hall-a")).grants] == [0]


def test_an_era_that_cannot_be_begins_none(server: Server) -> None:
    door = server.kiosk("hall-a")
    server.exchange(door)
    server.take(msgspec.structs.replace(door.letter(), era=10**6))
    assert [row["era"] for row in server.rows(event)] == [1]
    assert [row["kind"] for row in server.rows(incident)] == ["impossible_report"]


def test_many_records_that_cannot_be_taken_are_one_incident(server: Server) -> None:
    door = server.kiosk("hall-a")
    for number in range(40):
        door.append(b"\xc1 poison %d" % number)
    server.exchange(door)
    assert [row["kind"] for row in server.rows(incident)] == ["quarantine"]


def test_a_call_for_seats_leaves_a_fence_as_it_is(server: Server) -> None:
    fat, empty = server.kiosk("hall-a"), server.kiosk("hall-b")
    server.exchange(fat)
    server.store.write(lambda c: fencing.fence(c, "k-hall-a"))
    server.exchange(empty, asking=badge_of(server, 1))
    [row] = [row for row in server.rows(account) if row["device"] == "k-hall-a"]
    assert (row["state"], row["recall"]) == (State.FENCED, 0)


def test_an_exit_that_came_first_and_was_settled_earns_nothing_when_its_entry_arrives(server: Server) -> None:
    here = server.kiosk("salon-door")
    here.pass_through(Kind.EXIT, badge_of(server, 1), server.now, session="talks")
    server.exchange(here)
    server.store.write(lambda c: c.execute(stay.update().values(settled=True)))
    late = replace(server.kiosk("salon-door"), incarnation=2)
    late.pass_through(Kind.ENTRY, badge_of(server, 1), server.now.replace(year=server.now.year - 1), session="talks")
    server.exchange(late)
    assert [bool(row["credited"]) for row in server.rows(stay)] == [False]
