"""Many frames of one held-up badge are one presentation, however the reading flickers and whoever else is in view."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from admission.badge import PREFIX
from kiosk.presentation import ANSWER_MS, GONE_MS, UNSEEN_MS, YIELD_MS, Presentations
from kiosk.reader.sight import Reading, square

ANA, BOB, CAT = (PREFIX + name for name in ("ANA", "BOB", "CAT"))
POSTER = "https://example.org"
FRAME_MS = 100
short = st.integers(1, UNSEEN_MS - 1)
seen_at_once = st.lists(st.sampled_from([ANA, BOB, CAT, POSTER]), unique=True, max_size=4)
films = st.lists(st.tuples(st.integers(1, 2 * UNSEEN_MS), seen_at_once), max_size=40)


def reading(text: str, side: float = 100) -> Reading:
    """A code that is so large."""
    return Reading(text, 0, 0, quad=square(0, 0, side, side))


def begun(film: Sequence[tuple[int, Sequence[str | Reading]]]) -> list[tuple[int, str]]:
    """(instant, text) of all presentations that begin; a film is pauses and what is in view after each, as the eye
    orders it: badges first, the nearest to the middle first."""
    presentations, now, found = Presentations(), 1000, []
    for pause, unordered in film:
        now += pause
        seen = sorted(unordered, key=lambda one: one == POSTER)
        text = presentations.see([one if isinstance(one, Reading) else reading(one) for one in seen], now)
        if text is not None:
            found.append((now, text))
    return found


def held(seen: Sequence[str | Reading], ms: int) -> list[tuple[int, Sequence[str | Reading]]]:
    """The same in view for so long."""
    return [(FRAME_MS, seen)] * (ms // FRAME_MS)


@given(st.lists(short, max_size=60))
def test_a_badge_held_with_flicker_begins_exactly_once(pauses: list[int]) -> None:
    assert begun([(0, [ANA]), *((pause, [ANA]) for pause in pauses)]) == [(1000, ANA)]


@given(st.integers(UNSEEN_MS, 10**7))
def test_a_badge_out_of_sight_for_a_second_and_a_half_begins_anew(away: int) -> None:
    assert begun([(0, [ANA]), (away, [ANA])]) == [(1000, ANA), (1000 + away, ANA)]


@given(short)
def test_a_badge_out_of_sight_for_less_does_not(away: int) -> None:
    assert begun([(0, [ANA]), (away // 2, []), (away - away // 2, [ANA])]) == [(1000, ANA)]


@given(st.lists(st.tuples(st.integers(1, 200), st.permutations([ANA, BOB])), min_size=1, max_size=60))
def test_two_badges_in_view_never_flip(film: list[tuple[int, list[str]]]) -> None:
    found = [text for _, text in begun(film)]
    first = film[0][1][0]
    assert found == [first, BOB if first == ANA else ANA][: len(found)]
    assert len(found) <= 2


@given(films)
def test_no_answer_is_overtaken_by_another_badge_that_was_in_view_with_it(
    film: list[tuple[int, list[str]]],
) -> None:
    starts, now, seen_at = begun(film), 1000, dict.fromkeys([ANA, BOB, CAT, POSTER], -(10**6))
    turn, beginnings = None, dict(starts)
    for pause, seen in film:
        now += pause
        if now in beginnings and turn is not None and beginnings[now] != POSTER:
            still_there = now - seen_at[turn[1]] < GONE_MS
            assert not still_there or now - turn[0] >= ANSWER_MS
        if now in beginnings and beginnings[now] != POSTER:
            turn = (now, beginnings[now])
        seen_at.update(dict.fromkeys(seen, now))


@given(films)
def test_a_text_begins_only_when_it_is_in_view_and_its_last_presentation_has_ended(
    film: list[tuple[int, list[str]]],
) -> None:
    views, now = {}, 1000
    for pause, seen in film:
        now += pause
        views[now] = seen
    for at, text in begun(film):
        assert text in views[at]
    ends: dict[str, int] = {}
    for at, text in begun(film):
        assert at - ends.get(text, -UNSEEN_MS) >= UNSEEN_MS or text not in ends
        ends[text] = at


def test_of_two_that_come_together_the_one_nearer_the_middle_begins() -> None:
    assert begun([(0, [BOB, ANA]), (100, [ANA, BOB])]) == [(1000, BOB)]


def test_the_next_in_the_queue_begins_as_soon_as_the_badge_before_is_gone() -> None:
    film = [*held([ANA, BOB], 600), *held([BOB], 600)]
    assert [text for _, text in begun(film)] == [ANA, BOB]
    assert begun(film)[1][0] - begun(film)[0][0] == 500 + GONE_MS


def test_a_badge_that_hangs_in_the_background_waits_until_the_one_before_is_gone() -> None:
    behind = reading(BOB, 70)
    assert [text for _, text in begun(held([ANA, behind], 4000))] == [ANA]


def test_a_badge_held_nearer_than_one_that_still_hangs_in_view_has_its_turn_after_the_answer() -> None:
    film = [*held([reading(ANA, 100)], 300), *held([reading(ANA, 100), reading(BOB, 140)], 3000)]
    assert [text for _, text in begun(film)] == [ANA, BOB]
    assert begun(film)[1][0] - begun(film)[0][0] == ANSWER_MS


def test_a_badge_nearer_the_middle_has_its_turn_after_the_answer() -> None:
    film = [*held([ANA], 300), *held([BOB, ANA], 3000)]
    assert [text for _, text in begun(film)] == [ANA, BOB]


def test_a_badge_left_lying_in_view_keeps_nobody_out_for_long() -> None:
    film = held([ANA, reading(BOB, 50)], YIELD_MS + 1000)
    assert begun(film)[1] == (begun(film)[0][0] + YIELD_MS, BOB)


def test_a_foreign_code_never_comes_before_a_badge() -> None:
    assert [text for _, text in begun(held([ANA, POSTER], 5000))] == [ANA]


def test_a_foreign_code_does_not_cover_the_answer_to_a_badge_that_flickers() -> None:
    assert begun([(0, [ANA]), (33, [POSTER]), (33, [ANA, POSTER]), (33, [POSTER])]) == [(1000, ANA)]


def test_a_foreign_code_alone_is_answered() -> None:
    assert begun(held([POSTER], 3000)) == [(1100, POSTER)]


def test_a_badge_begins_at_once_though_a_foreign_code_was_answered_just_before() -> None:
    assert [text for _, text in begun([(0, [POSTER]), (33, [ANA, POSTER])])] == [POSTER, ANA]


def test_the_same_code_twice_in_a_frame_is_one() -> None:
    assert begun([(0, [ANA, ANA]), (100, [ANA, ANA])]) == [(1000, ANA)]


@given(films)
def test_nothing_is_remembered_of_what_has_been_out_of_view(film: list[tuple[int, list[str]]]) -> None:
    presentations, now = Presentations(), 0
    for pause, seen in film:
        now += pause
        presentations.see([reading(text) for text in seen], now)
    presentations.see([], now + UNSEEN_MS)
    assert presentations.idle
    assert not any(presentations.shows(text) for _, texts in film for text in texts)
