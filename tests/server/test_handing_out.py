"""Seats handed out by the exchange: all of a room's, never more, and back when they are not needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec

from admission.passage import Kind
from admission.seats import is_excess
from server.store.schema import account, book
from tests.server.desk import Server, badge_of

MINUTE = timedelta(minutes=1)


def test_a_closed_stay_gives_its_seat_back_only_in_a_matched_room(server: Server) -> None:
    salon, hall, club = server.kiosk("salon-door"), server.kiosk("hall-a"), server.kiosk("club-door")
    for minute, door in enumerate((salon, hall, club)):
        door.pass_through(Kind.ENTRY, badge_of(server, 1), server.now + minute * MINUTE)
        server.exchange(door)
    assert {row["room"]: row["closed"] for row in server.rows(book)} == {"venue": 0, "hall": 0, "salon": 1, "club": 0}


def test_kiosks_of_a_room_are_given_all_seats_and_never_more(server: Server) -> None:
    doors = [server.kiosk("hall-a"), server.kiosk("hall-b"), server.kiosk("hall-out")]
    for _ in range(6):
        for door in doors:
            server.exchange(door)
    assert sum(door.account.granted for door in doors) in range(88, 101)
    admitted = 0
    for step in range(400):
        door = doors[step % 2]
        if door.account.balance < 1:
            server.exchange(door, asking=badge_of(server, 1))
        if door.account.balance >= 1:
            door.pass_through(Kind.ENTRY, badge_of(server, 1 + step % 60), server.now + step * MINUTE)
            admitted += 1
    for door in doors:
        server.exchange(door)
    assert admitted <= 100
    assert sum(int(str(row["granted"])) for row in server.rows(account)) <= 100


def test_the_last_seats_come_one_by_one_and_then_the_room_is_full(server: Server) -> None:
    door = server.kiosk("club-door")
    admitted = 0
    while not door.full:
        server.exchange(door, asking=badge_of(server, 1))
        if door.account.balance:
            admitted += 1
            door.pass_through(Kind.ENTRY, badge_of(server, admitted), server.now, session="dinner")
    assert admitted == 30


def test_a_new_store_is_given_seats_at_once(server: Server) -> None:
    door = server.kiosk("hall-a")
    server.exchange(door)
    assert (door.account.era, door.account.balance) == (1, 95)


def test_a_report_of_another_era_is_heard_and_given_nothing(server: Server) -> None:
    door = server.kiosk("hall-a")
    door.account = replace(door.account, era=9, granted=4, entries=1)
    outcome = server.take(door.letter())
    assert [(grant.era, grant.granted) for grant in outcome.grants] == [(10, 4)]  # newer than ours: a restore


def test_when_the_capacity_falls_kiosks_are_told_to_give_seats_back(server: Server) -> None:
    door = server.kiosk("hall-a")
    server.exchange(door)
    keynote = next(one for one in server.programme.sessions if one.id == "keynote")
    small = msgspec.structs.replace(keynote, capacity=10)
    server.programme = msgspec.structs.replace(server.programme, sessions=(small,))
    [grant] = server.take(door.letter()).grants
    assert grant.target <= 10
    assert is_excess(door.account.balance, grant.target)


def test_a_kiosk_with_a_new_store_has_an_empty_account_and_the_old_one_stays_counted(server: Server) -> None:
    old = server.kiosk("club-door")
    server.exchange(old)
    server.exchange(old)
    held = old.account.granted
    assert held > 0
    new = server.kiosk("club-door")
    new.incarnation = 2
    for _ in range(5):
        server.exchange(new, asking=badge_of(server, 1))
    assert new.account.granted <= 30 - held
    assert len(server.rows(account)) == 2


def test_a_gate_that_only_leads_out_holds_no_seats_and_the_others_hold_them_all(server: Server) -> None:
    doors = [server.kiosk("hall-a"), server.kiosk("hall-b"), server.kiosk("hall-out")]
    for _ in range(5):
        for door in doors:
            server.exchange(door)
    assert doors[2].account.granted == 0
    assert doors[0].account.granted + doors[1].account.granted >= 90
