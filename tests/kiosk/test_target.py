"""The printed target: true to size, no badge, read and measured under the conditions that a door has."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from pypdf import PdfReader

from admission import courier, pairing
from admission.badge import TOKEN_LENGTH, BadBadge, EventKeys, Flaw, is_like_badge, verify
from admission.findings import Finding, Level
from admission.target import BAR_MM, CODE_AT, CODE_MM, MODULES, PAGE_MM, TEXT, WEDGE_STEPS, shapes
from kiosk import diagnosis, target
from kiosk.diagnosis import Held
from kiosk.reader.sight import Point, Quad, square
from kiosk.sighting import Sighting, sight_target, tilt
from server.target_sheet import draw_target
from tests.eyes import stare
from tests.targets import DPI, held, page
from tests.views import View
from tests.world import utc_now

LARGE = View(size=(1920, 1080))
SMALL = View(size=(1280, 720))


@lru_cache(maxsize=64)
def sighted(view: View, seed: int = 1) -> Sighting:
    """What the target under these conditions measures; the reader finds it by itself."""
    frame = held(view, seed)
    read = next(one for one in stare(frame).readings if one.text == TEXT)
    assert read.quad is not None
    return sight_target(frame, read.quad)


def findings(view: View, seed: int = 1) -> dict[str, Finding]:
    """By topic."""
    return {one.topic: one for one in diagnosis.target(Held(sighted(view, seed)))}


def levels(view: View) -> dict[str, str]:
    return {topic: one.level.value for topic, one in findings(view).items()}


class TestPaper:
    def test_the_target_is_no_badge_and_no_other_code_of_ours(self) -> None:
        assert len(TEXT) == TOKEN_LENGTH
        assert not is_like_badge(TEXT)
        assert verify(TEXT, EventKeys(1, utc_now(), {})) == BadBadge(Flaw.NOT_OURS)
        assert not TEXT.startswith(pairing.PREFIX)
        assert not courier.is_answer(TEXT)

    def test_the_code_comes_out_of_the_printer_at_the_size_of_a_badge_s(self) -> None:
        sheet = page()
        size = np.array(PAGE_MM[::-1]) * DPI / 25.4
        assert np.abs(np.array(sheet.shape) - size).max() <= 1.5
        read = next(one for one in stare(sheet).readings if one.text == TEXT)
        assert read.modules in (0, MODULES)
        left, top = (round(edge * DPI / 25.4) for edge in CODE_AT)
        side = round(CODE_MM * DPI / 25.4)
        dark = np.argwhere(sheet[top - 20 : top + side + 20, left - 20 : left + side + 20] < 128)
        assert np.abs(dark.min(axis=0) - 20).max() <= 1
        assert np.abs(dark.max(axis=0) - (20 + side - 1)).max() <= 1

    def test_the_bar_is_a_hundred_millimetres_long_on_paper(self) -> None:
        rows = page()[1490:1512]
        dark = np.flatnonzero((rows < 128).any(axis=0))
        assert abs((dark.max() - dark.min() + 1) * 25.4 / DPI - BAR_MM) < 0.15

    def test_everything_lies_within_what_a_printer_prints(self) -> None:
        for shape in shapes():
            for x, y in shape.corners:
                assert 10 <= x <= PAGE_MM[0] - 10
                assert 10 <= y <= PAGE_MM[1] - 10

    def test_the_document_is_one_page_of_a4_that_says_how_to_hold_it(self) -> None:
        out = io.BytesIO()
        draw_target(out)
        (only,) = PdfReader(out).pages
        assert [round(float(side) / 72 * 25.4) for side in only.mediabox[2:]] == [210, 297]
        assert "hold at 30 cm" in only.extract_text()

    def test_the_kiosk_draws_the_same_target_at_its_true_size(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(target.command, ["--out", str(tmp_path / "target.svg")])
        assert done.exit_code == 0, done.output
        picture = (tmp_path / "target.svg").read_text("utf-8")
        assert 'width="210mm" height="297mm" viewBox="0 0 210 297"' in picture
        place = re.search(r'translate\(85 62\) scale\((.*?)\)" .*? d="(.*?)"', picture)
        assert place is not None
        assert float(place[1]) == pytest.approx(CODE_MM / MODULES, abs=1e-5)
        modules = np.full((MODULES + 8, MODULES + 8), 255, np.uint8)
        for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", place[2]):
            modules[int(y) + 4, int(x) + 4] = 0
        drawn = cv2.resize(modules, None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST)
        assert [one.text for one in stare(np.asarray(drawn, np.uint8)).readings] == [TEXT]

    def test_a_picture_that_cannot_be_written_is_told_in_a_sentence(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(target.command, ["--out", str(tmp_path / "none" / "target.svg")])
        assert (done.exit_code, "No such file" in done.output) == (1, True)


class TestSeen:
    @pytest.mark.parametrize("view", [SMALL, LARGE, replace(LARGE, distance_cm=20), replace(LARGE, tilt_deg=20)])
    def test_a_camera_that_is_well_set_finds_nothing_to_do(self, view: View) -> None:
        assert set(levels(view).values()) == {"good"}

    @pytest.mark.parametrize("distance", [15, 20, 30, 45])
    def test_the_size_of_a_module_is_measured(self, distance: float) -> None:
        view = replace(LARGE, distance_cm=distance)
        assert sighted(view).module_px == pytest.approx(view.module_px, rel=0.03)

    @pytest.mark.parametrize(("distance", "level"), [(33, "look"), (45, "bad"), (60, "bad")])
    def test_a_target_that_is_too_small_is_told_from_one_that_is_large_enough(
        self, distance: float, level: str
    ) -> None:
        found = findings(replace(SMALL, distance_cm=distance))["target"]
        assert found.level.value == level
        assert "optics.size" in found.fix

    def test_blur_grows_with_what_the_lens_does_wrong(self) -> None:
        blurs = [sighted(replace(LARGE, defocus_px=defocus)).blur_px for defocus in (0.4, 1.2, 2.0, 3.0)]
        assert blurs == sorted(blurs)
        assert blurs[-1] > 2.5 * blurs[0]

    @pytest.mark.parametrize(
        ("view", "level"),
        [
            (replace(SMALL, defocus_px=0.8), "good"),
            (replace(SMALL, defocus_px=1.5), "look"),
            (replace(SMALL, defocus_px=2.8), "bad"),
            (replace(LARGE, defocus_px=0.8), "good"),
            (replace(LARGE, defocus_px=2.2), "look"),
        ],
    )
    def test_a_lens_out_of_focus_is_told_from_a_sharp_one(self, view: View, level: str) -> None:
        assert levels(view)["focus"] == level

    def test_a_target_that_moves_does_not_blame_the_lens(self) -> None:
        found = findings(replace(LARGE, motion_px=8, motion_deg=45))["focus"]
        assert found.level is Level.LOOK
        assert "moving" in found.words
        assert "lens" not in found.fix

    @pytest.mark.parametrize(("glare", "level"), [(0.0, "good"), (0.08, "look"), (0.12, "bad")])
    def test_a_reflection_on_the_code_is_told(self, glare: float, level: str) -> None:
        assert levels(replace(LARGE, glare=glare))["glare"] == level

    @pytest.mark.parametrize(
        ("light", "level", "word"),
        [(0.15, "bad", "dark"), (0.3, "look", "dim"), (1.0, "good", ""), (1.8, "look", "bright")],
    )
    def test_too_little_and_too_much_light_are_told(self, light: float, level: str, word: str) -> None:
        found = findings(replace(LARGE, light=light))["light"]
        assert (found.level.value, word in found.words) == (level, True)

    def test_all_greys_are_told_apart_in_good_light_and_fewer_where_it_is_too_bright(self) -> None:
        assert sighted(LARGE).greys == WEDGE_STEPS
        bright = sighted(replace(LARGE, light=2.0)).greys
        assert bright is not None
        assert bright < WEDGE_STEPS - 1

    @pytest.mark.parametrize("degrees", [0, 20, 45])
    def test_a_tilt_is_measured_whatever_way_it_is(self, degrees: float) -> None:
        for seed in (1, 2, 3):
            assert sighted(replace(LARGE, tilt_deg=degrees), seed).tilt_deg == pytest.approx(degrees, abs=9)

    def test_a_target_that_is_turned_away_is_told(self) -> None:
        found = findings(replace(LARGE, tilt_deg=48))["target"]
        assert (found.level, "turned away" in found.words) == (Level.LOOK, True)

    def test_the_tilt_of_a_square_is_none_and_that_of_half_a_square_sixty_degrees(self) -> None:
        assert tilt(square(0, 0, 50, 50)) == pytest.approx(0)
        assert tilt(square(0, 0, 50, 25)) == pytest.approx(60)
        assert tilt(Quad(*(Point(7, 7),) * 4)) == pytest.approx(90)

    def test_steps_that_are_out_of_the_picture_are_not_measured(self) -> None:
        frame = held(LARGE)
        read = next(one for one in stare(frame).readings if one.text == TEXT)
        assert read.quad is not None
        lower = int(read.quad.middle.y + read.quad.side * 0.8)
        assert sight_target(frame[:lower], read.quad).greys is None

    def test_a_target_at_the_edge_of_the_picture_is_told(self) -> None:
        frame = held(LARGE)
        read = next(one for one in stare(frame).readings if one.text == TEXT)
        assert read.quad is not None
        lower = int(read.quad.middle.y + read.quad.side * 0.55)
        (size, *_others) = diagnosis.target(Held(sight_target(frame[:lower], read.quad)))
        assert (size.level, "edge" in size.words) == (Level.LOOK, True)
