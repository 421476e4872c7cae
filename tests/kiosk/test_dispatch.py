"""What letters say besides journal and standing: how well the kiosk reads, in the news lane and now and then."""

from __future__ import annotations

import msgspec
import pytest

from admission import wire
from admission.courier import open_frame, read_frame
from admission.health import Health
from admission.wire import Exchange, Lane, Presenting
from kiosk.dispatch import Dispatch, Vitals
from tests.kiosk.conftest import Doors, Kiosk

FIGURES = Health(
    seconds=60.0,
    frames=1488,
    looked=742,
    stages=(),
    presentations=0,
    first_read_ms_median=None,
    first_read_ms_p95=None,
    advice=(),
    sharpness=None,
    light=121.0,
    camera="",
    reopened=0,
    version="0.1.0",
)


class Measured:
    """A kiosk whose figures are what the test says."""

    def __init__(self, kiosk: Kiosk) -> None:
        self.kiosk = kiosk
        self.figures: Health | Exception | None = FIGURES
        self.asked = 0
        parts = (kiosk.world.enrolments[kiosk.gate_name], kiosk.disk, kiosk.journal, kiosk.standing, kiosk.clock)
        self.dispatch = Dispatch(*parts, Vitals(health=self.measure))

    def measure(self) -> Health | None:
        """What the diary would say."""
        self.asked += 1
        if isinstance(self.figures, Exception):
            raise self.figures
        return self.figures

    def write(self, lane: Lane, *, after_ms: int = 0) -> Exchange:
        """The letter that is written then."""
        self.kiosk.ms += after_ms
        return wire.decode_exchange(self.dispatch.write(lane, Presenting(1, 5, "hall")).body)


@pytest.fixture
def measured(door: Doors) -> Measured:
    return Measured(door("hall-a"))


def test_the_first_news_carry_figures_at_once_and_the_next_ten_seconds_later(measured: Measured) -> None:
    assert measured.write(Lane.NEWS).health == FIGURES
    assert measured.write(Lane.NEWS, after_ms=9_999).health is None
    assert measured.write(Lane.NEWS, after_ms=1).health == FIGURES
    assert measured.write(Lane.NEWS, after_ms=5_000).health is None


def test_an_ask_never_carries_figures_nor_puts_them_off(measured: Measured) -> None:
    assert measured.write(Lane.ASK).health is None
    assert measured.write(Lane.NEWS).health == FIGURES
    assert measured.write(Lane.ASK, after_ms=60_000).health is None
    assert measured.asked == 1


def test_neither_a_courier_nor_a_file_carries_figures(measured: Measured) -> None:
    slip = open_frame(read_frame(measured.dispatch.slips()[0]), measured.dispatch._key.public_key())
    files = [wire.decode_exchange(letter.body) for letter in measured.dispatch.read_out(whole=True)]
    assert [letter.health for letter in (slip, *files)] == [None, None]
    assert measured.asked == 0


def test_figures_that_are_not_there_yet_are_asked_for_again(measured: Measured) -> None:
    measured.figures = None
    assert measured.write(Lane.NEWS).health is None
    measured.figures = FIGURES
    assert measured.write(Lane.NEWS, after_ms=50).health == FIGURES


@pytest.mark.parametrize(
    "wrong",
    [
        msgspec.structs.replace(FIGURES, light=float("nan")),
        msgspec.structs.replace(FIGURES, frames=-1),
        msgspec.structs.replace(FIGURES, camera="\udce9"),
        RuntimeError("the diary failed"),
    ],
    ids=["no number", "below zero", "no text", "an error"],
)
def test_figures_that_are_wrong_never_cost_the_door_its_letter(measured: Measured, wrong: Health | Exception) -> None:
    measured.figures = wrong
    assert measured.write(Lane.NEWS).health is None
    assert measured.write(Lane.NEWS, after_ms=50).health is None
    assert measured.asked == 1
    measured.figures = FIGURES
    assert measured.write(Lane.NEWS, after_ms=10_000).health == FIGURES
