"""The audit of seats: accounts that do not say what the log says, and rooms that were over their capacity."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import delete, insert, update

from admission.passage import Kind
from server import audit
from server.proofs.sweep import Event, Sweep, What
from server.store.instants import to_ms
from server.store.schema import account, act, book, capacity, incarnation, passage, stay
from tests.server.audit_day import (
    MINUTE,
    SECOND,
    audited,
    change,
    day,
    enter,
    leave,
    notes,
    report,
    write,
    wrongs,
)
from tests.server.desk import Server, badge_of
from tests.world import PaperKiosk


class TestSeats:
    @pytest.mark.parametrize(
        ("change_to", "said"),
        [
            ({"entries": 3}, "k-hall-a, store 1, hall: 9 entries in the log, 3 in the account"),
            ({"forced": 0}, "k-hall-a, store 1, hall: 1 forced entries in the log, 0 in the account"),
            ({"exits": 2}, "2 seats came back by exits, but only 0 exits and 0 annulments in the log"),
            ({"returned": 500}, "more seats spent and returned than it ever had"),
        ],
    )
    def test_an_account_that_is_not_what_the_log_says_is_named(
        self, plain: Server, change_to: dict[str, int], said: str
    ) -> None:
        day(plain)
        change(plain, update(account).where(account.c.device == "k-hall-a").values(**change_to))
        assert said in wrongs(plain)

    def test_entries_without_an_account_are_found(self, plain: Server) -> None:
        day(plain)
        change(plain, delete(account).where(account.c.device == "k-club-door"))
        assert "k-club-door, store 1, club: 1 entry without an account" in wrongs(plain)

    def test_entries_from_before_the_room_had_a_limit_are_a_note(self, plain: Server) -> None:
        day(plain)
        change(
            plain,
            update(account).where(account.c.device == "k-club-door").values(entries=0),
            update(capacity).where(capacity.c.room == "club").values(at=to_ms(plain.now)),
        )
        assert wrongs(plain) == ""
        assert "k-club-door, store 1, club: 1 entry from before the room had a limit" in notes(plain)

    def test_more_seats_given_out_than_there_are_is_found(self, plain: Server) -> None:
        day(plain)
        change(plain, update(account).where(account.c.device == "k-club-door").values(granted=40))
        assert "club: 10 more seats given out than the room has, 0 of them explained" in wrongs(plain)

    def test_after_a_capacity_was_lowered_it_is_a_note_with_the_number(self, plain: Server) -> None:
        day(plain)
        low = insert(capacity).values(room="club", at=to_ms(plain.now), capacity=5)
        change(plain, low, update(book).where(book.c.room == "club").values(capacity=5))
        assert wrongs(plain) == ""
        assert "below nothing: the capacity was lowered" in notes(plain)


class TestCapacity:
    def crowd(self, server: Server, bodies: int) -> PaperKiosk:
        """More people in the salon (10 seats) than the protocol lets in: written without seats."""
        salon = server.kiosk("salon-door")
        server.exchange(salon)
        for person in range(1, bodies + 1):
            server.now += SECOND
            salon.pass_through(Kind.ENTRY, badge_of(server, person), server.now)
        server.exchange(salon)
        return salon

    def test_a_room_over_its_capacity_is_named_with_the_entry_that_was_too_many(self, plain: Server) -> None:
        self.crowd(plain, 12)
        found = wrongs(plain)
        numbers = [row["id"] for row in plain.rows(passage)]
        assert (
            f"salon: 11 seats in use, 10 allowed, after passage {numbers[10]} (k-salon-door, gate salon-door)" in found
        )
        assert f"salon: 12 seats in use, 10 allowed, after passage {numbers[11]}" in found
        assert list(audit.report(audited(plain)))[-1].startswith("WRONG: ")

    def test_a_seat_that_came_back_may_be_used_again(self, plain: Server) -> None:
        salon = self.crowd(plain, 10)
        leave(plain, salon, 1)
        plain.now += SECOND
        salon.pass_through(Kind.ENTRY, badge_of(plain, 11), plain.now)
        plain.exchange(salon)
        assert "seats in use, 10 allowed" not in wrongs(plain)
        change(plain, update(stay).where(stay.c.credited).values(credited=False))
        assert "salon: 11 seats in use, 10 allowed" in wrongs(plain)

    def test_an_entry_that_is_only_perhaps_before_an_exit_proves_nothing(self, plain: Server) -> None:
        salon = self.crowd(plain, 10)
        plain.now += MINUTE
        at = plain.now
        write(plain, salon, Kind.EXIT, badge=badge_of(plain, 1), at=at, uncertainty_ms=20_000)
        write(plain, salon, Kind.ENTRY, badge=badge_of(plain, 11), at=at - 10 * SECOND)
        plain.exchange(salon)
        assert "seats in use" not in wrongs(plain)

    def test_what_a_lowered_capacity_finds_inside_is_a_note(self, plain: Server) -> None:
        self.crowd(plain, 5)
        middle = plain.rows(passage)[1]["at"]
        change(plain, insert(capacity).values(room="salon", at=middle, capacity=3))
        assert "seats in use" not in wrongs(plain)
        assert "salon: 2 entries above the capacity of the moment" in notes(plain)

    def test_exits_that_may_still_be_on_a_kiosk_leave_it_unproven(self, plain: Server) -> None:
        self.crowd(plain, 11)
        change(plain, update(incarnation).values(said_seq=12))
        assert "seats in use" not in wrongs(plain)
        assert "salon: 11 seats in use, 10 allowed" in notes(plain)
        assert "not proven, for exits may still be on k-salon-door" in notes(plain)

    def test_an_exit_of_somebody_who_has_left_already_brings_no_second_seat_back(self, plain: Server) -> None:
        hall = plain.kiosk("hall-a")
        plain.exchange(hall)
        out = plain.kiosk("hall-out")
        plain.exchange(out)
        for person in (1, 2):
            enter(plain, hall, person)
        for _ in range(2):
            leave(plain, out, 1)
        for person in (3, 4):
            enter(plain, hall, person)
        plain.exchange(hall)
        plain.exchange(out)
        assert "hall: 4 entries, 0 forced or counted in; at most 3 seats in use" in report(plain)
        change(plain, update(account).where(account.c.device == "k-hall-out").values(exits=2))
        assert "at most 2 seats in use" in report(plain)  # the kiosk says that both exits counted

    def test_a_clear_begins_anew_and_the_next_crowd_is_measured_by_the_new_capacity(self, plain: Server) -> None:
        self.crowd(plain, 10)
        plain.now += MINUTE
        facts = {"room": "salon", "retired": []}
        row = {"kind": "clear", "at": to_ms(plain.now), "by": "supervisor", "room": "salon", "device": ""}
        row |= {"facts": msgspec.json.encode(facts).decode(), "reason": "x", "state": "done", "confirmed_by": "admin"}
        row |= {"confirmed": to_ms(plain.now), "outcome": "0 inside"}
        change(
            plain,
            insert(act).values(**row),
            insert(capacity).values(room="salon", at=to_ms(plain.now) - 1, capacity=4),
        )
        salon = plain.kiosk("salon-door")
        salon.incarnation = 2
        for person in range(20, 25):
            plain.now += SECOND
            salon.pass_through(Kind.ENTRY, badge_of(plain, person), plain.now)
        plain.take(salon.letter())
        found = wrongs(plain)
        assert "salon: 5 seats in use, 4 allowed" in found
        assert found.count("seats in use") == 1


def swept(*events: tuple[int, What, int] | tuple[int, What, int, int]) -> Sweep:
    """A sweep over events (at, what, number), with ``other`` where the time is uncertain."""
    sweep = Sweep()
    for event in events:
        sweep.take(Event(*event) if len(event) == 4 else Event(*event, event[0]))
    return sweep


class TestTheSweep:
    """What a room is measured by."""

    def test_seats_that_kiosks_hold_over_a_count_stay_allowed(self) -> None:
        before = [(1, What.CAPACITY, 100), (2, What.ENTRY, 20), (3, What.CAPACITY, 10), (4, What.COUNT, 0)]
        assert swept(*before).allowed == 80

    def test_after_a_clear_of_a_full_room_the_capacity_of_the_moment_counts(self) -> None:
        before = [(1, What.CAPACITY, 100), (2, What.ENTRY, 100), (3, What.CAPACITY, 10), (4, What.COUNT, 0)]
        assert swept(*before).allowed == 10

    def test_more_heads_than_the_log_had_are_allowed_beside_what_kiosks_hold(self) -> None:
        sweep = swept((1, What.CAPACITY, 100), (2, What.ENTRY, 40), (3, What.COUNT, 70))
        assert (sweep.inside, sweep.allowed) == (70, 130)

    def test_forced_entries_count_and_are_allowed(self) -> None:
        sweep = swept((1, What.CAPACITY, 10), (2, What.ENTRY, 10), (3, What.BESIDE, 2))
        assert (sweep.inside, sweep.allowed, sweep.peak.inside) == (12, 12, 12)

    def test_who_may_have_come_in_before_the_heads_were_counted_is_among_them(self) -> None:
        sweep = swept((1, What.CAPACITY, 10), (20, What.COUNT, 5), (25, What.ENTRY, 1, 15), (35, What.ENTRY, 1, 25))
        assert sweep.inside == 6

    def test_who_may_have_left_only_after_the_heads_were_counted_is_among_them(self) -> None:
        doubtful, sure = (15, What.OUT, 1, 25), (16, What.OUT, 1, 18)
        sweep = swept((1, What.CAPACITY, 10), (2, What.ENTRY, 9), doubtful, sure, (20, What.COUNT, 7))
        assert sweep.inside == 6

    def test_what_was_inside_before_a_restore_proves_nothing(self) -> None:
        before = [(1, What.CAPACITY, 10), (2, What.ENTRY, 14), (3, What.RESTORE, 0)]
        sweep = swept(*before)
        assert sweep.allowed == 14
        assert sweep.take(Event(4, What.ENTRY, 1, 4)) is not None
