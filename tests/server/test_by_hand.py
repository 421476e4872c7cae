"""Checking in by hand: a passage, a stay and a seat like any other; and companions, who have no badge."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from admission.errors import ConfigError
from admission.passage import Kind
from server import acts, audit, by_hand, standings
from server.acts import Act, Actor
from server.proofs.evidence import Verdict
from server.store import schema
from server.users import Role
from tests.server.desk import Server, badge_of

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
        by_hand.DEVICE,
        "entry",
        "accepted",
        "by_hand",
    )
    assert server.inside() == {room: 1}
    assert (confirmed(server, room), free(server, room)) == (1, before - 1)
    assert wrongs(server) == []


@pytest.mark.parametrize("room", ["hall", "salon", "club"])
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
