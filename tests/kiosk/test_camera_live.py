"""A device that hangs, repeats itself or sees nothing is found out in two seconds, said, and opened again."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest

from kiosk.camera import Away, CameraAway, Care, Frame, Shot, Shots, lasting, live
from kiosk.camera.live import HANGS, LATE, OLDEST_MS, Live
from kiosk.camera.watch import COVERED, SILENT, STUCK
from tests.kiosk.sensor import BLACK, PATIENCE_S, Clock, Sensor, frame


@pytest.fixture(autouse=True)
def _quick_to_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LETTING_GO_S", 0.01)
    monkeypatch.setattr(live, "POLL_S", 0.005)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def sensor(clock: Clock) -> Iterator[Sensor]:
    """A camera that is let go of in the end."""
    made = Sensor(clock)
    yield made
    for _ in range(made.opened):
        made.order(None)


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """What a driver hangs on until the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def films(*acts: Callable[[], Shots]) -> Callable[[], Shots]:
    """Opens one after another."""
    turns = iter(acts)

    def opened() -> Shots:
        return next(turns)()

    return opened


class TestDevice:
    def script(self, clock: Clock, frames: list[Frame], then: threading.Event) -> Callable[[], Shots]:
        """Frames ten a second, as fast as they are taken; then it waits."""

        def shots() -> Shots:
            for one in frames:
                clock.now += 100
                yield Shot(one, clock.now)
            then.wait(PATIENCE_S)

        return shots

    @pytest.mark.parametrize(("after", "words"), [(frame(1), STUCK), (BLACK, COVERED)])
    def test_one_that_no_longer_sees_is_found_out_within_two_seconds(
        self, clock: Clock, sensor: Sensor, after: Frame, words: str
    ) -> None:
        shots = Live(clock).newest(sensor.shots, watched=True)
        sensor.order(frame(0))
        sensor.order(frame(1))
        next(shots)
        began = clock.now
        sensor.show(after, after_ms=33)

        def look() -> None:
            for _ in shots:
                sensor.show(after, after_ms=33)

        with pytest.raises(CameraAway) as away:
            look()
        assert str(away.value) == words
        assert 1000 < clock.now - began <= 2000

    def test_one_that_hangs_is_left_behind_and_another_opened(self, hanging: threading.Event) -> None:
        clock = Clock(hurry=20)

        def hangs() -> Shots:
            yield Shot(frame(0), clock.now)
            yield Shot(frame(1), clock.now)
            hanging.wait(PATIENCE_S)

        def works() -> Shots:
            for number in range(10_000):
                yield Shot(frame(number), clock.now)

        own, opening = Live(clock), films(hangs, works)
        shots = lasting(lambda: own.newest(opening, watched=True), lambda _: None)
        told = next(one for one in shots if isinstance(one, Away))
        assert told.why == SILENT
        assert isinstance(next(shots), Shot)

    def test_of_those_left_behind_there_are_at_most_three_until_one_is_back(self, hanging: threading.Event) -> None:
        clock, opened = Clock(hurry=1000), []

        def hangs() -> Shots:
            opened.append(1)
            hanging.wait(PATIENCE_S)
            yield from ()

        own = Live(clock)
        shots = lasting(lambda: own.newest(hangs, watched=True), lambda _: None)
        why = [one.why for one, _ in zip(shots, range(6), strict=False) if isinstance(one, Away)]
        assert why == [SILENT] * 3 + [HANGS] * 3
        assert len(opened) == 3
        hanging.set()
        for thread in threading.enumerate():
            if thread.name == "camera":
                thread.join(PATIENCE_S)
        assert next(shots) == Away("the camera gives no more frames")
        assert len(opened) == 4

    def test_a_covered_lens_is_opened_again_once_and_looked_through_until_it_is_free(
        self, clock: Clock, hanging: threading.Event
    ) -> None:
        uncovered, care = threading.Event(), Care()
        dark = self.script(clock, [BLACK] * 30, uncovered)

        def covered() -> Shots:
            yield from dark()
            yield from self.script(clock, [frame(0), frame(1)], hanging)()

        first = self.script(clock, [frame(0), frame(1), *[BLACK] * 30], hanging)
        own, opening = Live(clock), films(first, covered)
        shots = lasting(lambda: own.newest(opening, watched=True), lambda _: None, care)
        assert next(one for one in shots if isinstance(one, Away)) == Away(COVERED)
        assert next(shots) == Away(COVERED)
        assert care.trouble == COVERED
        uncovered.set()
        assert isinstance(next(shots), Shot)
        assert (care.trouble, care.last_trouble, care.reopened) == ("", COVERED, 1)

    def test_while_a_lens_is_covered_that_is_said_about_once_a_second(
        self, clock: Clock, hanging: threading.Event
    ) -> None:
        def dark() -> Shots:
            while not hanging.is_set():
                clock.now += 10
                yield Shot(BLACK, clock.now)

        shots, said = Live(clock).newest(dark, watched=True), []
        for _ in range(4):
            assert next(shots) == Away(COVERED)
            said.append(clock.now)
        assert all(later - earlier >= 900 for earlier, later in itertools.pairwise(said))

    def test_nothing_is_handed_out_before_it_is_known_to_see(self, clock: Clock, hanging: threading.Event) -> None:
        frozen = self.script(clock, [frame(7)] * 30, hanging)
        with pytest.raises(CameraAway, match="same picture"):
            next(Live(clock).newest(frozen, watched=True))

    def test_frames_that_all_come_late_are_a_trouble_and_no_silence_without_end(
        self, clock: Clock, hanging: threading.Event
    ) -> None:
        def late() -> Shots:
            for number in itertools.count():
                clock.now += 10
                yield Shot(frame(number), clock.now - OLDEST_MS - 300)
                if hanging.is_set():
                    return

        with pytest.raises(CameraAway) as away:
            next(Live(clock).newest(late, watched=True))
        assert str(away.value) == LATE

    def test_a_stream_may_stand_still_and_be_black(self, clock: Clock, sensor: Sensor) -> None:
        shots = Live(clock).newest(sensor.shots, watched=False)
        sensor.order(BLACK)
        next(shots)
        for _ in range(10):
            sensor.show(BLACK, after_ms=5000)
            assert isinstance(next(shots), Shot)
