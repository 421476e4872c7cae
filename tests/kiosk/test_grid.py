"""Modules of bent codes, and of codes that several frames show in parts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from deploy.cards import code
from kiosk.reader import Frame, grid
from kiosk.reader.engines import both_ways, local_threshold
from kiosk.reader.grid import BADGE_MODULES, Modules
from kiosk.reader.sight import Reading, Suspect, square
from kiosk.reader.votes import MEMORY_MS, Votes
from tests.views import token


def sheet(text: str) -> Frame:
    """A code, large, on paper."""
    return np.pad(np.asarray(cv2.resize(code(text), None, fx=2, fy=2), np.uint8), 60, constant_values=245)


def bent(flat: Frame, depth: float, waves: float) -> Frame:
    """As on a cushion: everything is pushed aside by up to so many pixels."""
    high, wide = flat.shape
    down, across = np.mgrid[0:high, 0:wide].astype(np.float32)
    right = depth * np.sin(waves * np.pi * down / high)
    low = depth * np.sin(waves * np.pi * across / wide)
    return np.asarray(cv2.remap(flat, across + right, down + low, cv2.INTER_LINEAR, borderValue=245), np.uint8)


def true_modules(text: str) -> Modules:
    """Of a code seen straight on."""
    flat = np.asarray(cv2.resize(code(text), (BADGE_MODULES + 8,) * 2, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(1 - flat[4:-4, 4:-4] / 127.5, np.float32)


def text_of(reading: Reading | None) -> str:
    """What was read, or nothing."""
    return reading.text if reading is not None else ""


@pytest.mark.parametrize("seed", range(6))
def test_a_badge_on_a_cushion_is_read_where_the_engine_only_finds_it(seed: int) -> None:
    picture = bent(sheet(token(seed)), depth=6, waves=3)
    found = local_threshold(picture)
    assert found.readings == ()
    assert found.suspects
    read = {one.text for suspect in found.suspects if (one := grid.read(picture, suspect)) is not None}
    assert read == {token(seed)}


def test_how_many_modules_there_are_is_asked_of_the_suspect() -> None:
    picture = sheet("HTTPS://EXAMPLE.ORG/A")
    [reading] = both_ways(picture).readings
    assert reading.quad is not None
    for modules, text in ((reading.modules, "HTTPS://EXAMPLE.ORG/A"), (BADGE_MODULES, None)):
        read = grid.read(picture, Suspect(reading.quad, modules, sure=True))
        assert (read.text if read is not None else None) == text


@pytest.mark.parametrize("pixels", ["black", "white", "noise"])
def test_where_there_is_no_code_there_are_no_modules_to_read(pixels: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 300), np.uint8)
    frame = {"black": np.zeros((300, 300), np.uint8), "white": np.full((300, 300), 255, np.uint8), "noise": noise}[
        pixels
    ]
    for modules in (21, 25, 37, 57, 177):
        assert grid.read(frame, Suspect(square(20, 20, 280, 280), modules, sure=True)) is None


def test_corners_that_cannot_be_are_no_error() -> None:
    frame = sheet(token(1))
    for quad in (square(0, 0, 0, 0), square(-500, -500, 9000, 9000), square(280, 280, 20, 20)):
        assert grid.read(frame, Suspect(quad, 37, sure=True)) is None


def test_frames_that_each_hide_a_third_are_read_together() -> None:
    dice, votes, text = np.random.default_rng(2), Votes(), token(5)
    read = []
    for at in range(10):
        seen = true_modules(text) + dice.normal(0, 0.2, (BADGE_MODULES,) * 2).astype(np.float32)
        seen[dice.random(seen.shape) < 0.35] = 0
        assert grid.decode(seen) is None
        read.append(text_of(votes.add(np.asarray(seen, np.float32), 33 * at)))
    assert set(read) == {"", text}
    assert read[-1] == text


def test_another_code_begins_the_count_anew() -> None:
    votes = Votes()
    for at in range(5):
        votes.add(true_modules(token(5)), at)
    assert votes.add(true_modules(token(6)), 6) is None
    assert text_of(votes.add(true_modules(token(6)), 7)) == token(6)


def test_a_faint_picture_of_another_code_is_not_added_to_the_sum() -> None:
    dice = np.random.default_rng(3)
    for seed in range(20):
        votes = Votes()
        votes.add(true_modules(token(seed)), 0)
        hidden = true_modules(token(seed + 100))
        hidden[dice.random(hidden.shape) < 0.6] = 0
        assert votes.add(hidden, 33) is None
        assert text_of(votes.add(true_modules(token(seed + 100)), 66)) in ("", token(seed + 100))


@pytest.mark.parametrize("how", ["read", "long ago"])
def test_what_is_over_is_not_counted(how: str) -> None:
    votes = Votes()
    votes.add(true_modules(token(5)), 0)
    if how == "read":
        votes.forget()
    assert votes.add(true_modules(token(5)), 100 if how == "read" else MEMORY_MS + 1) is None


def test_codes_larger_than_any_badge_are_not_followed() -> None:
    assert grid.read(sheet(token(1)), Suspect(square(60, 60, 400, 400), 177, sure=True)) is None
