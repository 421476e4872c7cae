"""Reading codes: what is read of rendered footage and of photographs, that nothing ever raises, and what is skipped.

The photographs lie in ../shared/qr beside the project and are other people's; without them those tests are skipped.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from admission.badge import PREFIX, TOKEN_LENGTH
from deploy.cards import code
from deploy.footage import Look, Scene, Showing
from kiosk.reader import Frame, Glance, ZbarReader

SIZE = (1280, 720)
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
PHOTOGRAPHS = Path(__file__).parents[2].parent / "shared" / "qr"
photographed = pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="there is no ../shared/qr beside the project")


def badge(seed: int) -> str:
    """A text that looks like a token."""
    return PREFIX + "".join(random.Random(seed).choices(ALPHANUMERIC, k=TOKEN_LENGTH - len(PREFIX)))


def scene(seed: int) -> Scene:
    """A camera's view at ten frames a second."""
    return Scene(SIZE, 10, np.random.default_rng(seed))


def held_up(text: str, seed: int, look: Look = Look.CARD) -> list[Frame]:
    """The frames of a badge that comes, is held for a second and goes."""
    return list(scene(seed).frames(Showing(text, look, "Ana", 90, 1.0)))


def board(*codes: tuple[str, int, int]) -> Frame:
    """A bright wall with codes at these middles (x, y)."""
    wall = np.full((SIZE[1], SIZE[0]), 230, np.uint8)
    for text, x, y in codes:
        image = code(text)
        top, left = y - image.shape[0] // 2, x - image.shape[1] // 2
        wall[top : top + image.shape[0], left : left + image.shape[1]] = image
    return wall


def texts(frame: Frame) -> list[str]:
    """What is read, in order."""
    return [reading.text for reading in ZbarReader().read(frame)]


class TestReading:
    @pytest.mark.parametrize("look", [Look.CARD, Look.PHONE, Look.COPY])
    def test_a_badge_held_up_is_read_as_what_it_says(self, look: Look) -> None:
        read = {text for frame in held_up(badge(1), 1, look)[5:-5] for text in texts(frame)}
        assert read == {badge(1)}

    def test_nobody_is_nothing_to_read(self) -> None:
        assert texts(scene(1).empty()) == []

    def test_our_badges_come_first_and_of_those_the_one_nearest_the_middle(self) -> None:
        wall = board(
            ("HTTPS://EXAMPLE.ORG/1", 640, 300),
            ("HTTPS://EXAMPLE.ORG/2", 640, 560),
            (badge(1), 120, 200),
            (badge(2), 900, 300),
            (badge(3), 1130, 560),
        )
        assert texts(wall) == [badge(2), badge(3), badge(1), "HTTPS://EXAMPLE.ORG/1", "HTTPS://EXAMPLE.ORG/2"]

    def test_the_place_of_a_reading_is_the_middle_of_its_code(self) -> None:
        [reading] = ZbarReader().read(board((badge(1), 400, 500)))
        assert [reading.x, reading.y] == pytest.approx([400, 500], abs=5)

    def test_a_text_in_no_encoding_is_read_without_complaint(self) -> None:
        assert len(texts(board(("æ\x80\xff Grüße", 640, 360)))) == 1


class TestNothingRaises:
    @pytest.mark.parametrize(
        "frame",
        [
            np.zeros((720, 1280), np.uint8),
            np.full((720, 1280), 255, np.uint8),
            np.random.default_rng(1).integers(0, 256, (720, 1280), np.uint8),
            np.zeros((1, 1), np.uint8),
            np.zeros((0, 0), np.uint8),
            np.zeros((0, 100), np.uint8),
            np.zeros((100, 0), np.uint8),
            np.zeros((21, 4000), np.uint8),
            np.zeros((4000, 21), np.uint8),
            np.random.default_rng(1).integers(0, 2, (300, 300), np.uint8) * 255,
            np.zeros((3000, 4000), np.uint8),
        ],
        ids=["black", "white", "noise", "pixel", "empty", "flat", "thin", "wide", "tall", "modules", "huge"],
    )
    def test_a_frame_with_nothing_in_it_is_nothing(self, frame: Frame) -> None:
        assert ZbarReader().read(frame) == []

    @given(
        st.tuples(st.integers(0, 50), st.integers(0, 50)).flatmap(
            lambda shape: arrays.arrays(np.uint8, shape, elements=st.sampled_from([0, 255, 128]))
        )
    )
    def test_no_small_frame_raises(self, frame: Frame) -> None:
        assert ZbarReader().read(frame) == []

    def test_a_code_in_a_huge_frame_is_read(self) -> None:
        huge = np.asarray(cv2.resize(board((badge(1), 640, 360)), (4000, 3000)), np.uint8)
        assert texts(huge) == [badge(1)]

    @pytest.mark.parametrize("view", ["every other column", "mirrored twice", "a part", "column by column"])
    def test_a_frame_whose_rows_do_not_lie_together_is_read_like_any_other(self, view: str) -> None:
        frame = board((badge(1), 640, 360))
        scattered = {
            "every other column": np.repeat(frame, 2, axis=1)[:, ::2],
            "mirrored twice": np.ascontiguousarray(frame[::-1, ::-1])[::-1, ::-1],
            "a part": np.pad(frame, 50)[50:-50, 50:-50],
            "column by column": np.asfortranarray(frame),
        }[view]
        assert not scattered.flags.c_contiguous
        assert texts(scattered) == [badge(1)]
        assert Glance().deserves(scattered)

    def test_a_frame_that_cannot_be_written_to_is_read(self) -> None:
        frame = board((badge(1), 640, 360))
        frame.setflags(write=False)
        assert texts(frame) == [badge(1)]
        assert Glance().deserves(frame)


class TestGlance:
    def test_an_empty_door_is_mostly_passed_over(self) -> None:
        view, glance = scene(2), Glance()
        deserved = [glance.deserves(view.empty()) for _ in range(150)]
        assert sum(deserved) < 150 * 0.3

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_a_badge_that_moves_into_view_is_looked_at_from_the_first_frame_that_can_be_read(self, seed: int) -> None:
        view, glance = scene(seed), Glance()
        while glance.deserves(view.empty()) or glance.deserves(view.empty()):
            pass  # until it is dozing
        came = list(view.frames(Showing(badge(seed), Look.CARD, "Ana", 90, 1.0)))
        looked = [glance.deserves(frame) for frame in came]
        readable = [badge(seed) in texts(frame) for frame in came]
        assert all(looked[readable.index(True) :][:5])

    def test_a_motionless_badge_is_read_at_least_every_fifth_frame(self) -> None:
        glance, frame = Glance(), board((badge(1), 640, 360))
        deserved = [glance.deserves(frame) for _ in range(60)]
        assert all(any(deserved[at : at + 5]) for at in range(56))
        assert sum(deserved[20:]) == 8

    @given(st.lists(st.integers(0, 255), min_size=5, max_size=60))
    def test_five_frames_are_never_passed_over_whatever_changes(self, levels: list[int]) -> None:
        glance = Glance()
        deserved = [glance.deserves(np.full((45, 80), level, np.uint8)) for level in levels]
        assert deserved[0]
        assert all(any(deserved[at : at + 5]) for at in range(len(deserved) - 4))

    def test_a_change_wakes_it_at_once(self) -> None:
        glance, dark, light = Glance(), np.zeros((72, 128), np.uint8), np.full((72, 128), 20, np.uint8)
        while glance.deserves(dark):
            pass
        assert glance.deserves(light)

    @given(st.integers(1, 60), st.integers(1, 60))
    def test_frames_of_any_size_can_be_glanced_at(self, height: int, width: int) -> None:
        assert Glance().deserves(np.zeros((height, width), np.uint8))


def photographs(folder: str) -> list[tuple[str, set[str], Frame]]:
    """(name, the texts in it, picture) of all photographs whose texts are ASCII.

    Of others zbar guesses the encoding, and sometimes guesses wrong; badges are ASCII.
    """
    expected: dict[str, set[str]] = {}
    with (PHOTOGRAPHS / folder / "expected.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            expected.setdefault(row["file"], set()).add(row["text"])
    return [
        (name, wanted, np.asarray(cv2.imread(str(PHOTOGRAPHS / folder / name), cv2.IMREAD_GRAYSCALE), np.uint8))
        for name, wanted in expected.items()
        if all(text.isascii() for text in wanted)
    ]


@photographed
class TestPhotographs:
    def test_where_there_is_no_code_none_is_read(self) -> None:
        pictures = [path for path in sorted((PHOTOGRAPHS / "negatives").iterdir()) if path.suffix == ".webp"]
        assert len(pictures) > 30
        for path in pictures:
            frame = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
            assert texts(frame) == [], path.name

    def test_most_phone_photographs_are_read_and_none_wrongly(self) -> None:
        pictures = photographs("zxing")
        read = {name: set(texts(frame)) for name, _, frame in pictures}
        assert not {name: read[name] - wanted for name, wanted, _ in pictures if read[name] - wanted}
        assert sum(bool(found) for found in read.values()) >= 0.6 * len(pictures) > 60

    def test_no_dense_code_is_read_wrongly(self) -> None:
        pictures = photographs("dgc")
        assert len(pictures) > 100
        for name, wanted, frame in pictures:
            assert set(texts(frame)) <= wanted, name
