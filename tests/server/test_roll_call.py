"""The roll call as stewards use it: who is inside by name, marked safe once whoever ticks, nobody lost from it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, delete, insert, select, update

from admission.badge import Badge, badge_id, issue
from admission.errors import ConfigError
from admission.passage import Kind
from server import badges, roll_call, roster, trail
from server.roll_call import Call, Ended, Seen, State
from server.store.engine import PostgresStore, SqliteStore
from server.store.instants import to_ms
from server.store.schema import badge, badge_key, book, companion, listing, person, stay
from server.trail import Who
from tests.server.desk import Server
from tests.world import World, make_world, utc_now

Either = SqliteStore | PostgresStore
STEWARD = Who("steward", "10.0.0.7")
MINUTE = timedelta(minutes=1)


class Venue:
    """The small venue with people in it, and a roll call's use cases in transactions of their own."""

    def __init__(self, store: Either, world: World) -> None:
        self.server, self.store, self.world, self.now = Server(store, world), store, world, world.now
        self.programme = self.server.programme
        self.gates = {gate: self.server.kiosk(gate) for gate in ("hall-a", "hall-out", "salon-door", "venue-door")}
        self.ids = self.read(lambda c: dict(c.execute(select(person.c.ref, person.c.id)).all()))

    def read(self, work: Callable[[Connection], Any]) -> Any:
        with self.store.read() as connection:
            return work(connection)

    def pass_gate(self, gate: str, kind: Kind, *refs: str, ago: timedelta = MINUTE) -> None:
        kiosk = self.gates[gate]
        self.server.exchange(kiosk)
        for ref in refs:
            kiosk.pass_through(kind, self.world.badge_ids[ref], self.now - ago)
            if kind is Kind.EXIT:  # the hall's exits are trusted
                kiosk.account = replace(kiosk.account, exits=kiosk.account.exits + 1)
        self.server.exchange(kiosk)

    def enter(self, *refs: str, gate: str = "hall-a", ago: timedelta = MINUTE) -> None:
        self.pass_gate(gate, Kind.ENTRY, *refs, ago=ago)

    def inside(self, room: str = "") -> roster.Roster:
        found: roster.Roster = self.read(lambda c: roster.now(c, self.programme, self.now, room))
        return found

    def begin(self, room: str = "", reason: str = "Smoke") -> Call:
        return self.store.write(lambda c: roll_call.begin(c, self.programme, STEWARD, (room, reason), self.now))[0]

    def mark(self, call: Call, *refs: str, by: str = "steward", how: str = roll_call.TICK) -> None:
        ids = [self.ids[ref] for ref in refs]
        self.store.write(lambda c: roll_call.mark(c, self.programme, call.id, ids, how, by, self.now))

    def scan(self, call: Call, text: str) -> roll_call.Scanned:
        keys = self.world.keys
        return self.store.write(lambda c: roll_call.scan(c, self.programme, keys, call.id, text, "steward", self.now))

    def state(self, call: Call) -> State:
        found: State = self.read(lambda c: roll_call.state(c, self.programme, call.id, self.now))
        return found

    def names(self, room: str = "") -> dict[str, str]:
        return {one.ref: one.room for one in self.inside(room).people}


@pytest.fixture
def venue(sqlite_store: Either) -> Venue:
    return Venue(sqlite_store, sqlite_store.write(lambda connection: make_world(connection, utc_now())))


@pytest.fixture
def either(store: Either, world: World) -> Venue:
    """On each kind of database."""
    return Venue(store, world)


def refs(state: State) -> set[str]:
    return {one.ref for one in state.listed}


def test_everybody_stands_once_in_the_innermost_room(either: Venue) -> None:
    venue = either
    venue.enter("p1", "p2", "p3", gate="venue-door", ago=3 * MINUTE)
    venue.enter("p1", "p2")
    venue.pass_gate("hall-out", Kind.EXIT, "p2", ago=MINUTE / 2)
    venue.enter("p2", gate="salon-door", ago=MINUTE / 3)
    assert venue.names() == {"p1": "hall", "p2": "salon", "p3": "venue"}
    assert venue.names("hall") == {"p1": "hall"}
    assert venue.inside().unbadged == 0
    places = {one.id: one.named for one in venue.inside().places}
    assert places == {"venue": 1, "hall": 1, "salon": 1, "club": 0}
    assert roster.summed(venue.inside().places, places)["venue"] == 3


def test_people_are_in_the_order_of_their_names_in_any_script_and_strangers_last(venue: Venue) -> None:
    venue.enter("p1", "p2", "p3", "p4", "p5")
    names = {"p1": "Åsa", "p2": "王小明", "p3": "asel", "p4": "Zoë"}

    def rename(connection: Connection) -> None:
        for ref, name in names.items():
            connection.execute(update(person).where(person.c.ref == ref).values(name=name))
        connection.execute(update(stay).where(stay.c.holder == venue.ids["p5"]).values(holder=-5))

    venue.store.write(rename)
    assert [one.name for one in venue.inside().people] == ["Åsa", "asel", "Zoë", "王小明", ""]
    assert venue.inside().people[-1].holder == -5


def test_bodies_beyond_the_names_are_counted_and_told_by_room(either: Venue) -> None:
    venue = either
    venue.enter("p1", "p2")

    def count_in(connection: Connection) -> None:  # as counting companions in at the desk does
        connection.execute(update(book).where(book.c.room == "hall").values(forced=book.c.forced + 3))
        row = {"at": 1, "by": "desk", "room": "hall", "delegation": "Land 2"}
        connection.execute(insert(companion), [row | {"bodies": 4}, row | {"bodies": -1}])

    venue.store.write(count_in)
    found = venue.inside()
    assert {one.id: one.unbadged for one in found.places if one.unbadged} == {"hall": 3}
    assert found.companions == {("hall", "Land 2"): 3}
    assert venue.inside("salon").unbadged == 0


def test_who_was_inside_when_it_began_stays_on_the_list_and_who_comes_is_added(either: Venue) -> None:
    venue = either
    venue.enter("p1", "p2")
    call = venue.begin()
    venue.now += 5 * MINUTE
    venue.server.now = venue.now
    venue.pass_gate("hall-out", Kind.EXIT, "p1")
    venue.enter("p4")
    assert venue.names() == {"p2": "hall", "p4": "hall"}
    state = venue.state(call)
    assert refs(state) == {"p1", "p2", "p4"}
    assert state.unaccounted == 3
    assert {one.ref for one in state.listed if one.left} == {"p1"}


def test_who_left_before_it_began_as_a_late_kiosk_tells_stays_on_the_list(venue: Venue) -> None:
    venue.enter("p1", ago=9 * MINUTE)
    call = venue.begin()
    venue.pass_gate("hall-out", Kind.EXIT, "p1", ago=5 * MINUTE)
    assert [(one.ref, one.room, one.left is not None) for one in venue.state(call).listed] == [("p1", "hall", True)]


def test_an_entry_that_was_annulled_is_none_and_an_erased_person_still_is_a_body(venue: Venue) -> None:
    venue.enter("p1", "p2")
    call = venue.begin()
    venue.enter("p4")
    gone = venue.ids["p4"]
    closing = {"closed": to_ms(venue.now + MINUTE), "how": "annulled"}
    venue.store.write(lambda c: c.execute(update(stay).where(stay.c.holder == gone).values(**closing)).rowcount)
    assert refs(venue.state(call)) == {"p1", "p2"}

    def erase(connection: Connection) -> None:
        number = venue.ids["p1"]
        connection.execute(update(badge).where(badge.c.person == number).values(person=None))
        connection.execute(delete(stay).where(stay.c.holder == number))
        connection.execute(delete(listing).where(listing.c.person == number))
        connection.execute(delete(person).where(person.c.id == number))

    venue.store.write(erase)
    assert venue.state(call).unaccounted == 2
    assert {one.name for one in venue.state(call).listed} == {"Person 2", ""}


def test_a_roll_call_of_a_room_says_where_people_are_by_now(venue: Venue) -> None:
    venue.enter("p1", "p2", ago=5 * MINUTE)
    venue.enter("p3", gate="salon-door")
    call = venue.begin("hall")
    venue.now += 3 * MINUTE
    venue.enter("p2", gate="salon-door")
    state = venue.state(call)
    assert refs(state) == {"p1", "p2"}
    assert {one.ref: one.elsewhere for one in state.listed} == {"p1": "", "p2": "salon"}


def test_two_stewards_at_once_both_count_and_the_first_is_named(either: Venue) -> None:
    venue = either
    people = [f"p{n}" for n in range(1, 21) if n != 3]
    venue.enter(*people)
    call = venue.begin()
    ready = threading.Barrier(2)

    def tick(by: str, theirs: list[str]) -> None:
        ready.wait()
        for ref in theirs:
            venue.mark(call, ref, by=by)

    both = [
        threading.Thread(target=tick, args=(by, theirs)) for by, theirs in (("ann", people[:12]), ("bob", people[8:]))
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    state = venue.state(call)
    assert state.unaccounted == 0
    bys = {ref: state.marks[venue.ids[ref]].by for ref in people}
    assert {bys[ref] for ref in people[:8]} == {"ann"}
    assert {bys[ref] for ref in people[12:]} == {"bob"}
    venue.mark(call, *people, by="late")
    assert venue.state(call).marks == state.marks


def test_a_mark_is_taken_back_but_not_one_that_somebody_has_made_since(either: Venue) -> None:
    venue = either
    venue.enter("p1")
    call = venue.begin()
    venue.mark(call, "p1", by="ann")
    number, seen = venue.ids["p1"], venue.state(call).marks[venue.ids["p1"]].at

    def undo(at: int | None) -> int:
        venue.store.write(lambda c: roll_call.undo(c, call.id, {number: at}, "bob", venue.now))
        return venue.state(call).unaccounted

    assert undo(seen) == 1
    venue.now += MINUTE
    venue.mark(call, "p1", by="eve")
    assert undo(seen) == 0
    assert undo(None) == 1
    assert venue.state(call).marks[number].by == "bob"


def test_marks_are_told_from_a_cursor_on_and_never_those_of_nobody(venue: Venue) -> None:
    venue.enter("p1", "p2", "p4")
    call = venue.begin()

    def told(since: int) -> list[int]:
        return [one.holder for one in venue.read(lambda c: roll_call.changes(c, call.id, since))]

    assert told(0) == []
    venue.mark(call, "p1")
    venue.now += MINUTE
    venue.mark(call, "p2")
    assert told(0) == [venue.ids["p1"], venue.ids["p2"]]
    assert told(to_ms(venue.now)) == [venue.ids["p2"]]


def test_a_scanned_badge_marks_its_person_once(venue: Venue) -> None:
    venue.enter("p1")
    call = venue.begin()
    first, again = venue.scan(call, venue.world.tokens["p1"]), venue.scan(call, venue.world.tokens["p1"])
    assert (first.seen, again.seen) == (Seen.SAFE, Seen.ALREADY)
    assert first.who is not None
    assert first.who.name == "Person 1"
    assert venue.state(call).marks[venue.ids["p1"]].how == roll_call.SCAN


def test_who_was_not_on_the_list_is_safe_but_not_counted_inside(either: Venue) -> None:
    venue = either
    venue.enter("p1")
    call = venue.begin()
    assert venue.scan(call, venue.world.tokens["p2"]).seen is Seen.MISSED
    state = venue.state(call)
    assert (refs(state), state.unaccounted) == ({"p1"}, 1)
    assert [one.ref for one in state.roster.people if not one.room] == ["p2"]
    venue.now += MINUTE
    venue.enter("p2")  # a kiosk that was cut off tells it later
    assert refs(venue.state(call)) == {"p1", "p2"}
    assert venue.state(call).unaccounted == 1


def test_badges_that_prove_nobody_mark_nobody(venue: Venue) -> None:
    venue.enter("p1", "p2")
    call, text = venue.begin(), venue.world.tokens["p1"]
    venue.store.write(lambda c: badges.revoke(c, ["p2"], "lost", venue.now))
    assert venue.scan(call, "https://example.org").seen is Seen.FOREIGN
    assert venue.scan(call, "\0" * 300).seen is Seen.FOREIGN
    assert venue.scan(call, text[:-1]).seen is Seen.DAMAGED
    assert venue.scan(call, text[:-1] + ("A" if text[-1] != "A" else "B")).seen in (Seen.FORGED, Seen.DAMAGED)
    revoked = venue.scan(call, venue.world.tokens["p2"])
    assert (revoked.seen, revoked.who.name if revoked.who else "") == (Seen.REVOKED, "Person 2")
    assert venue.state(call).unaccounted == 2


def test_a_badge_of_ours_that_the_server_does_not_know_is_a_stranger(venue: Venue) -> None:
    seed = bytes(venue.read(lambda c: c.execute(select(badge_key.c.seed)).scalar_one()))
    made = Badge(venue.world.keys.event, 0, badge_id(90_000, 7), 0, 0, 0, 0)
    call = venue.begin()
    found = venue.scan(call, issue(made, Ed25519PrivateKey.from_private_bytes(seed)))
    assert (found.seen, found.who.holder if found.who else 0) == (Seen.MISSED, -90_000)


def test_the_same_room_has_one_running_roll_call_and_another_room_has_its_own(either: Venue) -> None:
    venue = either
    venue.enter("p1")

    def begin(room: str) -> tuple[Call, bool]:
        return venue.store.write(lambda c: roll_call.begin(c, venue.programme, STEWARD, (room, "Drill"), venue.now))

    (first, new), (second, again), (hall, other) = begin(""), begin(""), begin("hall")
    assert (new, again, other) == (True, False, True)
    assert first.id == second.id != hall.id


def test_a_scope_or_reason_that_cannot_be_is_said_and_begins_nothing(venue: Venue) -> None:
    for room, reason in (("", ""), ("", "  \n "), ("nowhere", "Smoke"), ("", "x" * 301), ("", "a\0b")):
        with pytest.raises(ConfigError):
            venue.begin(room, reason)
    assert venue.read(roll_call.listed) == []


def test_when_it_has_ended_the_list_is_frozen_and_nothing_is_marked(either: Venue) -> None:
    venue = either
    venue.enter("p1", "p2")
    call = venue.begin()
    venue.mark(call, "p1")

    def end() -> bool:
        return venue.store.write(lambda c: roll_call.end(c, venue.programme, STEWARD, call.id, venue.now))

    venue.now += MINUTE
    assert (end(), end()) == (True, False)
    venue.now += MINUTE
    venue.enter("p4", ago=MINUTE / 6)
    venue.pass_gate("hall-out", Kind.EXIT, "p2", ago=MINUTE / 6)
    assert [(one.ref, one.left) for one in venue.state(call).listed] == [("p1", None), ("p2", None)]
    with pytest.raises(Ended):
        venue.mark(call, "p2")
    with pytest.raises(Ended):
        venue.scan(call, venue.world.tokens["p2"])
    assert venue.state(call).unaccounted == 1


def test_the_trail_has_who_began_and_ended_it_with_numbers_and_no_names(venue: Venue) -> None:
    venue.enter("p1", "p2")
    call = venue.begin("hall", "Fire drill")
    venue.mark(call, "p1")
    venue.store.write(lambda c: roll_call.end(c, venue.programme, STEWARD, call.id, venue.now))
    ended, begun = venue.read(lambda c: trail.newest(c, about=roll_call.ABOUT))
    assert (begun.what, begun.by, begun.facts["people"], begun.facts["reason"]) == ("begun", "steward", 2, "Fire drill")
    assert (ended.what, ended.facts) == ("ended", {"people": 2, "unaccounted": 1, "unbadged": 0})
