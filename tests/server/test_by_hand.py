"""Checking in by hand: a passage, a stay and a seat like any other; and companions, who have no badge."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from admission.errors import ConfigError
from admission.passage import Kind
from server import acts, audit, by_hand, imports, restore, standings
from server.acts import Act, Actor
from server.proofs.evidence import Verdict
from server.store import schema
from server.store.accounts import DESK
from server.store.instants import to_ms
from server.users import Role
from tests.server.desk import Server, badge_of
from tests.world import table

MAY = Actor("dora", Role.DESK)


def ask(server: Server, kind: str, **asked: Any) -> Act:
    return server.store.write(lambda c: acts.ask(c, kind, asked, MAY, "at the desk", server.now))


def confirmed(server: Server, room: str) -> int:
    with server.store.read() as connection:
        return standings.read(connection, server.programme, server.now).rooms[room].confirmed


def free(server: Server, room: str) -> int:
    with server.store.read() as connection:
        return standings.read(connection, server.programme, server.now).rooms[room].free


def wrongs(server: Server) -> list[str]:
    with server.store.read() as connection:
        report = audit.run(connection, server.now)
    return [finding.text for check in report.checks for finding in check.findings if finding.verdict is Verdict.WRONG]


@pytest.mark.parametrize(("room", "session"), [("hall", "keynote"), ("salon", "talks"), ("club", "dinner")])
def test_a_check_in_is_a_passage_a_stay_and_a_seat(server: Server, room: str, session: str) -> None:
    before = free(server, room)
    one = ask(server, "check-in", person="p1", room=room)
    assert (one.facts["session"], one.facts["room"]) == (session, room)
    passage = next(row for row in server.rows(schema.passage) if row["id"] == one.facts["passage"])
    assert (passage["device"], passage["kind"], passage["verdict"], passage["flags"]) == (
        DESK,
        "entry",
        "accepted",
        "by_hand",
    )
    assert server.inside() == {room: 1}
    assert (confirmed(server, room), free(server, room)) == (1, before - 1)
    assert wrongs(server) == []


@pytest.mark.parametrize("room", ["salon", "club"])
def test_undoing_it_brings_the_seat_back_once(server: Server, room: str) -> None:
    before = free(server, room)
    one = ask(server, "check-in", person="p1", room=room)
    ask(server, "undo-check-in", act=one.id)
    assert server.inside() == {}
    assert (confirmed(server, room), free(server, room)) == (0, before)
    with pytest.raises(ConfigError, match="undone already"):
        ask(server, "undo-check-in", act=one.id)
    assert free(server, room) == before
    assert wrongs(server) == []


def test_where_exits_are_trusted_the_seat_waits_for_a_head_count(server: Server) -> None:
    """An exit that a gate has counted already, and not told yet, brings it back as well."""
    way_out = server.kiosk("hall-out")
    server.exchange(way_out)
    one = ask(server, "check-in", person="p1", room="hall")
    way_out.pass_through(Kind.EXIT, badge_of(server, 1), server.now)
    way_out.account = replace(way_out.account, exits=1)
    before = free(server, "hall")
    assert "head count" in ask(server, "undo-check-in", act=one.id).outcome
    assert free(server, "hall") == before
    server.exchange(way_out)
    assert free(server, "hall") + way_out.account.balance <= 100
    assert wrongs(server) == []


def test_somebody_inside_is_not_let_in_twice(server: Server) -> None:
    ask(server, "check-in", person="p1", room="hall")
    with pytest.raises(ConfigError, match="inside The hall already"):
        ask(server, "check-in", person="p1", room="hall")
    assert len(server.rows(schema.passage)) == 1


def test_no_seat_at_the_server_is_no_entry_and_writes_nothing(server: Server) -> None:
    server.store.write(lambda c: c.execute(update(schema.room).where(schema.room.c.id == "salon").values(limit=3)))
    ask(server, "check-in", person="p1", room="salon")
    with pytest.raises(by_hand.NoSeat, match="0 seats free"):
        ask(server, "check-in", person="p3", room="salon")
    assert server.inside() == {"salon": 1}
    assert len(server.rows(schema.passage)) == 1
    assert wrongs(server) == []


def test_seats_that_the_doors_hold_are_called_back_for_the_desk(server: Server) -> None:
    kiosk = server.kiosk("salon-door")
    server.exchange(kiosk)
    server.exchange(kiosk)
    held = kiosk.account.balance
    assert held > 0
    left = free(server, "salon")
    for number in range(1, left + 1):
        ask(server, "check-in", person=f"p{number}", room="salon")
    with pytest.raises(by_hand.NoSeat):
        ask(server, "check-in", person="p30", room="salon")
    named = server.store.write(lambda c: by_hand.call_back(c, "salon", 1, 0))
    assert named == "k-salon-door"
    grant = server.exchange(kiosk).grants[0]
    assert grant.recall == kiosk.account.returned + 1


def test_a_held_or_closed_room_lets_nobody_in_by_hand(server: Server) -> None:
    boss = Actor("sue", Role.SUPERVISOR)
    server.store.write(lambda c: acts.ask(c, "hold", {"room": "hall"}, boss, "count", server.now))
    with pytest.raises(ConfigError, match="are held"):
        ask(server, "check-in", person="p1", room="hall")
    server.store.write(lambda c: acts.ask(c, "close", {"room": "salon"}, boss, "smoke", server.now))
    with pytest.raises(ConfigError, match="is closed"):
        ask(server, "check-in", person="p1", room="salon")
    with pytest.raises(ConfigError, match="is closed"):
        ask(server, "companions-in", room="salon", delegation="Chile", bodies=1)
    server.store.write(lambda c: acts.ask(c, "open", {"room": "salon", "only": ["press"]}, boss, "press", server.now))
    ask(server, "check-in", person="p1", room="salon")
    with pytest.raises(ConfigError, match="is closed"):
        ask(server, "check-in", person="p3", room="salon")


def test_whoever_comes_from_another_room_leaves_it(server: Server) -> None:
    ask(server, "check-in", person="p1", room="salon")
    before = free(server, "salon")
    ask(server, "check-in", person="p1", room="hall")
    assert server.inside() == {"hall": 1}
    assert free(server, "salon") == before + 1  # matched: the server gives the seat back
    assert wrongs(server) == []


def test_after_a_head_count_an_undone_check_in_returns_no_seat(server: Server) -> None:
    one = ask(server, "check-in", person="p1", room="hall")
    boss, second = Actor("sue", Role.SUPERVISOR), Actor("sam", Role.SUPERVISOR)
    server.store.write(lambda c: acts.ask(c, "hold", {"room": "hall"}, boss, "count", server.now))
    counted = server.store.write(lambda c: acts.ask(c, "count", {"room": "hall", "heads": 1}, boss, "one", server.now))
    server.store.write(lambda c: acts.confirm(c, counted.id, second, server.now))
    before = free(server, "hall")
    ask(server, "undo-check-in", act=one.id)
    assert free(server, "hall") == before
    assert wrongs(server) == []


def test_a_kiosk_learns_that_somebody_was_checked_in_by_hand(server: Server) -> None:
    ask(server, "check-in", person="p1", room="hall")
    kiosk = server.kiosk("hall-a")
    server.exchange(kiosk)
    outcome = server.take(kiosk.letter(asking=badge_of(server, 1)))
    assert outcome.holder is not None
    assert [stay.room for stay in outcome.holder.stays if stay.closed is None] == ["hall"]
    kiosk.pass_through(Kind.ENTRY, badge_of(server, 1), server.now)
    assert [verdict for _, verdict in server.exchange(kiosk).verdicts] == ["duplicate_entry"]


def test_companions_are_counted_in_on_seats_and_out_again(server: Server) -> None:
    before = free(server, "hall")
    ask(server, "companions-in", room="hall", delegation="Chile", bodies=4)
    assert (confirmed(server, "hall"), free(server, "hall")) == (4, before - 4)
    with pytest.raises(ConfigError, match="4 companions of Chile"):
        ask(server, "companions-out", room="hall", delegation="Chile", bodies=5)
    ask(server, "companions-out", room="hall", delegation="Chile", bodies=3)
    assert (confirmed(server, "hall"), free(server, "hall")) == (1, before - 1)
    with pytest.raises(by_hand.NoSeat):
        ask(server, "companions-in", room="hall", delegation="Chile", bodies=400)
    assert wrongs(server) == []


def test_whoever_was_among_the_heads_is_not_counted_out_again(server: Server) -> None:
    boss, second = Actor("sue", Role.SUPERVISOR), Actor("sam", Role.SUPERVISOR)
    ask(server, "companions-in", room="salon", delegation="Chile", bodies=4)
    server.store.write(lambda c: acts.ask(c, "hold", {"room": "salon"}, boss, "count", server.now))
    counted = server.store.write(lambda c: acts.ask(c, "clear", {"room": "salon"}, boss, "none", server.now))
    server.store.write(lambda c: acts.confirm(c, counted.id, second, server.now))
    server.store.write(lambda c: acts.ask(c, "reopen", {"room": "salon"}, boss, "go on", server.now))
    assert free(server, "salon") == 10
    with pytest.raises(ConfigError, match="0 companions"):
        ask(server, "companions-out", room="salon", delegation="Chile", bodies=4)
    assert free(server, "salon") == 10


def test_companions_leave_a_locked_room(server: Server) -> None:
    ask(server, "companions-in", room="hall", delegation="Chile", bodies=2)
    boss = Actor("sue", Role.SUPERVISOR)
    server.store.write(lambda c: acts.ask(c, "close", {"room": "hall"}, boss, "smoke", server.now))
    ask(server, "companions-out", room="hall", delegation="Chile", bodies=2)


def test_a_check_in_from_before_the_room_had_a_limit_gives_no_seat_back(server: Server) -> None:
    limits = update(schema.room).where(schema.room.c.id == "club")
    server.store.write(lambda c: c.execute(limits.values(limit=None)))
    one = ask(server, "check-in", person="p1", room="club")
    server.store.write(lambda c: c.execute(limits.values(limit=30)))
    before = free(server, "club")
    ask(server, "undo-check-in", act=one.id)
    assert free(server, "club") == before
    assert wrongs(server) == []


def test_after_a_restore_a_room_that_the_desk_has_served_wants_a_head_count(server: Server) -> None:
    one = ask(server, "check-in", person="p1", room="salon")
    server.store.write(lambda c: restore.raise_era(c, 0, to_ms(server.now), {}))
    server.now += timedelta(seconds=1)
    boss, second = Actor("sue", Role.SUPERVISOR), Actor("sam", Role.SUPERVISOR)
    wanted = server.store.write(lambda c: acts.ask(c, "confirm-room", {"room": "salon"}, boss, "put back", server.now))
    with pytest.raises(ConfigError, match="let in by hand"):
        server.store.write(lambda c: acts.confirm(c, wanted.id, second, server.now))
    with pytest.raises(ConfigError, match="before the database was put back"):
        ask(server, "undo-check-in", act=one.id)


@pytest.mark.parametrize("kind", ["undo-check-in", "companions-out"])
def test_of_two_desks_at_once_one_gives_the_seats_back(server: Server, kind: str) -> None:
    one = ask(server, "check-in", person="p1", room="salon")
    ask(server, "companions-in", room="salon", delegation="Chile", bodies=3)
    asked = {"act": one.id} if kind == "undo-check-in" else {"room": "salon", "delegation": "Chile", "bodies": 3}
    before, ready = free(server, "salon"), threading.Barrier(4)
    outcomes: list[str] = []

    def press() -> None:
        ready.wait()
        try:
            outcomes.append(ask(server, kind, **asked).state.value)
        except ConfigError as error:
            outcomes.append(str(error))

    clerks = [threading.Thread(target=press) for _ in range(4)]
    for clerk in clerks:
        clerk.start()
    for clerk in clerks:
        clerk.join()
    assert outcomes.count("done") == 1
    assert free(server, "salon") == before + (1 if kind == "undo-check-in" else 3)
    assert wrongs(server) == []


@pytest.mark.parametrize(
    ("kind", "asked", "why"),
    [
        ("check-in", {"person": "nobody", "room": "hall"}, "nobody with the reference"),
        ("check-in", {"person": "p1", "room": "nowhere"}, "there is no room"),
        ("undo-check-in", {"act": "99"}, "no check-in by hand"),
        ("undo-check-in", {"act": "x"}, "whole number"),
        ("companions-in", {"room": "hall", "delegation": " ", "bodies": 1}, "name the delegation"),
        ("companions-in", {"room": "hall", "delegation": "a\0b", "bodies": 1}, "name the delegation"),
        ("companions-in", {"room": "hall", "delegation": "Chile", "bodies": 0}, "cannot be"),
        ("companions-out", {"room": "hall", "delegation": "Chile", "bodies": 1}, "0 companions"),
    ],
)
def test_what_cannot_be_is_said_and_writes_nothing(server: Server, kind: str, asked: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        ask(server, kind, **asked)
    assert server.rows(schema.act) == []
    assert server.rows(schema.passage) == []


def test_a_viewer_may_not(server: Server) -> None:
    with pytest.raises(ConfigError, match="may not do this"):
        server.store.write(
            lambda c: acts.ask(
                c, "check-in", {"person": "p1", "room": "hall"}, Actor("v", Role.VIEWER), "so", server.now
            )
        )


def bring(server: Server, row: str) -> None:
    """Imports the rooms' file again, with this row."""
    files = {"rooms": table("room|name|inside|limit|reserve|exits", row)}
    server.store.write(lambda c: imports.run(c, files, os.urandom))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("hall|The hall|venue|500|0|trusted", "only the act"),
        ("hall|The hall|venue|||trusted", "only the act"),
        ("hall|The hall|venue|100|20|trusted", "only the act"),
        ("hall|The hall|venue|100|0|matched", "what an exit proves"),
    ],
)
def test_once_people_were_counted_a_file_moves_no_limit_and_no_exit(server: Server, row: str, why: str) -> None:
    ask(server, "check-in", person="p1", room="hall")
    before = server.rows(schema.room)
    with pytest.raises(imports.ImportRefused, match=why):
        bring(server, row)
    assert server.rows(schema.room) == before


def test_a_file_that_names_no_reserve_leaves_it_as_the_act_has_set_it(server: Server) -> None:
    server.store.write(lambda c: c.execute(update(schema.room).where(schema.room.c.id == "hall").values(reserve=30)))
    ask(server, "check-in", person="p1", room="hall")
    bring(server, "hall|The great hall|venue|100||trusted")
    hall = next(row for row in server.rows(schema.room) if row["id"] == "hall")
    assert (hall["name"], hall["limit"], hall["reserve"]) == ("The great hall", 100, 30)
