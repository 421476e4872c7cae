"""Advice is shown when it has stood for a moment, and does not flicker."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kiosk.face import hint
from kiosk.face.words import ADVICE_LIMIT, TITLE_LIMIT
from kiosk.hints import STEADY_MS, Hints
from kiosk.reader import Advice
from tests.kiosk.conftest import Doors

FRAME_MS = 100


def shown(advice: Sequence[Advice | None], *, sure: bool = True) -> list[Advice | None]:
    """What is shown, frame by frame."""
    hints = Hints()
    return [hints.hear(one, 1000 + FRAME_MS * at, sure=sure) for at, one in enumerate(advice)]


def test_advice_of_one_frame_is_not_shown() -> None:
    assert set(shown([Advice.GLARE, None, None, None, None, None])) == {None}


def test_advice_that_stands_is_shown_and_outlasts_a_frame_without_any() -> None:
    seen = shown([*[Advice.GLARE] * 5, None, Advice.GLARE, Advice.GLARE])
    assert seen[:3] == [None] * 3
    assert set(seen[5:]) == {Advice.GLARE}


def test_advice_that_changes_must_stand_again() -> None:
    assert shown([Advice.GLARE, Advice.DARK] * 6)[-1] is None


def test_what_may_be_a_shirt_must_stand_longer_and_is_not_advised_of_for_ever() -> None:
    seen = shown([Advice.BLURRED] * 200, sure=False)
    assert set(seen[: STEADY_MS[False] // FRAME_MS - 1]) == {None}
    assert Advice.BLURRED in seen
    assert set(seen[60:]) == {None}


def test_after_a_while_of_nothing_it_may_be_advised_of_again() -> None:
    seen = shown([*[Advice.BLURRED] * 60, *[None] * 40, *[Advice.BLURRED] * 20], sure=False)
    assert seen[59] is None
    assert seen[-1] is Advice.BLURRED


def test_advice_ends_when_the_code_has_gone() -> None:
    assert shown([*[Advice.CLOSER] * 6, *[None] * 6])[-1] is None


def test_every_advice_has_words_that_fit_the_screen() -> None:
    for advice in Advice:
        words = hint(advice)
        assert 0 < len(words.title) <= TITLE_LIMIT
        assert 0 < len(words.advice) <= ADVICE_LIMIT


@pytest.mark.parametrize("advice", list(Advice))
def test_the_door_shows_advice_and_forgets_it_when_the_badge_is_read(door: Doors, advice: Advice) -> None:
    kiosk = door("hall-a")
    kiosk.script.advice = advice
    for _ in range(1 + STEADY_MS[False] // FRAME_MS + 1):
        kiosk.ms += FRAME_MS
        kiosk.gate.step(kiosk.frame)
    assert (kiosk.face.shown[-1].state, kiosk.face.now) == ("reading", f"hint_{advice.value}")
    kiosk.script.advice, kiosk.script.texts = None, [kiosk.world.tokens["p1"]]
    kiosk.ms += FRAME_MS
    kiosk.gate.step(kiosk.frame)
    assert kiosk.face.now == "welcome"


def test_a_verdict_is_not_covered_by_advice(door: Doors) -> None:
    kiosk = door("hall-a")
    kiosk.script.texts = [kiosk.world.tokens["p1"]]
    kiosk.gate.step(kiosk.frame)
    kiosk.script.texts, kiosk.script.advice = [], Advice.BLURRED
    for _ in range(10):
        kiosk.ms += FRAME_MS
        kiosk.gate.step(kiosk.frame)
        assert kiosk.face.now == "welcome"
