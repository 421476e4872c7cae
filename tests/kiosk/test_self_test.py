"""The self-test: fed with frames by one thread, asked by another; over when enough was seen, and nothing is kept."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace

import numpy as np
import pytest
from flask import Flask

from admission.findings import Finding, Level, good
from admission.target import TEXT
from kiosk.diagnosis import Wanted
from kiosk.face.checks import blueprint
from kiosk.face.here import HEADER, MARK
from kiosk.reader.sight import Advice, Frame, Sight
from kiosk.self_test import BRIEF_MS, ENOUGH, EVERY_MS, LASTS_MS, LATE_MS, SelfTest
from tests.eyes import stare
from tests.targets import held
from tests.views import View

SIZE = (1920, 1080)
WANTED = Wanted("0", SIZE, 30)
SPENT = (("whole", 1.0),)
EMPTY = np.full((SIZE[1], SIZE[0]), 90, np.uint8)
NOTHING = Sight(spent=SPENT, light=90.0)


class Hands:
    """Time in the test's own hands, and a test to feed."""

    def __init__(self, wanted: Wanted = WANTED) -> None:
        self.ms = 1000
        self.test = SelfTest(lambda: self.ms, wanted, lambda: [good("clock", "set")])

    def feed(self, frame: Frame, sight: Sight, seconds: float, fps: int = 30) -> None:
        """Frames like this for so long, or until the test is over."""
        for _ in range(round(seconds * fps)):
            self.ms += 1000 // fps
            self.test.see(frame, sight, self.ms)

    def levels(self) -> dict[str, Level]:
        return {one.topic: one.level for one in self.test.findings()}


@pytest.fixture(scope="module")
def target() -> tuple[Frame, Sight]:
    """The target held up well, and what is read in it."""
    frame = held(View(size=SIZE))
    return frame, stare(frame)


@pytest.fixture
def hands() -> Hands:
    return Hands()


def test_before_the_first_test_nothing_is_found_and_frames_pass_by(hands: Hands) -> None:
    hands.feed(EMPTY, NOTHING, 1)
    assert (hands.test.on, hands.test.findings()) == (False, [])


def test_a_target_held_up_well_ends_the_test_early_and_all_is_good(hands: Hands, target: tuple[Frame, Sight]) -> None:
    hands.test.begin()
    hands.feed(*target, seconds=BRIEF_MS / 1000 + 0.1)
    assert not hands.test.on
    assert hands.levels() == dict.fromkeys(("camera", "target", "focus", "glare", "light", "clock"), Level.GOOD)


def test_a_target_that_is_never_held_up_is_waited_for_and_then_missed(hands: Hands) -> None:
    hands.test.begin()
    hands.feed(EMPTY, NOTHING, LASTS_MS / 1000 - 0.1)
    assert hands.test.on
    hands.ms += 200
    assert not hands.test.on
    assert hands.levels() == {
        "camera": Level.GOOD,
        "target": Level.LOOK,
        "light": Level.GOOD,
        "clock": Level.GOOD,
    }


def test_a_test_without_a_target_is_brief_and_does_not_miss_it(hands: Hands) -> None:
    hands.test.begin(with_target=False)
    hands.feed(EMPTY, NOTHING, BRIEF_MS / 1000 + 0.1)
    assert not hands.test.on
    assert set(hands.levels()) == {"camera", "light", "clock"}


def test_a_dark_room_is_told_without_a_target(hands: Hands) -> None:
    hands.test.begin(with_target=False)
    hands.feed(EMPTY // 9, replace(NOTHING, light=10.0), 4)
    assert hands.levels()["light"] is Level.LOOK


@pytest.mark.parametrize("advice", list(Advice))
def test_what_keeps_the_target_from_being_read_is_told_with_what_to_do(hands: Hands, advice: Advice) -> None:
    hands.test.begin()
    hands.feed(EMPTY, replace(NOTHING, suspect=True, advice=advice), 11)
    told = next(one for one in hands.test.findings() if one.topic == "target")
    assert told.level is Level.BAD
    assert told.fix.endswith("test again")


def test_a_camera_that_is_away_is_told_in_its_own_words_and_not_waited_for(hands: Hands) -> None:
    hands.test.begin()
    hands.test.lose("the lens is covered")
    hands.ms += BRIEF_MS
    assert not hands.test.on
    (camera, _clock) = hands.test.findings()
    assert (camera.topic, camera.level, camera.words) == ("camera", Level.BAD, "the lens is covered")


def test_a_feeder_that_stands_still_is_not_waited_for(hands: Hands) -> None:
    hands.test.begin()
    hands.ms += BRIEF_MS + LATE_MS
    assert not hands.test.on
    assert hands.levels()["camera"] is Level.BAD


def test_a_camera_that_failed_between_frames_is_told(hands: Hands, target: tuple[Frame, Sight]) -> None:
    hands.test.begin()
    hands.feed(*target, seconds=1)
    hands.test.lose("a loose cable")
    hands.feed(*target, seconds=4)
    (camera, *_others) = hands.test.findings()
    assert (camera.level, "a loose cable" in camera.words) == (Level.BAD, True)


@pytest.mark.parametrize(("fps", "level"), [(30, Level.GOOD), (12, Level.LOOK), (4, Level.BAD)])
def test_a_camera_that_is_slow_is_told(hands: Hands, fps: int, level: Level) -> None:
    hands.test.begin(with_target=False)
    hands.feed(EMPTY, NOTHING, 4, fps)
    assert hands.levels()["camera"] is level


def test_a_film_has_a_pace_of_its_own() -> None:
    hands = Hands(Wanted("crowd.y4m"))
    hands.test.begin(with_target=False)
    hands.feed(EMPTY, NOTHING, 4, 4)
    hands.test.lose("the film has ended")
    assert hands.levels()["camera"] is Level.GOOD


def test_pictures_that_are_smaller_than_asked_for_are_told(hands: Hands) -> None:
    hands.test.begin(with_target=False)
    hands.feed(EMPTY[:720, :1280], NOTHING, 4)
    (camera, *_others) = hands.test.findings()
    assert (camera.level, "1280x720 and not 1920x1080" in camera.words) == (Level.LOOK, True)


def test_one_sharp_look_at_a_shaking_hand_speaks_for_the_lens(hands: Hands, target: tuple[Frame, Sight]) -> None:
    moved = held(View(size=SIZE, motion_px=8, motion_deg=45))
    hands.test.begin()
    hands.feed(moved, stare(moved), (ENOUGH - 2) * EVERY_MS / 1000)
    hands.feed(*target, seconds=4)
    assert hands.levels()["focus"] is Level.GOOD


def test_the_target_is_measured_only_now_and_then(
    hands: Hands, target: tuple[Frame, Sight], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []
    monkeypatch.setattr("kiosk.self_test.sight_target", lambda *_: measured.append(hands.ms))
    hands.test.begin()
    hands.feed(*target, seconds=2)
    assert len(measured) == pytest.approx(2000 / EVERY_MS, abs=2)


def test_only_the_target_of_a_test_under_way_is_no_visitors(hands: Hands) -> None:
    assert not hands.test.takes(TEXT)
    hands.test.begin()
    assert hands.test.takes(TEXT)
    assert not hands.test.takes("TB somebody")
    hands.ms += LASTS_MS
    assert not hands.test.takes(TEXT)


def test_no_frame_is_kept(hands: Hands, target: tuple[Frame, Sight]) -> None:
    frame = target[0].copy()
    gone = weakref.ref(frame)
    hands.test.begin()
    hands.test.see(frame, target[1], hands.ms)
    del frame
    gc.collect()
    assert gone() is None


def test_another_test_begins_afresh(hands: Hands, target: tuple[Frame, Sight]) -> None:
    hands.test.begin()
    hands.feed(*target, seconds=4)
    hands.test.begin()
    hands.feed(EMPTY, NOTHING, 11)
    assert hands.levels()["target"] is Level.LOOK


def test_whoever_asks_waits_until_the_other_thread_has_fed_enough(target: tuple[Frame, Sight]) -> None:
    hands = Hands()
    found: list[Finding] = []
    asker = threading.Thread(target=lambda: found.extend(hands.test.examine()), daemon=True)
    asker.start()
    while asker.is_alive():  # as the gate does: whether a test is on or not
        hands.feed(*target, seconds=0.1)
    assert [one.topic for one in found] == ["camera", "target", "focus", "glare", "light", "clock"]


def test_whoever_asks_is_answered_even_if_nobody_feeds() -> None:
    hands = Hands()

    def later() -> int:
        hands.ms += 500
        return hands.ms

    test = SelfTest(later, WANTED)
    (camera,) = test.examine()
    assert camera.level is Level.BAD


@pytest.mark.parametrize("path", ["/self-test", "/self-test/now"])
def test_only_this_very_machine_can_have_it_made_or_be_told_of_it(path: str) -> None:
    hands, made = Hands(), Flask(__name__)

    def later() -> int:
        hands.ms += 500
        return hands.ms

    test = SelfTest(later, WANTED)
    made.register_blueprint(blueprint(test))
    client = made.test_client()
    strangers = (
        client.get(path, headers={HEADER: MARK}, environ_overrides={"REMOTE_ADDR": "192.168.1.7"}),
        client.get(path, headers={HEADER: MARK, "Host": "door.example.org"}),
    )
    assert [reply.status_code for reply in strangers] == [403, 403]
    assert test.findings() == [], "none was begun"
    assert client.get(path, headers={HEADER: MARK}).status_code == 200
