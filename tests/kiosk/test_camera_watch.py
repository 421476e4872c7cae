"""What is decided about frames without a camera: how many are wanted, whether it still sees, how it is put right."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from kiosk.camera import Frame
from kiosk.camera.framing import Crop, Framing
from kiosk.camera.pace import Pace
from kiosk.camera.watch import COVERED, OPENING_MS, SILENT, STUCK, Watch

SIZE = (72, 128)
EVERY_MS = 33


def noisy(seed: int, level: int = 90) -> Frame:
    """What a sensor gives before an empty wall: never twice the same."""
    return np.random.default_rng(seed).normal(level, 1.5, SIZE).clip(0, 255).astype(np.uint8)


def plain(level: int) -> Frame:
    """What no sensor gives."""
    return np.full(SIZE, level, np.uint8)


def watched(frames: Iterable[Frame]) -> tuple[Watch, int]:
    """A watch that has seen these from instant 0 on, and the instant of the last."""
    watch, now = Watch(0), 0
    for now, frame in enumerate(frames):
        watch.see(frame, now * EVERY_MS)
    return watch, now * EVERY_MS


class TestWatch:
    def test_an_empty_wall_under_a_steady_light_is_no_trouble(self) -> None:
        watch, now = watched(noisy(number) for number in range(200))
        assert watch.trouble(now) == ""
        assert watch.proven_ms == EVERY_MS  # at its second frame

    @pytest.mark.parametrize(
        ("after", "words"),
        [
            ([], SILENT),
            ([noisy(1)] * 61, STUCK),
            ([plain(0)] * 61, COVERED),
            ([noisy(number, 0) for number in range(61)], COVERED),
        ],
    )
    def test_what_is_wrong_is_known_within_two_seconds_and_not_before_one(self, after: list[Frame], words: str) -> None:
        watch, now = watched([noisy(0), noisy(1)])
        known = None
        for instant in range(now + EVERY_MS, now + 2000, EVERY_MS):
            if after:
                watch.see(after.pop(0), instant)
            if known is None and watch.trouble(instant):
                known = instant - now
        assert known is not None
        assert 1000 < known <= 2000
        assert watch.trouble(now + 1990) == words

    def test_a_trouble_is_over_with_the_next_good_frame(self) -> None:
        watch, now = watched([noisy(0), noisy(1), *[plain(0)] * 90])
        assert watch.trouble(now) == COVERED
        watch.see(noisy(2), now + 10)
        assert watch.trouble(now + 10) == ""

    def test_a_device_may_take_its_time_to_open(self) -> None:
        watch = Watch(1000)
        assert watch.trouble(1000 + OPENING_MS) == ""
        assert watch.trouble(1001 + OPENING_MS) == SILENT
        watch.see(noisy(0), 5500)
        assert watch.trouble(5600) == ""

    @pytest.mark.parametrize("frame", [plain(0), plain(200), noisy(3)])
    def test_frames_that_are_all_the_same_never_prove_that_it_sees(self, frame: Frame) -> None:
        assert watched([frame] * 20)[0].proven_ms is None

    def test_a_dim_room_is_no_covered_lens(self) -> None:
        watch, now = watched(noisy(number, 4) for number in range(90))
        assert watch.trouble(now) == ""

    def test_one_lamp_in_the_dark_is_no_covered_lens(self) -> None:
        lamp = plain(0)
        lamp[32:48, 48:64] = 120
        watch, now = watched(np.maximum(lamp, noisy(number, 0)) for number in range(90))
        assert watch.trouble(now) == ""


class TestPace:
    def test_before_anything_is_known_it_is_awake(self) -> None:
        assert Pace(30, 10).interval_ms(123_456) == 33

    def test_it_rises_at_once_when_something_moves_and_falls_three_seconds_after_the_last(self) -> None:
        pace = Pace(30, 10)
        pace.note(False, 0)
        assert (pace.interval_ms(2999), pace.interval_ms(3000)) == (33, 100)
        pace.note(True, 10_000)
        pace.note(True, 10_500)
        pace.note(False, 10_600)
        assert (pace.interval_ms(10_500), pace.interval_ms(13_499), pace.interval_ms(13_500)) == (33, 33, 100)

    def test_the_rates_are_those_of_the_settings(self) -> None:
        pace = Pace(50, 5)
        pace.note(False, 0)
        assert (pace.interval_ms(0), pace.interval_ms(9999)) == (20, 200)

    @pytest.mark.parametrize(("camera_ms", "idle", "taken"), [(33, False, 30), (33, True, 10), (40, False, 25)])
    def test_a_camera_that_is_not_quite_regular_loses_no_frame(self, camera_ms: int, idle: bool, taken: int) -> None:
        pace = Pace(30, 10)
        pace.note(False, -3000 if idle else 0)
        before, count = 0, 0
        for number in range(1, 1000 // camera_ms + 1):
            now = number * camera_ms + (-4, 3, 0)[number % 3]
            if pace.due(before, now):
                before, count = now, count + 1
        assert abs(count - taken) <= 1


class TestFraming:
    FRAME = np.arange(12, dtype=np.uint8).reshape(3, 4)

    def test_with_nothing_to_do_the_frame_itself_comes_back(self) -> None:
        assert Framing().apply(self.FRAME) is self.FRAME

    @pytest.mark.parametrize(("degrees", "first_row"), [(90, [8, 4, 0]), (180, [11, 10, 9, 8]), (270, [3, 7, 11])])
    def test_it_is_turned_clockwise(self, degrees: int, first_row: list[int]) -> None:
        assert Framing(rotate=degrees).apply(self.FRAME)[0].tolist() == first_row

    def test_it_is_mirrored_left_to_right_after_it_was_turned(self) -> None:
        assert Framing(mirror=True).apply(self.FRAME)[0].tolist() == [3, 2, 1, 0]
        assert Framing(rotate=90, mirror=True).apply(self.FRAME)[0].tolist() == [0, 4, 8]

    @pytest.mark.parametrize(
        ("crop", "kept"),
        [((0.5, 0, 1, 1), [[2, 3], [6, 7], [10, 11]]), ((0, 0.3, 0.25, 0.7), [[4]]), ((0, 0, 1, 1), None)],
    )
    def test_it_is_cut_down_to_what_is_kept(self, crop: Crop, kept: list[list[int]] | None) -> None:
        expected = self.FRAME.tolist() if kept is None else kept
        assert Framing(crop=crop).apply(self.FRAME).tolist() == expected

    def test_the_edges_are_those_of_the_upright_picture(self) -> None:
        assert Framing(rotate=90, crop=(0, 0, 1, 0.25)).apply(self.FRAME).tolist() == [[8, 4, 0]]

    def test_what_comes_out_lies_in_one_piece_as_readers_need_it(self) -> None:
        framing = Framing(rotate=270, mirror=True, crop=(0.2, 0.2, 0.9, 0.9))
        assert framing.apply(noisy(0)).flags.c_contiguous
