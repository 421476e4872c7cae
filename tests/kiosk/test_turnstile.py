"""The relay opens for a passage and shuts by itself; a signal annuls only the passage that it can only mean."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.pins import Pins, PinsAway
from kiosk.turnstile import LATE_MS, TURN_MS, NoTurnstile, Turnstile, turnstile
from tests.kiosk.wires import Boot, Burnt, Deaf, Torn, header, real_ms, wait_for

PINS = Pins(relay=17, relay_ms=100, did_not_turn=22)


class Door:
    """A turnstile with its pins and a clock turned by hand. Ground at the contact is its signal."""

    def __init__(self, pins: Pins = PINS) -> None:
        self.clock = Boot()
        self.pins = header()
        self.relay, self.contact = self.pins.pin(pins.relay), self.pins.pin(pins.did_not_turn)
        made = turnstile(pins, lambda: self.pins, self.clock)
        assert isinstance(made, Turnstile)
        self.turnstile = made

    def signal(self) -> None:
        """The turnstile says that it did not turn."""
        self.contact.drive_low()
        self.contact.drive_high()

    def undone(self) -> list[int]:
        """All that is annulled by now."""
        return list(iter(self.turnstile.undone, None))


@pytest.fixture
def door() -> Iterator[Door]:
    """One door, closed afterwards."""
    made = Door()
    yield made
    made.turnstile.close()


def levels(pin: Any) -> list[bool]:
    """Where a pin has been."""
    return [bool(state.state) for state in pin.states]


@pytest.mark.parametrize("active_high", [True, False])
def test_the_relay_is_off_until_a_passage_opens_it(active_high: bool) -> None:
    door = Door(Pins(relay=17 if active_high else 5, relay_active_high=active_high, did_not_turn=22))
    assert door.relay.function == "output"
    assert door.relay.state is not active_high
    door.signal()
    assert door.undone() == []
    assert door.relay.state is not active_high
    door.turnstile.open(7)
    assert door.relay.state is active_high
    door.turnstile.close()
    assert door.relay.function == "input"


def test_an_opening_ends_by_itself_and_lasts_as_long_as_it_is_set() -> None:
    pins = header()
    made = Turnstile(PINS, pins, real_ms)
    relay = pins.pin(17)
    relay.clear_states()
    began = real_ms()
    made.open(7)
    assert relay.state, "open when the call returns"
    wait_for(lambda: not relay.state, "the relay goes off")
    assert levels(relay) == [False, True, False]
    assert real_ms() - began >= PINS.relay_ms
    made.open(8)
    wait_for(lambda: levels(relay) == [False, True] * 2 + [False], "the second opening ends")
    made.close()


def test_a_second_opening_lasts_from_its_own_beginning() -> None:
    door = Door()
    door.turnstile.open(1)
    door.clock.ms += 90
    door.turnstile.open(2)
    door.clock.ms += 99
    assert door.turnstile._step() == 1
    assert door.relay.state
    door.clock.ms += 1
    assert door.turnstile._step() is None
    assert not door.relay.state
    door.turnstile.close()


@pytest.mark.parametrize(("after_ms", "undone"), [(0, [7]), (4900, [7]), (5000, [7]), (5001, []), (5100, [])])
def test_a_signal_within_five_seconds_annuls_the_passage(door: Door, after_ms: int, undone: list[int]) -> None:
    door.turnstile.open(7)
    door.clock.ms += after_ms
    door.signal()
    door.clock.ms += 60_000
    assert door.undone() == undone


def test_a_passage_is_annulled_once_however_often_the_turnstile_says_so(door: Door) -> None:
    door.turnstile.open(7)
    for _ in range(5):
        door.clock.ms += 700
        door.signal()
    assert door.undone() == [7]
    assert door.undone() == []


def test_a_signal_without_an_opening_annuls_nobody_now_or_later(door: Door) -> None:
    door.signal()
    door.clock.ms += 1000
    door.turnstile.open(7)
    assert door.undone() == []


def test_a_contact_that_bounces_is_one_signal(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    door.turnstile.open(7)
    door.clock.ms += 1000
    for _ in range(30):
        door.signal()
        door.clock.ms += PINS.bounce_ms
    assert door.undone() == [7]
    assert caplog.messages == []


def test_a_contact_that_bounces_over_the_next_opening_does_not_annul_that(door: Door) -> None:
    door.turnstile.open(7)
    door.clock.ms += 1000
    door.signal()
    door.turnstile.open(8)
    door.clock.ms += PINS.bounce_ms
    door.signal()
    assert door.undone() == [7]


def test_a_signal_that_could_mean_two_people_annuls_neither_and_is_logged(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    door.turnstile.open(7)
    door.clock.ms += 2000
    door.turnstile.open(8)
    door.clock.ms += 1000
    door.signal()
    assert door.undone() == []
    assert caplog.messages == ["the turnstile did not turn for one of the passages 7, 8: none is annulled"]


def test_when_the_first_one_is_surely_through_a_signal_is_the_second_ones(door: Door) -> None:
    door.turnstile.open(7)
    door.clock.ms += 3000
    door.turnstile.open(8)
    door.clock.ms += TURN_MS + LATE_MS - 3000 + 1
    door.signal()
    assert door.undone() == [8]


def test_a_signal_that_comes_a_little_late_does_not_annul_whoever_came_next(door: Door) -> None:
    door.turnstile.open(7)
    door.clock.ms += TURN_MS + 1
    door.turnstile.open(8)
    door.clock.ms += 40
    door.signal()
    assert door.undone() == []


def test_a_signal_before_the_next_opening_is_kept_until_it_is_asked_for(door: Door) -> None:
    door.turnstile.open(7)
    door.clock.ms += 1000
    door.signal()
    door.turnstile.open(8)
    door.clock.ms += 1000
    door.signal()
    assert door.undone() == [7, 8]


def test_a_passage_that_is_shown_twice_is_still_one(door: Door) -> None:
    door.turnstile.open(7)
    door.clock.ms += 2000
    door.turnstile.open(7)
    door.clock.ms += 2000
    door.signal()
    assert door.undone() == [7]


@settings(deadline=None, max_examples=50)  # each door starts a thread
@given(st.lists(st.tuples(st.sampled_from(["open", "signal"]), st.integers(0, 6000)), max_size=30))
def test_whatever_happens_only_a_passage_that_a_signal_can_only_mean_is_annulled_and_once(
    story: list[tuple[str, int]],
) -> None:
    door = Door()
    opened: dict[int, int] = {}
    allowed, undone = set(), []
    for number, (what, later) in enumerate(story):
        door.clock.ms += later
        if what == "open":
            opened[number] = door.clock.ms
            door.turnstile.open(number)
            continue
        door.signal()
        could_be = [seq for seq, at in opened.items() if door.clock.ms - at <= TURN_MS + LATE_MS and seq not in undone]
        if len(could_be) == 1 and door.clock.ms - opened[could_be[0]] <= TURN_MS:
            allowed.add(could_be[0])
        undone += door.undone()
    door.turnstile.close()
    assert set(undone) <= allowed
    assert len(undone) == len(set(undone))


def test_a_contact_to_3_3_volt_is_heard_when_the_pin_is_pulled_down() -> None:
    door = Door(Pins(relay=17, did_not_turn=22, pull="down"))
    door.turnstile.open(7)
    door.contact.drive_high()
    assert door.undone() == [7]
    door.turnstile.close()


def test_a_contact_that_stays_closed_is_told_to_staff_until_it_opens(door: Door) -> None:
    door.contact.drive_low()
    door.clock.ms += TURN_MS
    door.turnstile.open(7)
    assert door.turnstile.trouble == ""
    door.clock.ms += 1
    door.turnstile.open(8)
    assert door.turnstile.trouble == "the did-not-turn contact on pin 22 stays closed"
    door.contact.drive_high()
    door.turnstile.open(9)
    assert door.turnstile.trouble == ""


def test_a_relay_that_does_not_follow_is_told_to_staff_once_and_does_not_stop_the_door(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, pins = Boot(), header(Burnt)
    made = Turnstile(Pins(relay=17), pins, clock)
    for seq in (7, 8):
        made.open(seq)
        clock.ms += 1000
        made._step()  # it is off, as it should be; that does not mend it
    assert made.trouble == "the relay on pin 17 cannot be switched on"
    assert caplog.messages == ["the relay on pin 17 cannot be switched on"]
    pins.pin(17).burnt = False
    made.open(9)
    assert made.trouble == ""
    made.close()


def test_a_relay_that_stays_on_is_tried_again_until_it_is_off() -> None:
    clock, pins = Boot(), header(Burnt)
    relay = pins.pin(17)
    relay.burnt = False
    made = Turnstile(PINS, pins, clock)
    made.open(7)
    relay.burnt = True
    clock.ms += 100
    made._beat.wake()
    wait_for(lambda: made.trouble == "the relay on pin 17 cannot be switched off", "the trouble is said")
    relay.burnt = False
    wait_for(lambda: not relay.state, "the relay goes off")
    wait_for(lambda: made.trouble == "", "the trouble is over")
    made.close()


def test_a_driver_that_fails_does_not_reach_the_gate(caplog: pytest.LogCaptureFixture) -> None:
    made = Turnstile(Pins(relay=17), header(Torn), real_ms)
    made.open(7)
    assert made.trouble == "the relay on pin 17 cannot be switched on"
    assert caplog.messages == ["the relay's pin failed", made.trouble]
    made.close()


def test_without_a_relay_nothing_is_reached_for() -> None:
    made = turnstile(Pins(red=17), lambda: pytest.fail("no pin is wanted"), real_ms)
    assert isinstance(made, NoTurnstile)
    made.open(7)
    assert (made.undone(), made.trouble) == (None, "")


def test_a_header_that_is_away_is_said_and_the_door_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def away() -> Any:
        raise PinsAway("install this")

    made = turnstile(PINS, away, real_ms)
    made.open(7)
    assert (made.undone(), made.trouble) == (None, "install this")
    made.close()


def test_a_pin_that_something_else_holds_is_said_and_the_door_goes_on() -> None:
    pins = header()
    first = turnstile(PINS, lambda: pins, real_ms)
    second = turnstile(PINS, lambda: pins, real_ms)
    assert isinstance(second, NoTurnstile)
    assert "the relay on pin 17 cannot be used" in second.trouble
    first.close()


def test_a_contact_that_cannot_be_used_does_not_keep_the_door_shut() -> None:
    pins = header()
    pins.pin(22).__class__ = Deaf
    made = turnstile(PINS, lambda: pins, real_ms)
    made.open(7)
    assert pins.pin(17).state
    assert "the did-not-turn contact on pin 22 cannot be used" in made.trouble
    made.close()


def test_closing_shuts_an_open_door_and_lets_go_of_the_pins() -> None:
    door = Door()
    door.turnstile.open(7)
    door.turnstile.close()
    assert (door.relay.state, door.relay.function) == (False, "input")
    again = Turnstile(PINS, door.pins, door.clock)
    again.close()
