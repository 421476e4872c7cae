"""The seat accounts: a kiosk and a server that disagree about everything but never over-fill the room.

The machine drives the very functions that kiosk and server run. Its network loses, repeats, delays and reorders;
the truth is the number of bodies in the room, which the protocol never reads.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from admission.ledger import Held, RoomBook, grant, merge
from admission.seats import Account, Grant, RolledBack, accept, give_back, let_out, spend
from admission.venue import Exits

CAPACITY = 7
KIOSKS = 3
kiosk = st.integers(0, KIOSKS - 1)


class Room(RuleBasedStateMachine):
    """Three gates of a room with trusted exits."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies = 0
        self.held = [Account() for _ in range(KIOSKS)]
        self.server = [Held(Account(era=1)) for _ in range(KIOSKS)]
        self.book = RoomBook(CAPACITY)
        self.reports: list[tuple[int, Account]] = []
        self.grants: list[tuple[int, Grant]] = []

    @rule(who=kiosk)
    def somebody_comes(self, who: int) -> None:
        if self.held[who].balance >= 1:
            self.held[who] = spend(self.held[who])
            self.bodies += 1

    @precondition(lambda self: self.bodies > 0)
    @rule(who=kiosk)
    def somebody_leaves(self, who: int) -> None:
        self.held[who] = let_out(self.held[who], Exits.TRUSTED)
        self.bodies -= 1

    @rule(who=kiosk, seats=st.integers(0, 9))
    def a_kiosk_returns_seats(self, who: int, seats: int) -> None:
        self.held[who] = give_back(self.held[who], seats)

    @rule(who=kiosk)
    def a_kiosk_reports(self, who: int) -> None:
        self.reports.append((who, self.held[who]))

    @precondition(lambda self: self.reports)
    @rule(data=st.data(), wish=st.integers(0, 9), again=st.booleans())
    def a_report_arrives(self, data: st.DataObject, wish: int, again: bool) -> None:
        at = data.draw(st.integers(0, len(self.reports) - 1))
        who, said = self.reports[at] if again else self.reports.pop(at)
        self.server[who] = merge(self.server[who], said)
        if said.era == self.server[who].account.era:
            free = self.book.free(one.account for one in self.server)
            self.server[who] = grant(self.server[who], free, wish)
        self.grants.append((who, Grant(self.server[who].account.era, self.server[who].account.granted, 0)))

    @precondition(lambda self: self.grants)
    @rule(data=st.data(), again=st.booleans())
    def a_grant_arrives(self, data: st.DataObject, again: bool) -> None:
        at = data.draw(st.integers(0, len(self.grants) - 1))
        who, given = self.grants[at] if again else self.grants.pop(at)
        self.held[who] = accept(self.held[who], given, own_seq=0)

    @precondition(lambda self: self.reports or self.grants)
    @rule()
    def the_network_loses_everything(self) -> None:
        self.reports.clear()
        self.grants.clear()

    @invariant()
    def the_room_is_never_over_filled(self) -> None:
        assert self.bodies <= CAPACITY

    @invariant()
    def nobody_holds_less_than_nothing(self) -> None:
        assert all(one.balance >= 0 for one in self.held)

    @invariant()
    def all_seats_are_accounted_for(self) -> None:
        assert self.bodies + sum(one.balance for one in self.held) <= CAPACITY


Room.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestRoom = Room.TestCase


def test_a_seat_that_is_not_held_cannot_be_spent() -> None:
    with pytest.raises(ValueError, match="no seat"):
        spend(Account(era=1, granted=2, entries=2))


def test_a_grant_of_an_earlier_era_changes_nothing() -> None:
    held = Account(era=3, granted=5)
    assert accept(held, Grant(2, 50, 0), own_seq=0) == held


def test_a_grant_is_a_total_so_hearing_it_twice_gives_nothing_more() -> None:
    once = accept(Account(), Grant(1, 5, 0), own_seq=0)
    assert accept(once, Grant(1, 5, 0), own_seq=0) == once
    assert accept(once, Grant(1, 3, 0), own_seq=0) == once


def test_a_server_that_knows_later_passages_unmasks_an_older_copy_of_the_store() -> None:
    with pytest.raises(RolledBack):
        accept(Account(era=1), Grant(1, 5, have_seq=9), own_seq=8)


def test_more_than_is_held_cannot_be_given_back() -> None:
    assert give_back(Account(granted=5, entries=3), 9).balance == 0


def test_merging_never_moves_a_counter_back() -> None:
    mine = Account(1, granted=5, returned=1, entries=9, exits=2, forced=0)
    theirs = Account(0, granted=7, returned=0, entries=3, exits=4, forced=1)
    assert merge(Held(mine), theirs).account == Account(1, granted=7, returned=1, entries=9, exits=4, forced=1)


def test_after_a_capacity_is_lowered_nothing_is_granted() -> None:
    held = Account(1, granted=10, entries=8)
    free = RoomBook(6).free([held])
    assert free == -4
    assert grant(Held(Account(1)), free, 5).account.granted == 0


def test_a_stay_that_the_server_closed_and_a_forced_entry_count_once() -> None:
    assert RoomBook(10, recount=1, closed=2).free([Account(granted=4, forced=3)]) == 10 + 1 - 4 + 2 - 3
