"""The server's side of the accounts, rule by rule; the histories in tests/seats put them together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from admission import ledger, stays
from admission.ledger import Held, JournalUnread, RoomBook, State
from admission.seats import Account
from admission.stays import Close, How, Open, Stay, Step
from admission.venue import Exits

LIVE = Held(Account(1, granted=10, entries=4))


def test_a_report_that_knows_more_grants_than_the_database_shows_a_restore() -> None:
    assert ledger.shows_restore(LIVE.account, Account(1, granted=11), era=1)
    assert ledger.shows_restore(None, Account(1, granted=1), era=1)
    assert ledger.shows_restore(LIVE.account, Account(2, granted=3), era=1)
    assert not ledger.shows_restore(LIVE.account, Account(1, granted=10), era=1)
    assert not ledger.shows_restore(LIVE.account, Account(1, granted=99), era=2), "what a recovery waits for"


def test_no_kiosk_spends_returns_or_gets_back_what_it_does_not_hold() -> None:
    assert ledger.is_absurd(Account(1, granted=2, entries=3), Exits.TRUSTED)
    assert ledger.is_absurd(Account(1, granted=2, returned=3), Exits.TRUSTED)
    assert ledger.is_absurd(Account(1, granted=2, exits=1), Exits.MATCHED)
    assert ledger.is_absurd(Account(1, granted=2, entries=1, exits=2), Exits.NONE)
    assert not ledger.is_absurd(Account(1, granted=2, entries=2, exits=2), Exits.NONE)
    assert not ledger.is_absurd(Account(1, granted=2, exits=9), Exits.TRUSTED), "people came in by other gates"


def test_a_fenced_account_gets_and_returns_nothing_and_what_it_spends_is_heard() -> None:
    fenced = ledger.fence(LIVE)
    assert ledger.grant(fenced, free=9, target=9) == fenced
    said = Account(1, granted=10, returned=3, entries=6, forced=2)
    assert ledger.merge(fenced, said).account == Account(1, granted=10, returned=0, entries=6, forced=2)


def test_of_a_retired_account_only_what_makes_less_free_is_heard() -> None:
    retired = replace(LIVE, state=State.RETIRED)
    said = Account(1, granted=12, returned=5, entries=6, exits=7, forced=1)
    assert ledger.merge(retired, said).account == Account(1, granted=12, entries=4, forced=1)


@pytest.mark.parametrize(("closed", "have"), [(False, 9), (True, 8), (False, 8)])
def test_nobody_vouches_for_a_journal_that_was_not_read_to_its_end(closed: bool, have: int) -> None:
    with pytest.raises(JournalUnread):
        ledger.vouch(LIVE, closed=closed, have_seq=have, head_seq=9)


def test_a_vouch_brings_back_what_was_not_spent_and_only_once() -> None:
    once = ledger.vouch(LIVE, closed=True, have_seq=9, head_seq=9)
    assert (once.account.returned, once.state) == (6, State.RETIRED)
    assert ledger.vouch(once, closed=True, have_seq=9, head_seq=9) == once


def test_a_count_lowers_what_is_free_at_once_and_raises_it_only_when_all_have_reported() -> None:
    book, accounts = RoomBook(10), [replace(LIVE, hold=2)]
    assert book.free([LIVE.account]) == 0
    assert ledger.recount(book, accounts, heads=6, hold=3).free([LIVE.account]) == -2
    assert ledger.recount(book, accounts, heads=1, hold=3).free([LIVE.account]) == 0
    assert ledger.recount(book, accounts, heads=1, hold=2).free([LIVE.account]) == 3


def test_a_kiosk_that_was_fenced_and_may_still_run_keeps_a_count_from_raising() -> None:
    assert not ledger.may_raise([replace(ledger.fence(LIVE), hold=9)], hold=1)
    assert ledger.may_raise([replace(LIVE, state=State.RETIRED)], hold=1)


def test_a_restore_voids_what_a_count_had_raised_and_keeps_what_it_had_lowered() -> None:
    assert ledger.after_restore(RoomBook(10, recount=4)).recount == 0
    assert ledger.after_restore(RoomBook(10, recount=-4)).recount == -4


def test_a_stay_from_before_a_count_ends_without_a_seat_coming_back() -> None:
    before = Stay(1, "hall", opened=10, closed=None, settled=True, earliest=9)
    [over] = [stays.leave([before], Step("hall", 20), lambda _room: True)]
    assert over == Close(before, 20, How.EXIT, credit=False)
    assert stays.annul(before, 20, lambda _room: True) == Close(before, 20, How.ANNULLED, credit=False)
    [elsewhere, _] = stays.enter([before], Step("club", 20), lambda room: {room}, lambda _room: True)
    assert elsewhere == Close(before, 20, How.ELSEWHERE, credit=False)


def test_an_entry_from_before_a_count_opens_a_stay_that_earns_nothing() -> None:
    [opened] = stays.enter([], Step("hall", 20, 1, settled=True), lambda room: {room}, lambda _room: True)
    assert opened == Open("hall", 21, settled=True, earliest=19)


def test_an_entry_ends_no_stay_elsewhere_that_may_have_begun_after_it() -> None:
    began = Stay(1, "hall", opened=1083, closed=None, earliest=1067)
    changes = stays.enter([began], Step("club", 1080, 1), lambda room: {room}, lambda _room: True)
    assert changes == [Open("club", 1081, earliest=1079)]


def test_an_exit_ends_no_stay_that_may_have_begun_after_it() -> None:
    began = Stay(1, "hall", opened=105, closed=None, earliest=95)
    assert stays.leave([began], Step("hall", 104, 1), lambda _room: True) == Open("hall", None, closed=103)


def test_an_annulment_after_the_exit_brings_no_second_seat_back() -> None:
    assert stays.annul(Stay(1, "hall", 10, 20), 30, lambda _room: True) is None
    assert stays.annul(None, 30, lambda _room: True) is None
