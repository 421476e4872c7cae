"""The live picture: small, mirrored, fresh, and for the door's own page alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from flask import Flask

from kiosk.face.viewfinder import STALE_MS, WIDTH, Viewfinder, blueprint


def decoded(picture: bytes | None) -> np.ndarray:
    assert picture is not None
    return np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE))


@pytest.fixture
def half_lit() -> np.ndarray:
    """A frame that is bright on its left."""
    frame = np.zeros((720, 1280), np.uint8)
    frame[:, :640] = 255
    return frame


def test_it_is_small_and_shows_left_on_the_right(half_lit: np.ndarray) -> None:
    finder = Viewfinder()
    finder.see(half_lit, 0)
    shown = decoded(finder.picture(0))
    assert shown.shape == (180, WIDTH)
    assert shown[:, : WIDTH // 2 - 8].max() < 30
    assert shown[:, WIDTH // 2 + 8 :].min() > 225


@pytest.mark.parametrize("shape", [(1080, 1920), (480, 640), (1280, 720), (1, 4000)])
def test_any_frame_keeps_its_shape(shape: tuple[int, int]) -> None:
    finder = Viewfinder()
    finder.see(np.full(shape, 128, np.uint8), 0)
    high, wide = decoded(finder.picture(0)).shape
    assert (wide, high) == (WIDTH, max(1, round(WIDTH * shape[0] / shape[1])))


def test_there_is_none_before_the_first_frame_without_a_camera_and_of_long_ago(half_lit: np.ndarray) -> None:
    finder = Viewfinder()
    assert finder.picture(0) is None
    finder.see(half_lit, 0)
    assert finder.picture(STALE_MS) is not None
    assert finder.picture(STALE_MS + 1) is None
    finder.see(half_lit, STALE_MS)
    finder.see(None, STALE_MS)
    assert finder.picture(STALE_MS) is None


class TestPage:
    def ask(self, finder: Viewfinder, **given: object) -> tuple[int, dict[str, str]]:
        app = Flask(__name__)
        app.register_blueprint(blueprint(finder, lambda: 0))
        reply = app.test_client().get("/view.jpg", **given)
        return reply.status_code, dict(reply.headers)

    def test_it_is_a_picture_that_nobody_keeps(self, half_lit: np.ndarray) -> None:
        finder = Viewfinder()
        assert self.ask(finder)[0] == 204
        finder.see(half_lit, 0)
        status, headers = self.ask(finder)
        assert (status, headers["Content-Type"]) == (200, "image/jpeg")
        assert headers["Cache-Control"] == "no-store"

    def test_no_other_page_in_the_same_browser_can_show_it_as_its_own(self, half_lit: np.ndarray) -> None:
        finder = Viewfinder()
        without = self.ask(finder)[1]
        finder.see(half_lit, 0)
        shown = self.ask(finder)[1]
        assert [one["Cross-Origin-Resource-Policy"] for one in (without, shown)] == ["same-origin", "same-origin"]

    def test_no_other_machine_and_no_page_of_another_name_sees_it(self, half_lit: np.ndarray) -> None:
        finder = Viewfinder()
        finder.see(half_lit, 0)
        assert self.ask(finder, environ_overrides={"REMOTE_ADDR": "192.168.1.7"})[0] == 403
        assert self.ask(finder, headers={"Host": "door.example.org"})[0] == 403
