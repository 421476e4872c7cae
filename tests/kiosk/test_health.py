"""The diary: what is summed up over a minute of frames, and how little is kept."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admission import health
from admission.health import Health
from kiosk import health as diary_of
from kiosk.health import WINDOW_MS, Diary
from kiosk.reader.sight import Advice, Appearance, Reading, Sight

EMPTY = Sight(spent=(("whole-global", 8.0),), light=120.0)


def looking(sharpness: float) -> Appearance:
    """A code that looks so sharp."""
    return Appearance(120.0, 3.6, sharpness, 1.0, 0.0, 0.0, cut=False)


UNREAD = Sight(spent=(("whole-global", 8.0), ("whole-local", 16.0)), light=120.0, appearance=looking(0.5), suspect=True)
SECRET = "TBIC2$*04001JMN/TWZ1KS06D3NC1C30H%B"


def read_by(stage: str, light: float = 120.0, sharpness: float = 0.8) -> Sight:
    """A frame in which a badge was read."""
    spent = (("whole-global", 8.0), (stage, 16.0))
    return Sight((Reading(SECRET, 1, 2),), None, spent, stage, light, looking(sharpness), suspect=True)


@dataclass
class Shift:
    """A diary and its clock."""

    now: int = 1_000_000
    diary: Diary = field(init=False)

    def __post_init__(self) -> None:
        self.diary = Diary(lambda: self.now, "0.1.0")

    def see(self, sight: Sight, *, began: bool = False, after_ms: int = 40) -> None:
        """The next frame."""
        self.now += after_ms
        self.diary.note(sight, began=began, now_ms=self.now)

    def figures(self, after_ms: int = 0) -> Health:
        """What it says then."""
        self.now += after_ms
        found = self.diary.figures()
        assert found is not None
        return found


@pytest.fixture
def shift() -> Shift:
    return Shift()


def test_there_are_no_figures_before_it_has_watched_for_a_second(shift: Shift) -> None:
    assert shift.diary.figures() is None
    shift.see(EMPTY)
    assert shift.diary.figures() is None
    shift.now += 1000
    assert shift.figures().frames == 1


def test_frames_and_the_work_of_each_stage_are_those_of_the_last_minute(shift: Shift) -> None:
    shift.see(UNREAD)
    shift.now += WINDOW_MS
    for _ in range(50):
        shift.see(EMPTY)
        shift.see(Sight())
    said = shift.figures()
    assert (said.seconds, said.frames, said.looked) == (60.0, 100, 50)
    assert [(stage.name, stage.runs, stage.ms) for stage in said.stages] == [("whole-global", 50, 400.0)]
    assert said.sharpness is None


def test_the_window_is_no_longer_than_it_has_watched(shift: Shift) -> None:
    for _ in range(251):
        shift.see(EMPTY)
    assert shift.figures().seconds == 10.0
    shift.now += 5000
    assert shift.figures().seconds == 15.0


def test_a_camera_that_gives_no_more_frames_shows_in_the_figures(shift: Shift) -> None:
    shift.see(EMPTY)
    shift.now += 10 * WINDOW_MS
    assert (shift.figures().seconds, shift.figures().frames, shift.figures().light) == (60.0, 0, None)


def test_the_time_to_first_read_begins_with_the_first_frame_that_showed_a_code(shift: Shift) -> None:
    shift.see(EMPTY)
    for _ in range(3):
        shift.see(UNREAD, after_ms=100)
    shift.see(read_by("half-local"), began=True, after_ms=100)
    said = shift.figures(1000)
    assert (said.presentations, said.first_read_ms_median, said.first_read_ms_p95) == (1, 300.0, 300.0)
    assert {stage.name: stage.needed for stage in said.stages} == {"whole-global": 0, "whole-local": 0, "half-local": 1}


def test_a_code_that_is_read_at_once_took_no_time(shift: Shift) -> None:
    shift.see(EMPTY)
    shift.see(read_by("whole-local"), began=True)
    assert shift.figures(1000).first_read_ms_median == 0


def test_a_frame_that_was_passed_over_does_not_end_the_wait(shift: Shift) -> None:
    shift.see(UNREAD)
    shift.see(Sight(), after_ms=500)
    shift.see(read_by("votes"), began=True, after_ms=500)
    assert shift.figures(1000).first_read_ms_median == 1000


@pytest.mark.parametrize("between", [EMPTY, read_by("whole-local")])
def test_what_was_gone_or_was_read_meanwhile_is_not_waited_for(shift: Shift, between: Sight) -> None:
    shift.see(UNREAD)
    shift.see(between, after_ms=3000)
    shift.see(UNREAD, after_ms=200)
    shift.see(read_by("whole-local"), began=True, after_ms=200)
    assert shift.figures().first_read_ms_median == 200


def test_of_many_waits_the_middle_and_the_longest_but_five_in_a_hundred_are_told(shift: Shift) -> None:
    for number in range(1, 21):
        shift.see(UNREAD)
        shift.see(read_by("whole-local"), began=True, after_ms=number * 10)
        shift.see(EMPTY)
    said = shift.figures()
    assert (said.first_read_ms_median, said.first_read_ms_p95) == (105.0, 190.0)


def test_advice_is_counted_when_it_is_given_not_at_every_frame_that_it_stands(shift: Shift) -> None:
    def unread(advice: Advice | None) -> Sight:
        return Sight((), advice, UNREAD.spent, suspect=True)

    for advice in (Advice.CLOSER, Advice.CLOSER, Advice.HOLD_STILL, None, Advice.CLOSER):
        shift.see(unread(advice), after_ms=400)
        shift.see(Sight(), after_ms=10)
    assert shift.figures().advice == (("closer", 2), ("hold_still", 1))


def test_light_and_sharpness_are_medians_of_what_was_looked_at(shift: Shift) -> None:
    for light, sharpness in ((10.0, 0.9), (100.0, 0.2), (110.0, 0.4)):
        shift.see(read_by("whole-local", light, sharpness), after_ms=500)
        shift.see(Sight())
    shift.see(EMPTY)
    assert (shift.figures().light, shift.figures().sharpness) == (105.0, 0.4)


def test_the_cameras_trouble_is_told_without_frames_in_one_line_and_until_it_is_well(shift: Shift) -> None:
    shift.diary.note_camera("no such device:\n/dev/video0\x00\udce9" + "!" * 500, 3)
    shift.now += 1000
    said = shift.figures()
    assert said.camera.startswith("no such device: /dev/video0  !!!")
    assert (len(said.camera), said.reopened, said.frames) == (200, 3, 0)
    assert health.is_sound(said)
    shift.diary.note_camera("", 4)
    assert (shift.figures().camera, shift.figures().reopened, shift.figures().version) == ("", 4, "0.1.0")


sights = st.builds(
    Sight,
    readings=st.sampled_from([(), (Reading(SECRET, 0, 0),)]),
    advice=st.none() | st.sampled_from(Advice),
    spent=st.lists(st.tuples(st.sampled_from([f"s{n}" for n in range(40)]), st.floats(-5, 1e6)), max_size=5).map(tuple),
    stage=st.sampled_from(["", "s1", "s2"]),
    light=st.floats(-10, 300),
    appearance=st.none() | st.floats(-1, 2).map(looking),
    suspect=st.booleans(),
)
seen = st.lists(st.tuples(sights, st.booleans(), st.integers(0, 20_000)), max_size=60)


@given(seen)
def test_whatever_is_seen_the_totals_add_up_within_bounds_and_no_text_is_kept(
    frames: list[tuple[Sight, bool, int]],
) -> None:
    shift = Shift()
    for sight, began, after_ms in frames:
        shift.see(sight, began=began and bool(sight.readings), after_ms=after_ms)
    shift.now += 1000
    said = shift.diary.figures()
    assert (said is None) == (frames == [])
    if said is None:
        return
    assert health.is_sound(said)
    assert SECRET.encode() not in health.encode(said)
    assert said.looked <= said.frames <= len(frames)
    assert sum(stage.needed for stage in said.stages) <= said.presentations <= said.looked
    assert sum(times for _, times in said.advice) <= said.looked
    assert (said.first_read_ms_median is None) == (said.presentations == 0)
    assert (said.first_read_ms_median or 0) <= (said.first_read_ms_p95 or 0) <= WINDOW_MS


@given(seen, st.integers(1, 8))
def test_however_many_frames_there_are_no_more_than_the_most_are_kept(
    frames: list[tuple[Sight, bool, int]], most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diary_of, "MOST_FRAMES", most)
        shift = Shift()
        for sight, began, after_ms in frames:
            shift.see(sight, began=began, after_ms=after_ms)
        assert len(shift.diary._entries) <= most
        shift.now += 1000
        said = shift.diary.figures()
    assert said is None or said.frames <= most


def test_a_camera_faster_than_what_is_kept_is_not_told_slower_than_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diary_of, "MOST_FRAMES", 100)
    fast = Shift()
    for _ in range(1000):
        fast.see(EMPTY, after_ms=5)
    said = fast.figures()
    assert said.frames / said.seconds == pytest.approx(200, rel=0.02)


def test_it_is_read_while_it_is_written() -> None:
    shift, ended = Shift(), threading.Event()
    shift.see(EMPTY)
    found: list[Health | None] = []

    def read() -> None:
        while not ended.is_set():
            found.append(shift.diary.figures())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3000):
        shift.see(UNREAD)
    ended.set()
    reader.join()
    assert all(said is None or health.is_sound(said) for said in found[-50:])
