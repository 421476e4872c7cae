"""The camera that the settings name: which one that is, how it is put right, and a real pipe on the real clock."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.camera import Away, CameraAway, Shot, Shots, lasting, opencv
from kiosk.camera.lens import Lens
from kiosk.camera.live import OLDEST_MS
from kiosk.camera.pace import Look, Pace
from kiosk.config import Optics
from tests.kiosk.sensor import PATIENCE_S, Clock


class TestLens:
    def lens(self, name: str, optics: Optics | None = None) -> Lens:
        """A lens with a clock that stands still and nothing to wait for."""
        return Lens(name, optics or Optics(), Pace(), Clock(), lambda _seconds: None)

    def test_a_device_that_is_not_there_is_away_and_the_text_says_what_to_look_at(self) -> None:
        with pytest.raises(CameraAway, match=r"camera 63.*plugged in"):
            next(self.lens("63").open())

    @pytest.mark.parametrize("name", ["picamera", "picamera:1"])
    def test_the_pi_s_cameras_have_names(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        monkeypatch.setitem(sys.modules, "picamera2", None)
        with pytest.raises(CameraAway, match="picamera2"):
            next(self.lens(name).open())

    @pytest.mark.parametrize("name", ["picamera:", "picamera:x", "picamera2", "webcam:0", "²"])
    def test_a_name_that_is_none_is_said(self, name: str) -> None:
        with pytest.raises(CameraAway, match=r"there is no camera|picamera2"):
            next(self.lens(name).open())

    def test_every_image_of_a_folder_comes_in_order_put_right_with_its_instant(self, tmp_path: Path) -> None:
        for level in (10, 20, 30):
            cv2.imwrite(str(tmp_path / f"{level}.png"), np.full((4, 6), level, np.uint8))
        shots = list(islice(lasting(self.lens(str(tmp_path), Optics(rotate=90)).open, lambda _: None), 4))
        assert [shot.frame[0, 0] for shot in shots if isinstance(shot, Shot)] == [10, 20, 30]
        assert {(shot.frame.shape, shot.taken_ms) for shot in shots if isinstance(shot, Shot)} == {((6, 4), 1_000_000)}
        assert isinstance(shots[3], Away)

    def test_what_the_driver_refuses_is_logged_once_however_often_it_is_opened(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def device(_number: int, _optics: Optics, look: Look) -> Shots:
            look.tell("camera 0 refuses: autofocus")
            yield from ()

        monkeypatch.setattr(opencv, "device", device)
        with caplog.at_level(logging.WARNING):
            list(islice(lasting(self.lens("0").open, lambda _: None), 3))
        assert [record.getMessage() for record in caplog.records].count("camera 0 refuses: autofocus") == 1


def test_a_pipe_is_drained_at_its_writer_s_pace_and_read_at_the_kiosk_s(tmp_path: Path) -> None:
    """A real pipe, the real clock: the writer is never held up by who is slow, and no frame is old."""
    path, size, count = tmp_path / "film.y4m", 640 * 480, 150
    os.mkfifo(path)
    written, progress = [0], threading.Condition()

    def write() -> None:
        with path.open("wb", buffering=0) as out:
            out.write(b"YUV4MPEG2 W640 H480 F30:1 Cmono\n")
            for number in range(count):
                out.write(b"FRAME\n")
                out.write(bytes([number]) * size)
                with progress:
                    written[0] = number + 1
                    progress.notify()

    def boot_ms() -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    seen: list[int] = []
    ages: list[int] = []
    shots = Lens(str(path), Optics(mirror=True), Pace(), boot_ms, lambda _: None).open()

    def look_slowly() -> None:
        for shot in shots:
            assert isinstance(shot, Shot)
            ages.append(boot_ms() - shot.taken_ms)
            seen.append(int(shot.frame[0, 0]))
            with progress:  # thirty more pass by meanwhile
                assert progress.wait_for(lambda: written[0] >= min(seen[-1] + 30, count), PATIENCE_S)

    with pytest.raises(CameraAway, match="ended"):
        look_slowly()
    writer.join(PATIENCE_S)
    assert seen == sorted(set(seen))
    assert written[0] == count
    passed_over = [later - earlier for earlier, later in pairwise(seen) if earlier + 30 < count]
    assert min(passed_over) >= 28  # the thread may be at work on one, and a pipe holds a part of one
    assert max(ages) <= 2 * OLDEST_MS  # twice: the test itself may have been held up between
