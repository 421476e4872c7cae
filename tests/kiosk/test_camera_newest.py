"""The newest frame wins, and none that is old is ever handed out.

The cameras here are real threads that give a frame when the test says so; the clock stands still between.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator

import pytest

from kiosk.camera import Away, CameraAway, Care, Frame, Shot, Shots, lasting, live
from kiosk.camera.live import OLDEST_MS, Live
from tests.kiosk.sensor import PATIENCE_S, Clock, Sensor, frame, number_of


@pytest.fixture(autouse=True)
def _quick_to_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LETTING_GO_S", 0.01)


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


class TestNewest:
    def test_a_slow_consumer_is_given_the_newest_frame_and_no_backlog(self, clock: Clock, sensor: Sensor) -> None:
        shots = Live(clock).newest(sensor.shots, watched=False)
        sensor.order(frame(0))
        assert number_of(next(shots)) == 0
        for newest in (12, 24, 36):
            for number in range(newest - 11, newest + 1):
                sensor.show(frame(number), after_ms=33)
            shot = next(shots)
            assert isinstance(shot, Shot)
            assert (number_of(shot), shot.taken_ms) == (newest, clock.now)

    @pytest.mark.parametrize("watched", [True, False])
    def test_a_frame_that_became_old_is_never_handed_out(self, clock: Clock, sensor: Sensor, watched: bool) -> None:
        shots = Live(clock).newest(sensor.shots, watched)
        sensor.order(frame(0))
        sensor.order(frame(1))
        next(shots)
        for number in range(2, 8):
            sensor.show(frame(number), after_ms=33)
            clock.now += OLDEST_MS + 1
            late = threading.Thread(target=sensor.show, args=(frame(number + 100),))
            late.start()
            assert number_of(next(shots)) == number + 100
            late.join(PATIENCE_S)

    def test_a_frame_of_exactly_that_age_is(self, clock: Clock, sensor: Sensor) -> None:
        shots = Live(clock).newest(sensor.shots, watched=False)
        sensor.order(frame(0))
        next(shots)
        sensor.show(frame(1))
        clock.now += OLDEST_MS
        assert number_of(next(shots)) == 1

    def test_no_frame_is_handed_out_twice(self, clock: Clock, sensor: Sensor) -> None:
        shots = Live(clock).newest(sensor.shots, watched=False)
        for number in range(1, 50):
            sensor.order(frame(number))
            assert number_of(next(shots)) == number

    def test_memory_stays_flat_however_much_is_missed(self, clock: Clock, sensor: Sensor) -> None:
        shots = Live(clock).newest(sensor.shots, watched=True)
        seen: list[weakref.ref[Frame]] = []
        sensor.order(frame(0))
        sensor.order(frame(1))
        next(shots)
        for number in range(2, 60):
            one = frame(number)
            seen.append(weakref.ref(one))
            sensor.show(one, after_ms=33)
            del one
            assert sum(ref() is not None for ref in seen) <= 3

    def test_it_is_let_go_of_when_nobody_takes_any_more(self, clock: Clock, sensor: Sensor) -> None:
        shots = Live(clock).newest(sensor.shots, watched=False)
        sensor.order(frame(0))
        next(shots)
        shots.close()  # type: ignore[attr-defined]  # an iterator to the kiosk, a generator in truth
        sensor.order(frame(1))
        assert sensor.closed.wait(PATIENCE_S)

    def test_whatever_a_driver_raises_is_a_camera_that_is_away(self, clock: Clock) -> None:
        def broken() -> Shots:
            yield Shot(frame(0), clock.now)
            raise RuntimeError("a bug")

        with pytest.raises(CameraAway, match="RuntimeError"):
            for _ in Live(clock).newest(broken, watched=True):
                pass

    def test_a_camera_that_dies_comes_back(self, clock: Clock, sensor: Sensor) -> None:
        own, care = Live(clock), Care()
        shots = lasting(lambda: own.newest(sensor.shots, watched=False), lambda _: None, care)
        sensor.order(frame(1))
        assert number_of(next(shots)) == 1
        sensor.order(None)
        assert next(shots) == Away("the cable was pulled")
        assert care.trouble == "the cable was pulled"
        sensor.order(frame(2))
        assert number_of(next(shots)) == 2
        assert (care.trouble, care.reopened) == ("", 1)
