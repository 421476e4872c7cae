"""The audit of stays: every one matched, in order, and paid back once."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, insert, update

from admission.passage import Kind
from server.store.schema import book, passage, stay
from tests.server.audit_day import (
    SECOND,
    change,
    day,
    enter,
    leave,
    notes,
    wrongs,
)
from tests.server.desk import Server


class TestStays:
    def test_an_entry_without_a_stay_is_named(self, plain: Server) -> None:
        day(plain)
        first = plain.rows(stay)[0]
        change(plain, delete(stay).where(stay.c.id == first["id"]))
        assert f"passage {first['entry']} (entry, k-hall-a, gate hall-a," in wrongs(plain)

    def test_an_exit_without_a_stay_is_named(self, plain: Server) -> None:
        day(plain)
        mine = next(row for row in plain.rows(stay) if row["room"] == "hall" and row["exit"])
        change(plain, update(stay).where(stay.c.id == mine["id"]).values(exit=None))
        assert f"passage {mine['exit']} (exit, k-hall-out, gate hall-out," in wrongs(plain)

    def test_a_stay_whose_seat_came_back_twice_is_found(self, plain: Server) -> None:
        day(plain)
        twice = next(row for row in plain.rows(stay) if row["credited"])
        again = {name: value for name, value in twice.items() if name != "id"}
        raised = update(book).where(book.c.room == "salon").values(closed=3)
        change(plain, insert(stay).values(**again), raised)
        assert f"passage {twice['entry']} is in 2 stays as one of the entries" in wrongs(plain)

    def test_more_seats_back_than_stays_that_gave_one_are_found(self, plain: Server) -> None:
        day(plain)
        change(plain, update(book).where(book.c.room == "salon").values(closed=5))
        assert "salon: D is 5, but 2 stays and 0 people counted out make 2" in wrongs(plain)

    @pytest.mark.parametrize(
        ("where", "values", "said"),
        [
            ("hall", {"credited": True}, "in a room whose exits are not matched"),
            ("salon", {"settled": True}, "after a head count had dealt with it"),
            ("salon", {"opened": 5}, "it does not begin with its entry"),
            ("salon", {"closed": 5}, "it does not end with its exit"),
            ("salon", {"closed": None}, "it has an exit and is open"),
            ("salon", {"holder": 44}, "its entry is of somebody else"),
            ("salon", {"room": "club"}, "its entry is into salon"),
            ("salon", {"how": "elsewhere"}, "it is closed (elsewhere) by a passage of kind exit"),
            ("salon", {"entry": 999_999}, "its entry is not in the log"),
        ],
    )
    def test_a_stay_that_is_not_as_its_passages_say_is_named(
        self, plain: Server, where: str, values: dict[str, object], said: str
    ) -> None:
        day(plain)
        mine = next(row for row in plain.rows(stay) if row["room"] == where and row["exit"] and row["how"] == "exit")
        change(plain, update(stay).where(stay.c.id == mine["id"]).values(**values))
        assert any(f"stay {mine['id']} " in line and said in line for line in wrongs(plain).splitlines())

    def test_an_exit_before_its_entry_is_found(self, plain: Server) -> None:
        day(plain)
        mine = next(row for row in plain.rows(stay) if row["room"] == "hall" and row["exit"])
        early = int(str(mine["opened"])) - 60_000
        change(plain, update(passage).where(passage.c.id == mine["exit"]).values(at=early))
        assert f"stay {mine['id']} " in wrongs(plain)
        assert "its exit is before its entry" in wrongs(plain)

    def test_an_exit_without_an_entry_and_a_second_entry_are_notes(self, plain: Server) -> None:
        doors = day(plain)
        leave(plain, doors["hall-out"], 33)
        enter(plain, doors["hall-a"], 3)
        for door in doors.values():
            plain.exchange(door)
        assert wrongs(plain) == ""
        assert "1 exit without an entry" in notes(plain)
        assert "1 entry of somebody who was inside" in notes(plain)

    def test_stays_ended_by_an_entry_elsewhere_pass(self, plain: Server) -> None:
        doors = day(plain)
        enter(plain, doors["club-door"], 21)
        plain.exchange(doors["club-door"])
        assert wrongs(plain) == ""
        assert next(row for row in plain.rows(stay) if row["how"] == "elsewhere")["credited"]

    def test_a_badge_that_was_never_issued_has_its_stay_too(self, plain: Server) -> None:
        hall = day(plain)["hall-a"]
        plain.now += SECOND
        hall.pass_through(Kind.ENTRY, 999 << 32 | 7, plain.now)
        plain.exchange(hall)
        assert wrongs(plain) == ""
