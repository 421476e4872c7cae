"""Repeated refusals: the first at once, the rest as a count, and none lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from admission.rules import Why
from kiosk.refusals import MINUTE_MS, Refusals

pauses = st.integers(0, 2 * MINUTE_MS)
visits = st.lists(st.tuples(pauses, st.sampled_from([1, 2]), st.sampled_from([Why.FULL, Why.REVOKED])), max_size=60)


def test_the_first_is_written_at_once_and_the_rest_of_the_minute_as_a_count() -> None:
    refusals = Refusals()
    assert refusals.note(1, Why.FULL, "keynote", 0)
    assert not any(refusals.note(1, Why.FULL, "keynote", at) for at in (1, 20_000, MINUTE_MS - 1))
    assert refusals.due(MINUTE_MS - 1) == []
    assert refusals.due(MINUTE_MS) == [(1, Why.FULL, "keynote", 3)]
    assert refusals.due(10 * MINUTE_MS) == []


def test_a_single_refusal_leaves_no_count_behind() -> None:
    refusals = Refusals()
    refusals.note(1, Why.FULL, "keynote", 0)
    assert refusals.due(MINUTE_MS) == []


def test_another_badge_or_another_reason_is_another_run() -> None:
    refusals = Refusals()
    assert refusals.note(1, Why.FULL, "", 0)
    assert refusals.note(2, Why.FULL, "", 0)
    assert refusals.note(1, Why.REVOKED, "", 0)


def test_after_a_minute_the_next_is_written_at_once_again() -> None:
    refusals = Refusals()
    refusals.note(1, Why.FULL, "", 0)
    assert refusals.note(1, Why.FULL, "", MINUTE_MS)


def test_a_refusal_that_begins_the_next_minute_does_not_swallow_the_count_of_the_last() -> None:
    refusals = Refusals()
    refusals.note(1, Why.FULL, "keynote", 0)
    refusals.note(1, Why.FULL, "keynote", 10)
    refusals.note(1, Why.FULL, "keynote", 20)
    assert refusals.note(1, Why.FULL, "panel", MINUTE_MS)
    assert refusals.due(MINUTE_MS) == [(1, Why.FULL, "keynote", 2)]


@given(visits)
def test_every_refusal_is_written_or_counted(film: list[tuple[int, int, Why]]) -> None:
    refusals, now, written = Refusals(), 0, 0
    for pause, badge, why in film:
        now += pause
        written += refusals.note(badge, why, "", now)
        written += sum(count for *_, count in refusals.due(now))
    written += sum(count for *_, count in refusals.due(now + MINUTE_MS))
    assert written == len(film)


@given(visits)
def test_at_most_two_are_written_per_badge_reason_and_minute(film: list[tuple[int, int, Why]]) -> None:
    refusals, now = Refusals(), 0
    written: dict[tuple[int, Why], list[int]] = {}
    for pause, badge, why in film:
        now += pause
        if refusals.note(badge, why, "", now):
            written.setdefault((badge, why), []).append(now)
        for counted, reason, _, _ in refusals.due(now):
            written.setdefault((counted, reason), []).append(now)
    for times in written.values():
        for at in times:
            assert sum(at <= other < at + MINUTE_MS for other in times) <= 2
