"""The demo's films: how they look to a reader, how they are written, how they keep to the clock."""

import io
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from pyzbar.pyzbar import ZBarSymbol, decode

from deploy.cards import PX_PER_MM, QR_MM, QUIET_MODULES, code
from deploy.footage import Frame, Look, Scene, Showing, photograph, play, write_y4m

SIZE = (1280, 720)
FPS = 10
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
BADGE_MODULES = 37
COMING = 5  # frames, and as many for going
EVERY = 2  # of how many frames one is read: reading is the slow part of these tests


def showing(dice: random.Random, look: Look = Look.CARD, seconds: float = 1.5, name: str = "Ana") -> Showing:
    text = "".join(dice.choices(ALPHANUMERIC, k=122))
    return Showing(text, look, name, colour=dice.randrange(40, 220), seconds=seconds)


def texts(frame: Frame) -> list[str]:
    return [found.data.decode() for found in decode(frame, symbols=[ZBarSymbol.QRCODE])]


@pytest.fixture
def dice() -> random.Random:
    return random.Random(4)


@pytest.fixture
def scene() -> Scene:
    return Scene(SIZE, FPS, np.random.default_rng(4))


@dataclass
class HandClock:
    """Time that passes only by waiting, or when a test says so."""

    now: float = 100.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Shadows(Scene):
    """Black frames for nobody, white ones for somebody; notes how many of those were rendered."""

    rendered = 0

    def empty(self) -> Frame:
        return np.zeros((180, 320), np.uint8)

    def takes(self, showing: Showing) -> list[Callable[[], Frame]]:
        return [self._white for _ in super().takes(showing)]

    def _white(self) -> Frame:
        self.rendered += 1
        return np.full((180, 320), 255, np.uint8)


class TestScene:
    @pytest.mark.parametrize("look", Look)
    def test_every_frame_is_grey_bytes_of_the_camera_s_size(
        self, scene: Scene, dice: random.Random, look: Look
    ) -> None:
        frames = [scene.empty(), *scene.frames(showing(dice, look))]
        assert {(frame.shape, frame.dtype.name) for frame in frames} == {((720, 1280), "uint8")}

    def test_a_showing_lasts_as_long_as_it_is_held_and_comes_and_goes(self, scene: Scene, dice: random.Random) -> None:
        assert len(list(scene.frames(showing(dice, seconds=1.7)))) == 17 + 2 * COMING

    @pytest.mark.parametrize("look", [Look.CARD, Look.PHONE, Look.COPY])
    def test_a_held_badge_is_read_in_most_frames_and_at_least_once(
        self, scene: Scene, dice: random.Random, look: Look
    ) -> None:
        read, never_read = [], 0
        for _ in range(5):
            held = showing(dice, look)
            frames = list(scene.frames(held))[COMING:-COMING:EVERY]
            reads = [texts(frame) == [held.text] for frame in frames]
            read += reads
            never_read += not any(reads)
        assert never_read == 0
        assert 0.5 < sum(read) / len(read) < 1

    def test_a_damaged_badge_is_never_read(self, scene: Scene, dice: random.Random) -> None:
        for _ in range(6):
            frames = list(scene.frames(showing(dice, Look.DAMAGED)))[::EVERY]
            assert not any(texts(frame) for frame in frames)

    def test_somebody_else_s_code_is_read_as_what_it_says(self, scene: Scene) -> None:
        leaflet = Showing("https://example.org/fair?hall=3", Look.FOREIGN, "Fair", 90, 1.5)
        assert any(leaflet.text in texts(frame) for frame in scene.frames(leaflet))

    @pytest.mark.parametrize("name", ["", "Łukasz Żółć", "田中 太郎", "فاطمة", "A" * 200])
    def test_a_name_of_any_length_and_script_leaves_the_code_readable(self, name: str) -> None:
        scene = Scene(SIZE, FPS, np.random.default_rng(1))
        held = showing(random.Random(1), name=name)
        assert any(held.text in texts(frame) for frame in scene.frames(held))

    def test_nobody_is_in_an_empty_frame_but_light_and_noise_never_rest(self, scene: Scene) -> None:
        frames = [scene.empty() for _ in range(FPS * 40)]
        levels = [float(frame.mean()) for frame in frames]
        assert not texts(frames[0])
        assert 2 < max(levels) - min(levels) < 15
        assert not any(np.array_equal(a, b) for a, b in itertools.pairwise(frames))

    def test_a_frame_shown_before_is_not_changed_by_a_later_one(self, scene: Scene, dice: random.Random) -> None:
        first = scene.empty()
        copy = first.copy()
        for frame in scene.frames(showing(dice)):
            frame[:] = 0
        scene.empty()
        assert np.array_equal(first, copy)

    def test_the_same_seed_gives_the_same_film(self) -> None:
        films = [
            np.stack(list(Scene((320, 180), FPS, np.random.default_rng(9)).frames(showing(random.Random(9)))))
            for _ in range(2)
        ]
        assert np.array_equal(films[0], films[1])


class TestStream:
    def test_it_has_a_header_and_every_frame_in_full(self, scene: Scene) -> None:
        frames = [scene.empty() for _ in range(3)]
        out = io.BytesIO()
        write_y4m(frames, out, SIZE, FPS)
        header, body = out.getvalue().split(b"\n", 1)
        assert header == b"YUV4MPEG2 W1280 H720 F10:1 Ip A1:1 Cmono"
        assert body == b"".join(b"FRAME\n" + frame.tobytes() for frame in frames)

    def test_every_frame_is_flushed_before_the_next_is_asked_for(self) -> None:
        flushed: list[int] = []

        class Pipe(io.BytesIO):
            def flush(self) -> None:
                flushed.append(self.tell())

        out = Pipe()

        def frames() -> Iterator[Frame]:
            for number in range(3):
                assert flushed[-1] == out.tell()
                yield np.full((4, 6), number, np.uint8)

        write_y4m(frames(), out, (6, 4), FPS)
        assert flushed[-1] == len(out.getvalue())

    def test_a_view_into_a_larger_picture_is_written_row_by_row(self) -> None:
        wide = np.arange(48, dtype=np.uint8).reshape(4, 12)
        out = io.BytesIO()
        write_y4m([wide[:, ::2]], out, (6, 4), FPS)
        assert out.getvalue().endswith(b"FRAME\n" + wide[:, ::2].tobytes())

    @pytest.mark.parametrize("frame", [np.zeros((6, 4), np.uint8), np.zeros((4, 6), np.uint16)])
    def test_a_frame_of_another_size_or_type_is_refused(self, frame: Frame) -> None:
        with pytest.raises(ValueError, match="not a grey frame of 6x4"):
            write_y4m([frame], io.BytesIO(), (6, 4), FPS)


class TestPlay:
    @pytest.fixture
    def scene(self) -> Shadows:
        return Shadows((320, 180), FPS, np.random.default_rng(4))

    def test_frames_come_at_the_scene_s_rate_until_the_last_has_left(self, scene: Scene, dice: random.Random) -> None:
        clock = HandClock()
        shown_at = [clock.now for _ in play([(102.0, showing(dice))], scene, clock, clock.wait)]
        assert shown_at == pytest.approx(100 + np.arange(20 + 15 + 2 * COMING) / FPS)

    def test_nobody_is_seen_between_showings(self, scene: Shadows, dice: random.Random) -> None:
        clock = HandClock()
        script = [(101.0, showing(dice)), (104.0, showing(dice))]
        empty_at = [clock.now for frame in play(script, scene, clock, clock.wait) if not frame.any()]
        assert empty_at == pytest.approx([*np.arange(100, 101, 0.1), *np.arange(103.5, 104, 0.1)])

    def test_a_slow_reader_costs_frames_and_never_time(self, scene: Scene, dice: random.Random) -> None:
        clock = HandClock()
        shown = 0
        for _ in play([(101.0, showing(dice, seconds=2))], scene, clock, clock.wait):
            shown += 1
            clock.now += 0.25
            assert clock.now <= 104 + 0.35
        assert 14 <= shown <= 18  # of 40

    def test_left_out_frames_are_not_rendered(self, scene: Shadows, dice: random.Random) -> None:
        clock = HandClock()
        film = play([(100.0, showing(dice))], scene, clock, clock.wait)
        next(film)
        clock.now += 2.0
        next(film)
        assert scene.rendered == 2

    def test_a_showing_starts_late_when_the_one_before_is_still_in_view(
        self, scene: Scene, dice: random.Random
    ) -> None:
        clock = HandClock()
        script = [(100.0, showing(dice)), (101.0, showing(dice))]
        assert len(list(play(script, scene, clock, clock.wait))) == 2 * (15 + 2 * COMING)

    def test_a_showing_whose_whole_time_has_passed_is_left_out(self, scene: Scene, dice: random.Random) -> None:
        clock = HandClock()
        script = [(90.0, showing(dice)), (100.5, showing(dice))]
        assert len(list(play(script, scene, clock, clock.wait))) == 5 + 15 + 2 * COMING

    def test_no_showings_are_no_film(self, scene: Scene) -> None:
        clock = HandClock()
        assert list(play([], scene, clock, clock.wait)) == []


class TestPhotograph:
    def px_per_module(self, frame: Frame) -> float:
        """From the area of the code's outline, as the reader finds it."""
        found = decode(frame, symbols=[ZBarSymbol.QRCODE])
        outline = np.array([(point.x, point.y) for point in found[0].polygon], np.float32)
        return float(np.sqrt(cv2.contourArea(outline))) / BADGE_MODULES

    def card(self, dice: random.Random, finer: int = 1) -> tuple[Frame, float]:
        """A code with its quiet zone, and how wide that is in mm."""
        image = code("".join(dice.choices(ALPHANUMERIC, k=122)))
        return np.kron(image, np.ones((finer, finer), np.uint8)), image.shape[1] / PX_PER_MM

    @pytest.mark.parametrize("distance_cm", [20, 30, 36])
    @pytest.mark.parametrize("finer", [1, 3])
    def test_a_module_is_as_large_as_the_lens_makes_it(
        self, dice: random.Random, distance_cm: float, finer: int
    ) -> None:
        image, wide_mm = self.card(dice, finer)
        frame = photograph(image, distance_cm, np.random.default_rng(2), badge_mm=wide_mm)
        expected = 1280 / 2 / np.tan(np.radians(65 / 2)) * QR_MM / (distance_cm * 10) / BADGE_MODULES
        assert (frame.shape, frame.dtype.name) == ((720, 1280), "uint8")
        assert self.px_per_module(frame) == pytest.approx(expected, rel=0.1)

    def test_a_leaning_card_is_seen_narrower(self, dice: random.Random) -> None:
        image, wide_mm = self.card(dice)
        straight, leaning = (
            self.px_per_module(photograph(image, 25, np.random.default_rng(2), badge_mm=wide_mm, tilt_deg=tilt))
            for tilt in (0, 30)
        )
        assert leaning / straight == pytest.approx(np.sqrt(np.cos(np.radians(30))), rel=0.05)

    def test_a_larger_picture_has_more_pixels_to_a_module(self, dice: random.Random) -> None:
        image, wide_mm = self.card(dice)
        small, large = (
            self.px_per_module(photograph(image, 25, np.random.default_rng(2), badge_mm=wide_mm, size=size))
            for size in (SIZE, (1920, 1080))
        )
        assert large / small == pytest.approx(1.5, rel=0.05)

    def test_too_much_blur_cannot_be_read(self, dice: random.Random) -> None:
        image, wide_mm = self.card(dice)
        assert not texts(photograph(image, 30, np.random.default_rng(2), badge_mm=wide_mm, blur_px=4))

    def test_a_picture_in_colour_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not a grey picture"):
            photograph(np.zeros((9, 9, 3), np.uint8), 30, np.random.default_rng(2), badge_mm=40)


def test_a_badge_s_code_has_37_modules_and_a_quiet_zone(dice: random.Random) -> None:
    image = code("".join(dice.choices(ALPHANUMERIC, k=122)))
    across = round(image.shape[1] / (PX_PER_MM * QR_MM / BADGE_MODULES))
    assert across == BADGE_MODULES + 2 * QUIET_MODULES
    quiet = round(QUIET_MODULES * PX_PER_MM * QR_MM / BADGE_MODULES)
    assert image[:quiet].min() == image[:, :quiet].min() == 255
    assert image[quiet, quiet] == 0
