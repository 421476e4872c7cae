"""Blur: its direction and length are found, and what it hid can be read again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.cards import code
from kiosk.reader import Frame
from kiosk.reader.blur import MOVED, movement, smear, unblurred, unmoved
from kiosk.reader.engines import local_threshold
from tests.eyes import new_eye
from tests.views import View, line, look, token


def paper(seed: int = 1) -> Frame:
    """A badge's code, about five pixels a module."""
    return np.pad(np.asarray(code(token(seed)), np.uint8), 30, constant_values=240)


def moved(picture: Frame, length: float, degrees: float) -> Frame:
    """The picture while the shutter is open, with a sensor's noise."""
    smeared = cv2.filter2D(picture.astype(np.float32), -1, line(length, degrees))
    noise = np.random.default_rng(1).normal(0, 3, picture.shape)
    return np.clip(smeared + noise, 0, 255).astype(np.uint8)


def apart(one: float, other: float) -> float:
    """Between two directions, in degrees."""
    return min(abs(one - other) % 180, 180 - abs(one - other) % 180)


@given(st.floats(0, 180), st.sampled_from([7.0, 10.0, 14.0]))
@settings(max_examples=25)
def test_direction_and_length_of_a_movement_are_found(degrees: float, length: float) -> None:
    picture = moved(paper(), length, degrees)
    evenness, found = smear(picture)
    assert evenness < MOVED
    assert apart(found, degrees) < 10
    assert movement(picture, degrees) == pytest.approx(length, abs=1.5)


def test_a_still_picture_is_left_as_it_is() -> None:
    assert unmoved(paper()) is None


@pytest.mark.parametrize("level", [0, 128, 255])
def test_where_there_is_nothing_to_see_nothing_is_done(level: int) -> None:
    assert unmoved(np.full((100, 100), level, np.uint8)) is None
    assert unmoved(np.full((4, 100), level, np.uint8)) is None


@pytest.mark.parametrize(("length", "degrees"), [(10, 0), (10, 90), (12, 45), (14, 160)])
def test_a_badge_smeared_beyond_reading_is_read_when_its_movement_is_taken_away(length: float, degrees: float) -> None:
    picture = moved(paper(), length, degrees)
    assert local_threshold(picture).readings == ()
    still = unmoved(picture)
    assert still is not None
    assert [one.text for one in local_threshold(still).readings] == [token(1)]


def test_a_badge_out_of_focus_beyond_reading_is_read_when_its_blur_is_taken_away() -> None:
    picture = np.asarray(cv2.GaussianBlur(paper(), (0, 0), 3.2), np.uint8)
    assert local_threshold(picture).readings == ()
    sharp = unblurred(3.1, 0.001)(picture)
    assert sharp is not None
    assert [one.text for one in local_threshold(sharp).readings] == [token(1)]


@pytest.mark.parametrize("length", [8, 12])
def test_a_badge_that_is_moved_while_it_is_held_up_is_read_within_half_a_second(length: float) -> None:
    for seed in range(6):
        eye, read = new_eye(), False
        for at in range(15):
            view = View(motion_px=length, motion_deg=30 * seed + 31 * at)
            sight = eye.look(look(token(seed), view, 100 * seed + at).frame, 33 * at, insist=True)
            read = token(seed) in {one.text for one in sight.readings}
            if read:
                break
        assert read
