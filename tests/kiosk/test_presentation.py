"""Many frames of one held-up badge are one presentation, however the reading flickers."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from kiosk.presentation import UNSEEN_MS, Presentations

short = st.integers(1, UNSEEN_MS - 1)
texts = st.lists(st.sampled_from("abc"), unique=True, max_size=3)
films = st.lists(st.tuples(st.integers(0, 2 * UNSEEN_MS), texts), max_size=40)


def begun(film: Sequence[tuple[int, Sequence[str]]]) -> list[tuple[int, str]]:
    """(instant, text) of all presentations that begin; a film is pauses and what is in view after each."""
    presentations, now, found = Presentations(), 1000, []
    for pause, in_view in film:
        now += pause
        text = presentations.see(in_view, now)
        if text is not None:
            found.append((now, text))
    return found


@given(st.lists(short, max_size=60))
def test_a_badge_held_with_flicker_begins_exactly_once(pauses: list[int]) -> None:
    assert begun([(0, "a"), *((pause, "a") for pause in pauses)]) == [(1000, "a")]


@given(st.lists(st.lists(st.integers(1, 500), min_size=1, max_size=8), max_size=20))
def test_unreadable_frames_in_between_change_nothing(holds: list[list[int]]) -> None:
    film: list[tuple[int, Sequence[str]]] = [(0, "a")]
    for pauses in holds:
        unseen = 0
        for pause in pauses:
            unseen += pause
            again = unseen + 500 >= UNSEEN_MS
            film.append((pause, "a" if again else ""))
            unseen = 0 if again else unseen
        film.append((1, "a"))
    assert len(begun(film)) == 1


@given(st.integers(UNSEEN_MS, 10**7))
def test_a_badge_out_of_sight_for_a_second_and_a_half_begins_anew(away: int) -> None:
    assert begun([(0, "a"), (away, "a")]) == [(1000, "a"), (1000 + away, "a")]


@given(short)
def test_a_badge_out_of_sight_for_less_does_not(away: int) -> None:
    assert begun([(0, "a"), (away // 2, ""), (away - away // 2, "a")]) == [(1000, "a")]


@given(st.lists(st.tuples(short, st.permutations("ab")), min_size=1, max_size=40))
def test_two_codes_in_view_never_flip(film: list[tuple[int, list[str]]]) -> None:
    found = [text for _, text in begun(film)]
    first = film[0][1][0]
    assert found == [first, "b" if first == "a" else "a"][: len(film)]


@given(films)
def test_a_text_begins_only_when_it_is_in_view_and_was_unseen(film: list[tuple[int, list[str]]]) -> None:
    starts = begun(film)
    assert len({at for at, _ in starts}) <= len(film)
    now, last = 1000, dict.fromkeys("abc", -UNSEEN_MS)
    beginnings = iter(starts)
    for pause, in_view in film:
        now += pause
        fresh = [text for text in in_view if now - last[text] >= UNSEEN_MS]
        if fresh:
            assert next(beginnings) == (now, fresh[0])
        last |= {text: now for text in in_view if text not in fresh[1:]}
    assert next(beginnings, None) is None


@given(st.permutations("abc"))
def test_the_best_candidate_begins_first_and_the_others_in_their_order(order: list[str]) -> None:
    found = begun([(0, order), (100, order), (100, order), (100, order)])
    assert [text for _, text in found] == order


def test_a_newcomer_begins_while_another_is_still_held() -> None:
    assert begun([(0, "a"), (100, "ab"), (100, "ab"), (100, "ba")]) == [(1000, "a"), (1100, "b")]


def test_the_same_code_twice_in_a_frame_is_one() -> None:
    assert begun([(0, ["a", "a"]), (100, ["a", "a"])]) == [(1000, "a")]


@given(films)
def test_what_is_remembered_is_what_is_in_view(film: list[tuple[int, list[str]]]) -> None:
    presentations, now = Presentations(), 0
    for pause, in_view in film:
        now += pause
        presentations.see(in_view, now)
        assert all(presentations.shows(text) for text in in_view[:1])
    presentations.see([], now + UNSEEN_MS)
    assert not any(presentations.shows(text) for _, texts in film for text in texts)
