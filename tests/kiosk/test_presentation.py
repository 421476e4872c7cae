"""Many frames of one held-up badge are one presentation, however the reading flickers and whoever else is in view."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from admission.badge import is_like_badge
from kiosk.presentation import ANSWER_MS, AWAY_MS, GONE_LOOKS, STRANGER_MS, UNSEEN_MS, YIELD_MS, Presentations
from kiosk.reader.sight import Reading, square
from tests.views import token

ANA, BOB, CAT = (token(seed) for seed in range(3))
POSTER, TICKET = "https://example.org", "TB - a trade board"
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
        seen = sorted(unordered, key=lambda one: not is_like_badge(_text(one)))
        text = presentations.see([one if isinstance(one, Reading) else reading(one) for one in seen], now)
        if text is not None:
            found.append((now, text))
    return found


def _text(one: str | Reading) -> str:
    return one.text if isinstance(one, Reading) else one


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
    found = begun(film)
    assert len({text for _, text in found}) == len(found)
    assert all(later - earlier >= AWAY_MS for (earlier, _), (later, _) in itertools.pairwise(found))


@given(films)
def test_no_answer_to_a_badge_is_overtaken(film: list[tuple[int, list[str]]]) -> None:
    """By whatever is in view, and however the badge flickers."""
    turn: tuple[int, str] | None = None
    for at, text in begun(film):
        if turn is not None and turn[1] != POSTER and text != turn[1]:
            assert at - turn[0] >= (STRANGER_MS if text == POSTER else AWAY_MS) or at - turn[0] >= UNSEEN_MS
        turn = (at, text)


@given(films)
def test_a_badge_that_is_in_view_gives_way_only_to_one_nearer_or_after_a_while(
    film: list[tuple[int, list[str]]],
) -> None:
    now, views = 1000, {}
    for pause, seen in film:
        now += pause
        views[now] = sorted(seen, key=lambda one: one == POSTER)
    turn: tuple[int, str] | None = None
    for at, text in begun(film):
        if turn is not None and turn[1] in views[at] and text != turn[1] and turn[1] != POSTER:
            assert text != POSTER
            nearer = views[at].index(text) < views[at].index(turn[1])
            assert at - turn[0] >= (ANSWER_MS if nearer else YIELD_MS)
        turn = (at, text)


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
    film = [*held([ANA, BOB], 500), *held([BOB], 1500)]
    assert [text for _, text in begun(film)] == [ANA, BOB]
    assert begun(film)[1][0] - begun(film)[0][0] == 400 + GONE_LOOKS * FRAME_MS


def test_however_fast_the_queue_an_answer_can_be_seen() -> None:
    film = [*held([ANA], 100), *held([BOB], 1500)]
    assert begun(film)[1][0] - begun(film)[0][0] == AWAY_MS


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


def test_the_answer_to_a_badge_stands_before_the_poster_that_its_holder_stood_in_front_of_is_answered() -> None:
    film = [*held([ANA], 500), *held([POSTER], 5000)]
    assert [text for _, text in begun(film)] == [ANA, POSTER]
    assert begun(film)[1][0] - begun(film)[0][0] == STRANGER_MS


def test_two_foreign_codes_do_not_override_each_other_frame_by_frame() -> None:
    film = held([POSTER, "https://example.org/2", "https://example.org/3"], 3000)
    assert [text for _, text in begun(film)] == [POSTER]


def test_a_foreign_code_that_begins_like_a_badge_does_not_hold_up_a_badge() -> None:
    assert begun([(0, [TICKET]), (33, [ANA, TICKET])]) == [(1000, TICKET), (1033, ANA)]


def test_a_badge_missed_in_one_frame_does_not_give_way_to_the_one_behind_it() -> None:
    film = [*held([ANA, BOB], 1300), (100, [BOB]), *held([ANA, BOB], 1000)]
    assert [text for _, text in begun(film)] == [ANA]


def test_a_lanyard_seen_now_and_then_does_not_begin_over_and_over_beside_a_badge_held_still() -> None:
    film: list[tuple[int, Sequence[str | Reading]]] = [(0, [ANA])]
    for _ in range(12):
        film += [*held([ANA], UNSEEN_MS + 100), (50, [BOB, ANA])]
    starts = [at for at, text in begun(film) if text == BOB]
    assert all(later - earlier >= YIELD_MS for earlier, later in itertools.pairwise(starts))


def test_a_presentation_that_was_not_decided_on_begins_anew() -> None:
    presentations = Presentations()
    assert presentations.see([reading(ANA)], 0) == ANA
    presentations.forget(ANA)
    assert presentations.see([reading(ANA)], 100) == ANA


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
