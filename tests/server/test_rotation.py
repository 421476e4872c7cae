"""Which backups are kept, said of all that can have been made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from server.rotation import BOUND, NEWEST, kept

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
instants = st.lists(st.integers(0, 40 * 86_400).map(lambda ago: NOON - timedelta(seconds=ago)), max_size=400)
anywhen = st.lists(st.integers(-90_000, 90_000).map(lambda off: NOON + timedelta(seconds=off)), max_size=60)


def every(step: timedelta, back: timedelta) -> list[datetime]:
    return [NOON - step * number for number in range(back // step + 1)]


@given(anywhen)
def test_the_newest_is_always_kept_and_nothing_is_kept_that_was_not_there(made: list[datetime]) -> None:
    spared = kept(made, NOON)
    assert max([*made, NOON]) in spared
    assert NOON in spared
    assert spared <= {*made, NOON}


@given(instants)
def test_there_are_never_more_than_the_bound(made: list[datetime]) -> None:
    assert len(kept(made, NOON)) <= BOUND


def test_however_often_a_failing_service_makes_one_the_disk_does_not_fill() -> None:
    assert len(kept(every(timedelta(seconds=7), timedelta(days=3)), NOON)) <= BOUND


@given(instants)
def test_thinning_twice_is_thinning_once(made: list[datetime]) -> None:
    once = kept(made, NOON)
    assert kept(once, NOON) == once


def test_every_five_minutes_of_the_last_two_hours_are_kept() -> None:
    recent = {one for one in every(timedelta(minutes=5), timedelta(days=20)) if one > NOON - timedelta(hours=2)}
    assert recent <= kept(every(timedelta(minutes=5), timedelta(days=20)), NOON)


def test_each_hour_of_two_days_and_each_day_of_two_weeks_has_one_whenever_it_is_asked() -> None:
    spared: set[datetime] = set()
    for number in range(30 * 288):  # as the timer does it, thinning each time
        now = NOON + timedelta(minutes=5) * number
        spared = kept({*spared, now}, now)
    ages = sorted(now - one for one in spared)
    assert all(later - earlier <= timedelta(hours=1) for earlier, later in pairwise(ages) if later < timedelta(days=2))
    assert all(later - earlier <= timedelta(days=1) for earlier, later in pairwise(ages))
    assert timedelta(days=13) < ages[-1] <= timedelta(days=14)


@given(instants, st.integers(0, 40 * 86_400))
def test_what_was_made_before_somebody_was_erased_goes_once_there_is_a_newer_one(
    made: list[datetime], ago: int
) -> None:
    cut = NOON - timedelta(seconds=ago)
    spared = kept(made, NOON, cut)
    assert all(one > cut or one == NOON for one in spared)
    assert spared - {NOON} == {one for one in kept(made, NOON) if one > cut} - {NOON}


def test_a_wrong_clock_costs_no_backup() -> None:
    before = every(timedelta(hours=1), timedelta(days=1))
    long_ago = NOON - timedelta(days=200)  # the machine forgot the time
    assert set(before) <= kept(before, long_ago)
    far_ahead = NOON + timedelta(days=200)
    assert len(kept(before, far_ahead) & set(before)) == NEWEST - 1
