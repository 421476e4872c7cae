"""The glance: what deserves a look, where something like a code is, and what the eye advises."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.footage import Look, Scene, Showing
from kiosk.reader import Advice
from kiosk.reader.glance import Glance, halved, suspects
from kiosk.reader.places import UNSEEN_MS, Places
from kiosk.reader.sight import Suspect, square
from tests.eyes import new_eye, texts
from tests.views import MODULES, View, at_pixels, look, token


def scene(seed: int) -> Scene:
    """A camera's view at ten frames a second."""
    return Scene((1280, 720), 10, np.random.default_rng(seed))


class TestGlance:
    def test_an_empty_door_is_mostly_passed_over(self) -> None:
        view, glance = scene(2), Glance()
        assert sum(glance.at(view.empty()).deserves for _ in range(150)) < 150 * 0.3

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_a_badge_that_moves_into_view_is_looked_at_from_the_first_frame_that_can_be_read(self, seed: int) -> None:
        view, glance = scene(seed), Glance()
        while glance.at(view.empty()).deserves or glance.at(view.empty()).deserves:
            pass  # until it is dozing
        came = list(view.frames(Showing(token(seed), Look.CARD, "Ana", 90, 1.0)))
        looked = [glance.at(frame).deserves for frame in came]
        readable = [token(seed) in texts(frame) for frame in came]
        assert all(looked[readable.index(True) :][:5])

    @given(st.lists(st.integers(0, 255), min_size=5, max_size=60))
    def test_five_frames_are_never_passed_over_whatever_changes(self, levels: list[int]) -> None:
        glance = Glance()
        deserved = [glance.at(np.full((45, 80), level, np.uint8)).deserves for level in levels]
        assert deserved[0]
        assert all(any(deserved[at : at + 5]) for at in range(len(deserved) - 4))

    def test_a_change_wakes_it_at_once(self) -> None:
        glance, dark, light = Glance(), np.zeros((72, 128), np.uint8), np.full((72, 128), 20, np.uint8)
        while glance.at(dark).deserves:
            pass
        assert glance.at(light).moved
        assert glance.at(light).deserves

    @given(st.integers(1, 60), st.integers(1, 60))
    def test_frames_of_any_size_can_be_glanced_at(self, height: int, width: int) -> None:
        frame = np.zeros((height, width), np.uint8)
        assert Glance().at(frame).deserves
        assert suspects(halved(frame)) == ()


class TestSuspects:
    @pytest.mark.parametrize(
        "view",
        [
            View(),
            at_pixels(1.8, View()),
            View(defocus_px=4),
            View(motion_px=12, motion_deg=40),
            View(light=0.06),
            View(tilt_deg=50),
            View(screen=True, dark_mode=True),
            View(off_px=(560, -250)),
        ],
        ids=["plain", "far", "blurred", "moved", "dark", "tilted", "dark mode", "corner"],
    )
    def test_a_code_is_suspected_where_it_is(self, view: View) -> None:
        for seed in range(4):
            seen = look(token(seed), view, seed)
            side = view.module_px * MODULES
            near = [
                one
                for one in suspects(halved(seen.frame))
                if max(abs(a - b) for a, b in zip(one.quad.middle, seen.middle, strict=True)) < side / 2
            ]
            assert near
            assert 0.5 < near[0].quad.side / side < 2

    def test_an_empty_foyer_has_none(self) -> None:
        assert suspects(halved(scene(1).empty())) == ()


class TestPlaces:
    def test_looks_in_vain_are_counted_by_place(self) -> None:
        places, here, there = Places(), Suspect(square(0, 0, 100, 100)), Suspect(square(500, 0, 600, 100))
        for at in range(3):
            places.note([here], 100 * at)
        places.note([there], 300)
        assert (places.looks(here), places.looks(there)) == (3, 1)

    def test_a_place_is_forgotten_when_nothing_was_seen_there_for_a_while(self) -> None:
        places, here = Places(), Suspect(square(0, 0, 100, 100))
        places.note([here], 0)
        places.note([], UNSEEN_MS + 1)
        assert places.looks(here) == 0

    def test_two_guesses_at_one_place_are_one_look(self) -> None:
        places = Places()
        places.note([Suspect(square(0, 0, 100, 100), 37), Suspect(square(2, 0, 102, 100), 33)], 0)
        assert places.looks(Suspect(square(0, 0, 100, 100))) == 1


CAUSES = {
    Advice.CLOSER: lambda dice: at_pixels(dice.uniform(0.8, 1.0), View()),
    Advice.BLURRED: lambda dice: View(defocus_px=dice.uniform(4, 6)),
    Advice.HOLD_STILL: lambda dice: View(motion_px=dice.uniform(18, 26), motion_deg=dice.uniform(0, 180)),
    Advice.DARK: lambda dice: View(light=dice.uniform(0.01, 0.02), noise=4),
    Advice.GLARE: lambda dice: View(glare=dice.uniform(0.45, 0.6)),
    Advice.CUT_OFF: lambda dice: View(off_px=[(620, 0), (-620, 0), (0, -345), (0, 345)][dice.integers(4)]),
}


@pytest.mark.parametrize("cause", CAUSES, ids=lambda one: one.value)
def test_what_keeps_a_badge_from_being_read_is_said(cause: Advice) -> None:
    said: Counter[Advice | None] = Counter()
    for seed in range(6):
        dice, eye = np.random.default_rng(seed), new_eye()
        view = CAUSES[cause](dice)
        for at in range(5):
            sight = eye.look(look(token(seed), view, 10 * seed + at).frame, 33 * at, insist=True)
            if sight.readings:
                break
            if at > 1 and (sight.suspect or cause is Advice.DARK):
                said[sight.advice] += 1
    assert said.total() >= 6, "some of them must not be readable"
    assert said[cause] >= 0.85 * said.total()


def test_nothing_is_advised_of_a_badge_that_is_read() -> None:
    eye = new_eye()
    for at in range(6):
        sight = eye.look(look(token(1), View(), at).frame, 33 * at, insist=True)
        assert sight.readings
        assert sight.advice is None
