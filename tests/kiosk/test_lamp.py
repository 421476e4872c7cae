"""What the signal tower shows: told apart by place, colour and rhythm, never flashing, never green for too long."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kiosk.face import Shown, Status
from kiosk.face.lamp import BUZZES, LIGHTS, STEADY_MS, Lamp, Lit, NoLamp, Tower, fitted, lamp
from kiosk.face.sound import SOUNDS
from kiosk.pins import COLOURS, Pins, PinsAway
from tests.kiosk.wires import Boot, Torn, header, real_ms, wait_for

PINS = Pins(red=17, amber=27, green=22, white=23, buzzer=24)
ALL = frozenset(COLOURS)
KEYS = {
    "waiting": "waiting",
    "reading": "reading",
    "moment": "moment",
    "welcome": "welcome",
    "goodbye": "goodbye",
    "counted": "counted",
    "refused": "expired",
    "steward": "steward",
    "full": "full",
    "closed": "doors_closed",
    "trouble": "camera_away",
}
SHOWN = {state: Shown(state, key) for state, key in KEYS.items()}
CLOSED_NOW = Shown("closed", "closed_now")


def course(tower: Tower, until_ms: int, now: int = 0) -> list[tuple[int, Lit, bool]]:
    """What the tower does by itself until then, asked when it said: instant, what is lit, whether it buzzes."""
    seen: list[tuple[int, Lit, bool]] = []
    while now < until_ms:
        lit, sounds, due = tower.step(now)
        if not seen or seen[-1][1:] != (lit, sounds):
            seen.append((now, lit, sounds))
        now = until_ms if due is None else now + due
    return seen


def lights(state: str, until_ms: int = 20_000, colours: Lit = ALL) -> list[tuple[int, str]]:
    """What is lit from when on, in a state that is shown to a dark tower."""
    tower = Tower(colours)
    tower.show(SHOWN[state], 0, quiet=True)
    return [(at, "+".join(sorted(lit))) for at, lit, _ in course(tower, until_ms)]


def test_an_admission_is_green_at_once_and_steady() -> None:
    assert lights("welcome", 3000) == lights("goodbye", 3000) == [(0, "green")]


def test_a_refusal_winks_once_and_is_steady_red() -> None:
    assert lights("refused") == [(0, "red"), (400, ""), (800, "red")]


def test_a_full_room_is_red_and_amber_together() -> None:
    assert lights("full") == [(0, "amber+red"), (400, ""), (800, "amber+red"), (1200, ""), (1600, "amber+red")]


def test_a_badge_that_is_counted_already_is_two_beats_of_amber() -> None:
    assert lights("counted") == [(0, "amber"), (400, ""), (800, "amber"), (1200, "")]


def test_a_door_that_waits_is_white() -> None:
    assert lights("waiting") == lights("reading") == lights("moment") == [(0, "white")]


def test_a_state_that_is_not_known_is_never_green() -> None:
    tower = Tower(ALL)
    tower.show(Shown("pairing", "pair"), 0, quiet=True)
    assert tower.step(0)[0] == {"white"}


@pytest.mark.parametrize("state", ["steward", "trouble", "closed"])
def test_what_pulses_does_so_at_one_hertz_at_most(state: str) -> None:
    seen = lights(state)
    again = [at for at, lit in seen if lit == seen[0][1]]
    assert len(again) > 4
    assert min(b - a for a, b in itertools.pairwise(again)) >= 1000


def test_states_differ_in_rhythm_also_for_eyes_that_see_no_colours() -> None:
    """Two states may have the same rhythm only if both mean "go"."""
    rhythms = {state: tuple((at, bool(lit)) for at, lit in lights(state, 3400)) for state in LIGHTS}
    twins = {frozenset((a, b)) for a, b in itertools.combinations(LIGHTS, 2) if rhythms[a] == rhythms[b]}
    assert twins == {frozenset({"welcome", "goodbye"})}


@pytest.mark.parametrize("colours", [set(some) for n in range(1, 5) for some in itertools.combinations(COLOURS, n)])
@pytest.mark.parametrize("state", [state for state in SHOWN if state not in ("welcome", "goodbye")])
def test_on_no_tower_is_anything_green_but_an_admission(state: str, colours: set[str]) -> None:
    assert not any("green" in lit for _, lit in lights(state, colours=frozenset(colours)))


@pytest.mark.parametrize("only", ["red", "amber"])
@pytest.mark.parametrize("state", ["refused", "full", "counted", "steward", "closed", "trouble"])
def test_with_only_one_of_red_and_amber_every_stop_is_still_lit_in_its_rhythm(state: str, only: str) -> None:
    whole, fit = LIGHTS[state], fitted(LIGHTS[state], frozenset({only, "green"}))
    assert {lit for lit, _ in fit.steps} <= {frozenset({only}), frozenset()}
    assert any(lit for lit, _ in fit.steps)
    assert [ms for _, ms in fit.steps] == [ms for _, ms in whole.steps]


def test_a_state_that_has_to_wait_for_its_light_keeps_its_rhythm() -> None:
    tower = Tower(ALL)
    tower.show(SHOWN["welcome"], 0, quiet=True)
    tower.step(0)
    tower.show(SHOWN["refused"], 50, quiet=True)
    seen = [(at, set(lit)) for at, lit, _ in course(tower, 5000, 50)]
    assert seen == [(50, {"green"}), (334, {"red"}), (734, set()), (1134, {"red"})]


def test_green_goes_out_if_the_gate_stands_still() -> None:
    assert lights("welcome") == [(0, "green"), (SHOWN["welcome"].lasts_ms + 1000, "")]


def test_a_door_that_is_out_of_order_says_so_for_as_long_as_it_lasts() -> None:
    tower = Tower(ALL)
    for now in range(0, 60_000, 100):
        tower.show(SHOWN["trouble"], now, quiet=False)
        lit, sounds, _ = tower.step(now)
        assert lit == ({"red"} if now % 2000 < 1000 else {"amber"})
        assert sounds is False or now < sum(BUZZES["trouble"]), "and complains aloud only once"


STORY = st.lists(st.tuples(st.sampled_from([*SHOWN.values(), CLOSED_NOW]), st.integers(0, 1500)), max_size=40)


@settings(deadline=None)
@given(STORY, st.lists(st.integers(0, 700), min_size=1, max_size=5))
@example([(SHOWN["welcome"], 1), (SHOWN["refused"], 1)] * 20, [0])
@example([(SHOWN["welcome"], 100), (SHOWN["refused"], 100)] * 20, [0])
@example([(SHOWN["refused"], 399), (SHOWN["waiting"], 1)] * 20, [0])
@example([(SHOWN["full"], 1500)], [330, 0])
def test_nothing_flashes_whatever_is_shown(story: list[tuple[Shown, int]], late_ms: list[int]) -> None:
    """Neither a colour nor the whole tower changes more than three times in any second, however late its thread."""
    tower, now, changes = Tower(ALL), 5000, [(0, frozenset[str]())]
    lateness = itertools.cycle(late_ms)
    for shown, stands_ms in [*story, (SHOWN["waiting"], 3000)]:
        tower.show(shown, now, quiet=True)
        end = now + stands_ms
        while True:
            lit, _, due = tower.step(now)
            assert due is None or due > 0
            if lit != changes[-1][1]:
                changes.append((now, lit))
            now += end if due is None else due + next(lateness)
            if now >= end:
                break
        now = end
    instants = [at for at, _ in changes[1:]]
    assert all(later - first > 1000 for first, later in zip(instants, instants[3:], strict=False))
    assert all(later - first >= STEADY_MS for first, later in itertools.pairwise(instants))


@settings(deadline=None)
@given(STORY)
def test_what_is_shown_is_lit_within_a_third_of_a_second(story: list[tuple[Shown, int]]) -> None:
    tower, now = Tower(ALL), 5000
    for shown, stands_ms in story:
        tower.show(shown, now, quiet=True)
        course(tower, now + stands_ms, now)
        now += stands_ms
    for last in (SHOWN["goodbye"], SHOWN["welcome"]):
        tower.show(last, now, quiet=True)
        seen = course(tower, now + 2500, now)
        assert [lit for at, lit, _ in seen if at >= now + STEADY_MS] in ([], [{"green"}])
        assert seen[-1][1] == {"green"}


def test_beeps_are_told_apart_by_their_rhythm_alone() -> None:
    assert len(set(BUZZES.values())) == len(BUZZES)
    assert all(sum(rhythm) <= 3000 for rhythm in BUZZES.values())


def test_whatever_has_a_light_has_a_beep_and_a_sound_too() -> None:
    assert set(BUZZES) == set(LIGHTS) == set(SOUNDS) - {"reading"}


def beeps(*shown: tuple[int, Shown], quiet: bool = False) -> list[tuple[int, bool]]:
    """When it buzzes and when not, if this is shown at these instants."""
    tower, seen = Tower(ALL), []
    for (now, one), (then, _) in itertools.pairwise([*shown, (60_000, shown[-1][1])]):
        tower.show(one, now, quiet=quiet)
        seen += [(at, sounds) for at, _, sounds in course(tower, then, now)]
    return [(at, on) for (at, on), before in zip(seen, [(0, False), *seen], strict=False) if on != before[1]]


def test_a_refusal_beeps_twice() -> None:
    assert beeps((0, SHOWN["refused"])) == [(0, True), (300, False), (450, True), (750, False)]


def test_the_next_visitors_beep_cuts_the_last_ones_short() -> None:
    assert beeps((0, SHOWN["closed"]), (200, SHOWN["welcome"])) == [(0, True), (320, False)]


def test_two_who_are_answered_alike_are_both_beeped_at() -> None:
    assert beeps((0, SHOWN["welcome"]), (2000, SHOWN["welcome"])) == [
        (0, True), (120, False), (2000, True), (2120, False)
    ]  # fmt: skip


def test_a_door_that_is_closed_does_not_beep_at_nobody() -> None:
    assert beeps((0, CLOSED_NOW), (100, CLOSED_NOW)) == []


def test_silent_hours_silence_the_beeps_and_not_the_light() -> None:
    assert beeps((0, SHOWN["refused"]), quiet=True) == []


def on(pins: Any) -> set[str]:
    """What is on at the header."""
    return {use for use in (*COLOURS, "buzzer") if pins.pin(getattr(PINS, use)).state}


def test_the_wires_follow_what_is_shown_and_all_are_off_at_the_end() -> None:
    pins = header()
    made = lamp(PINS, lambda: pins, real_ms, lambda: False)
    assert on(pins) == set()
    made.show(SHOWN["welcome"])
    buzzer = pins.pin(PINS.buzzer).states
    wait_for(lambda: [one.state for one in buzzer] == [False, True, False], "a beep")
    wait_for(lambda: on(pins) == {"green"}, "green")
    made.show(SHOWN["full"])
    wait_for(lambda: on(pins) >= {"red", "amber"}, "red and amber")
    made.report(Status(trouble="the disk is full"))
    made.close()
    assert on(pins) == set()
    assert {pins.pin(getattr(PINS, use)).function for use in COLOURS} == {"input"}


@pytest.mark.parametrize(("night", "beeped"), [(False, True), (True, False)])
def test_the_buzzer_itself_is_silent_in_silent_hours_while_the_lamp_is_lit(night: bool, beeped: bool) -> None:
    pins = header()
    made = Lamp(PINS, pins, Boot(), lambda: night)
    made.show(SHOWN["refused"])
    wait_for(lambda: "red" in on(pins), "red")
    made.close()  # after the step that lit it
    assert any(one.state for one in pins.pin(PINS.buzzer).states) is beeped


def test_lamps_that_are_on_at_0_volt_start_dark() -> None:
    pins = header()
    made = Lamp(Pins(red=17, green=22, lamp_active_high=False), pins, real_ms, lambda: True)
    assert (pins.pin(17).state, pins.pin(22).state) == (True, True)
    made.show(SHOWN["welcome"])
    wait_for(lambda: not pins.pin(22).state, "green")
    assert pins.pin(17).state
    made.close()


def test_a_lamp_that_fails_is_logged_once_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    pins = header()
    red = pins.pin(17)
    red.__class__ = Torn
    made = Lamp(PINS, pins, real_ms, lambda: True)
    made.show(SHOWN["trouble"])
    wait_for(lambda: on(pins) == {"amber"}, "amber, after what should have been red")
    wait_for(lambda: on(pins) == set(), "what should be red again")
    wait_for(lambda: on(pins) == {"amber"}, "amber again")
    assert caplog.messages == [made.trouble] == ["on the signal tower, this cannot be switched: red"]
    red.torn = False
    wait_for(lambda: on(pins) == {"red"}, "red, when its driver is back")
    assert made.trouble == ""
    made.close()


def test_without_lamps_nothing_is_reached_for() -> None:
    made = lamp(Pins(relay=17), lambda: pytest.fail("no pin is wanted"), real_ms, lambda: False)
    assert isinstance(made, NoLamp)
    made.show(SHOWN["welcome"])
    made.report(Status())
    made.close()


def test_a_header_that_is_away_is_said_and_the_door_goes_on() -> None:
    def away() -> Any:
        raise PinsAway("install this")

    made = lamp(PINS, away, real_ms, lambda: False)
    made.show(SHOWN["welcome"])
    assert made.trouble == "install this"


def test_a_pin_that_cannot_be_used_is_said_and_the_door_goes_on() -> None:
    pins = header()
    first = lamp(PINS, lambda: pins, real_ms, lambda: False)
    second = lamp(PINS, lambda: pins, real_ms, lambda: False)
    assert isinstance(second, NoLamp)
    assert "cannot be used" in second.trouble
    first.close()
