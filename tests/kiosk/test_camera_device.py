"""Devices, tried against stand-ins for OpenCV's capture and for picamera2: there is no camera where tests run."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk.camera import CameraAway, Shot, instant, opencv, picamera
from kiosk.camera.pace import Look, Pace
from kiosk.config import Optics
from tests.kiosk.sensor import Clock

MJPG = cv2.VideoWriter.fourcc(*"MJPG")
LARGE, SMALL = (1920, 1080), (1280, 720)


@dataclass
class Webcam:
    """OpenCV's capture on a driver that has these sizes, at these rates, and refuses these properties."""

    sizes: dict[tuple[int, int], float] = field(default_factory=lambda: {LARGE: 30.0, SMALL: 30.0})
    refuses: frozenset[int] = frozenset()
    grabs: Iterable[bool] = (True,) * 1000
    clock: Clock = field(default_factory=Clock)
    spoilt: int = 0
    values: dict[int, float] = field(default_factory=dict)
    decoded: int = 0
    released: bool = False
    opens: bool = True

    def __post_init__(self) -> None:
        self._coming = iter(self.grabs)

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.opens

    def set(self, prop: int, value: float, /) -> bool:
        if prop in self.refuses:
            return False
        self.values[prop] = value
        return True

    def get(self, prop: int, /) -> float:
        wanted = int(self.values.get(3, 640)), int(self.values.get(4, 480))
        size = wanted if wanted in self.sizes else min(self.sizes)  # a driver takes what it has
        known = {3: size[0], 4: size[1], cv2.CAP_PROP_FPS: self.sizes[size], cv2.CAP_PROP_POS_MSEC: self.clock.now - 5}
        return known[prop]

    def grab(self) -> bool:
        self.clock.now += 33
        return next(self._coming, False)

    def retrieve(self) -> tuple[bool, cv2.typing.MatLike]:
        self.decoded += 1
        if self.decoded <= self.spoilt:
            raise cv2.error("half a JPEG")
        width, height = int(self.get(3)), int(self.get(4))
        return True, np.full((height, width, 3), self.decoded, np.uint8)

    def release(self) -> None:
        self.released = True

    def shots(self, optics: Optics | None = None, pace: Pace | None = None, told: list[str] | None = None) -> Any:
        """What the kiosk sees of it."""
        look = Look(self.clock, pace or Pace(), (told if told is not None else []).append)
        return opencv.device(0, optics or Optics(), look, lambda _number: self)

    def set_to(self, *props: int) -> list[float | None]:
        """What was set."""
        return [self.values.get(prop) for prop in props]


class TestWebcam:
    def test_it_is_set_for_badges(self) -> None:
        webcam, told = Webcam(), list[str]()
        shot = next(webcam.shots(told=told))
        assert shot.frame.shape == (1080, 1920)
        assert shot.frame.dtype == np.uint8
        assert webcam.set_to(cv2.CAP_PROP_FOURCC, cv2.CAP_PROP_FPS) == [MJPG, 30]
        automatic = webcam.set_to(cv2.CAP_PROP_AUTOFOCUS, cv2.CAP_PROP_AUTO_EXPOSURE, cv2.CAP_PROP_AUTO_WB)
        assert automatic == [1, 3, 1]
        assert webcam.set_to(cv2.CAP_PROP_FOCUS, cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_GAIN) == [None] * 3
        assert told == [""]

    def test_what_the_settings_fix_is_fixed_and_its_automatic_off(self) -> None:
        webcam = Webcam()
        next(webcam.shots(Optics(focus=30, exposure=8, gain=12, white_balance=4500)))
        assert webcam.set_to(cv2.CAP_PROP_AUTOFOCUS, cv2.CAP_PROP_FOCUS) == [0, 30]
        assert webcam.set_to(cv2.CAP_PROP_AUTO_EXPOSURE, cv2.CAP_PROP_EXPOSURE) == [1, 80]
        assert webcam.set_to(cv2.CAP_PROP_AUTO_WB, cv2.CAP_PROP_WB_TEMPERATURE) == [0, 4500]
        assert webcam.set_to(cv2.CAP_PROP_GAIN) == [12]

    def test_what_the_driver_refuses_is_said_in_words_and_frames_come_all_the_same(self) -> None:
        props = (cv2.CAP_PROP_FOURCC, cv2.CAP_PROP_BUFFERSIZE, cv2.CAP_PROP_AUTOFOCUS, cv2.CAP_PROP_FOCUS)
        told: list[str] = []
        shots = Webcam(refuses=frozenset(props)).shots(Optics(focus=30), told=told)
        assert isinstance(next(shots), Shot)
        words = "pictures as MJPG, a queue of 2 frames, autofocus off, a focus of 30"
        assert told == [f"camera 0 refuses: {words}"]

    @pytest.mark.parametrize("sizes", [{SMALL: 30.0, (640, 480): 30.0}, {LARGE: 5.0, SMALL: 30.0}])
    def test_without_the_large_size_at_speed_the_smaller_is_taken(self, sizes: dict[tuple[int, int], float]) -> None:
        told: list[str] = []
        assert next(Webcam(sizes).shots(told=told)).frame.shape == (720, 1280)
        assert "1920x1080 at 30 frames a second (it is 1280x720)" in told[0]

    def test_a_camera_that_has_neither_gives_what_it_has(self) -> None:
        assert next(Webcam({(640, 480): 30.0}).shots()).frame.shape == (480, 640)

    def test_a_driver_that_does_not_tell_its_rate_is_believed_to_be_fast(self) -> None:
        assert next(Webcam({LARGE: 0.0}).shots()).frame.shape == (1080, 1920)

    @pytest.mark.parametrize(("idle", "decoded"), [(False, 90), (True, 30)])
    def test_before_an_empty_door_only_every_third_frame_is_decoded(self, idle: bool, decoded: int) -> None:
        pace, webcam = Pace(), Webcam(grabs=(True,) * 90)
        pace.note(False, 0 if idle else webcam.clock.now)
        with pytest.raises(CameraAway):
            list(webcam.shots(pace=pace))
        assert abs(webcam.decoded - decoded) <= 1

    def test_a_frame_was_taken_when_its_driver_says(self) -> None:
        webcam = Webcam()
        assert next(webcam.shots()).taken_ms == webcam.clock.now - 5

    @pytest.mark.parametrize("stamp", [-1.0, 0.0, 2_000_001.0, 1.7e12])
    def test_a_stamp_of_another_clock_is_not_believed(self, stamp: float) -> None:
        assert instant(stamp, 2_000_000) == 2_000_000

    def test_spoilt_frames_are_passed_over(self) -> None:
        assert int(next(Webcam(spoilt=4).shots()).frame[0, 0]) == 5

    @pytest.mark.parametrize("webcam", [Webcam(spoilt=5), Webcam(grabs=(False,) * 5)])
    def test_one_that_gives_nothing_five_times_is_away_and_let_go_of(self, webcam: Webcam) -> None:
        with pytest.raises(CameraAway, match="stopped giving frames"):
            next(webcam.shots())
        assert webcam.released

    def test_one_that_is_in_use_is_away_and_the_text_says_what_to_look_at(self) -> None:
        with pytest.raises(CameraAway, match="camera 0 cannot be opened; is it plugged in"):
            next(Webcam(opens=False).shots())


class Pi:
    """What is used of picamera2, as its manual and source have it."""

    def __init__(self, number: int) -> None:
        if number > 1:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        exposing = ["AeEnable", "AeExposureMode", "AnalogueGain", "ExposureTime"]
        self.camera_controls = dict.fromkeys([*exposing, "AwbEnable", "FrameDurationLimits", "NoiseReductionMode"])
        self.calls: list[Any] = []
        self.frames = 3
        self.released = 0

    def create_video_configuration(self, main: dict[str, Any], controls: dict[str, Any], queue: bool) -> dict[str, Any]:
        assert not queue
        return {"main": main, "controls": controls}

    def configure(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration

    def camera_configuration(self) -> dict[str, Any]:
        return self.configuration

    def start(self) -> None:
        self.calls.append("start")

    def close(self) -> None:
        self.calls.append("close")

    def set_controls(self, controls: dict[str, Any]) -> None:
        self.calls.append(controls)

    def capture_request(self, wait: float) -> Any:
        if not self.frames:
            raise TimeoutError(f"no frame in {wait} s")
        self.frames -= 1
        return SimpleNamespace(make_array=self._planes, get_metadata=self._metadata, release=self._release)

    def _planes(self, name: str) -> Any:
        width, height = self.configuration[name]["size"]
        planes = np.full((height * 3 // 2, width + 64), 128, np.uint8)  # rows are padded to the stride
        planes[:height, :width] = 77
        return planes

    def _metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": 999_990 * 1_000_000}

    def _release(self) -> None:
        self.released += 1


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Pi]:
    """A computer with picamera2; the cameras that were opened."""
    cameras: list[Pi] = []

    def open_one(number: int) -> Pi:
        cameras.append(Pi(number))
        return cameras[-1]

    monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=open_one))
    return cameras


class TestPicamera:
    def shots(self, optics: Optics | None = None, told: list[str] | None = None, pace: Pace | None = None) -> Any:
        """What the kiosk sees of the Pi's first camera, at instant 1,000,000."""
        look = Look(Clock(), pace or Pace(), (told if told is not None else []).append)
        return picamera.device(0, optics or Optics(), look)

    def test_its_luma_is_taken_as_it_is_with_the_instant_of_the_sensor(self, made: list[Pi]) -> None:
        shot = next(self.shots())
        assert shot.frame.shape == (1080, 1920)
        assert set(np.unique(shot.frame)) == {77}
        assert shot.taken_ms == 999_990
        assert made[0].configuration["main"] == {"size": LARGE, "format": "YUV420"}
        assert made[0].released == 1

    def test_only_controls_that_it_has_are_set_and_the_others_are_said(self, made: list[Pi]) -> None:
        told: list[str] = []
        next(self.shots(told=told))
        assert made[0].configuration["controls"] == {
            "FrameDurationLimits": (33000, 33000),
            "NoiseReductionMode": 1,
            "AeExposureMode": 1,
            "AeEnable": True,
            "AwbEnable": True,
        }
        assert told == ["the Pi's camera 0 has no control of: AfMode, AfRange"]

    def test_what_the_settings_fix_is_fixed(self, made: list[Pi]) -> None:
        next(self.shots(Optics(exposure=4, gain=2.5)))
        controls = made[0].configuration["controls"]
        assert (controls["AeEnable"], controls["ExposureTime"], controls["AnalogueGain"]) == (False, 4000, 2.5)

    def test_before_an_empty_door_it_slows_down_and_it_stops_with_its_camera_closed(self, made: list[Pi]) -> None:
        pace = Pace()
        shots = self.shots(pace=pace)
        next(shots)
        pace.note(False, 0)
        next(shots)
        pace.note(True, 1_000_000)
        next(shots)
        with pytest.raises(CameraAway, match="ribbon cable"):
            next(shots)
        slow, fast = ({"FrameDurationLimits": (us, us)} for us in (100_000, 33_000))
        assert made[0].calls == ["start", slow, fast, "close"]

    def test_without_picamera2_the_text_says_how_to_get_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "picamera2", None)  # as if it were not installed
        with pytest.raises(CameraAway, match=r"apt install python3-picamera2.*--system-site-packages"):
            next(self.shots())

    @pytest.mark.usefixtures("made")
    def test_a_camera_that_is_not_there_is_away(self) -> None:
        with pytest.raises(CameraAway, match="camera 2 cannot be opened"):
            next(picamera.device(2, Optics(), Look(Clock(), Pace(), print)))
