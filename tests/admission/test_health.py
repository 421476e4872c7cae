"""Figures of reading: bounded in every direction, and about nobody."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from admission import health, wire
from admission.errors import BadMessage
from admission.health import MAX_COUNT, MAX_MB, MAX_MS, MAX_UPTIME_S, MOST_NAMES, Health, StageHealth
from admission.wire import Exchange, Lane

STAGE = StageHealth(name="whole-local", runs=188, ms=3572.5, needed=6)
FIGURES = Health(
    seconds=60.0,
    frames=1488,
    looked=742,
    stages=(STAGE,),
    presentations=31,
    first_read_ms_median=142.0,
    first_read_ms_p95=618.0,
    advice=(("closer", 12), ("hold_still", 4)),
    sharpness=0.82,
    light=121.0,
    camera="",
    reopened=2,
    version="0.1.0",
)
BADGE = "TBIC2$*04001JMN/TWZ1KS06D3NC1C30H%B U4J*Q/5TKALU.N1ZT HRUPA0B30P5./IV88A-EDAPJE2CEDHCNGIMB89796Q"
COUNTS = ("frames", "looked", "presentations", "reopened")
TIMES = ("first_read_ms_median", "first_read_ms_p95")

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", max_size=32)
counts = st.integers(0, MAX_COUNT)
times = st.floats(0, MAX_MS)
stages = st.builds(StageHealth, name=names, runs=counts, ms=times, needed=counts)
figures = st.builds(
    Health,
    seconds=st.floats(0.001, 3600),
    frames=counts,
    looked=counts,
    stages=st.lists(stages, max_size=MOST_NAMES).map(tuple),
    presentations=counts,
    first_read_ms_median=st.none() | times,
    first_read_ms_p95=st.none() | times,
    advice=st.lists(st.tuples(names, counts), max_size=MOST_NAMES).map(tuple),
    sharpness=st.none() | st.floats(0, 1),
    light=st.none() | st.floats(0, 255),
    camera=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200),
    reopened=counts,
    version=st.just("0.1.0"),
    temperature_c=st.none() | st.floats(-100, 200),
    disk_free_mb=st.none() | st.integers(0, MAX_MB),
    clock_uncertainty_ms=st.none() | st.integers(0, MAX_MS),
    uptime_s=st.none() | st.integers(0, MAX_UPTIME_S),
    undervolted=st.none() | st.booleans(),
)


def letter(**changed: object) -> bytes:
    """A letter of the news lane whose figures differ in this from good ones."""
    said = msgspec.structs.replace(FIGURES, **changed)
    return wire.encode(Exchange(device="k", incarnation=1, boot="b", boot_ms=5, lane=Lane.NEWS, health=said))


@given(figures)
def test_figures_within_bounds_come_back_as_they_were_sent(said: Health) -> None:
    assert health.is_sound(said)
    assert wire.decode_exchange(letter(**msgspec.structs.asdict(said))).health == said


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        *[({name: -1}, rf">= 0.*{name}") for name in (*COUNTS, *TIMES, "sharpness", "light")],
        *[({name: MAX_COUNT + 1}, rf"<= {MAX_COUNT}.*{name}") for name in COUNTS],
        *[({name: MAX_MS + 1.0}, rf"<= {MAX_MS}.*{name}") for name in TIMES],
        ({"seconds": 0.0}, "> 0.*seconds"),
        ({"seconds": 3601.0}, "<= 3600.*seconds"),
        ({"seconds": float("nan")}, "Expected `float`, got `null`.*seconds"),
        ({"sharpness": 1.01}, "<= 1.*sharpness"),
        ({"light": 255.5}, "<= 255.*light"),
        ({"stages": (STAGE,) * 33}, "length <= 32.*stages"),
        ({"stages": (msgspec.structs.replace(STAGE, name="s" * 33),)}, "length <= 32.*name"),
        ({"stages": (msgspec.structs.replace(STAGE, name="<b>"),)}, "matching regex.*name"),
        ({"stages": (msgspec.structs.replace(STAGE, ms=-0.5),)}, ">= 0.*ms"),
        ({"advice": (("closer", 1),) * 33}, "length <= 32.*advice"),
        ({"advice": (("closer\n", 1),)}, "matching regex.*advice"),
        ({"advice": ((BADGE[:32], 1),)}, "matching regex.*advice"),
        ({"camera": "x" * 201}, "length <= 200.*camera"),
        ({"camera": "away\x00"}, "matching regex.*camera"),
        ({"version": "1" * 33}, "length <= 32.*version"),
        ({"temperature_c": -101.0}, ">= -100.*temperature_c"),
        ({"temperature_c": 201.0}, "<= 200.*temperature_c"),
        *[({name: -1}, f">= 0.*{name}") for name in ("disk_free_mb", "clock_uncertainty_ms", "uptime_s")],
        *[({name: 2**62}, f"<= .*{name}") for name in ("disk_free_mb", "clock_uncertainty_ms", "uptime_s")],
        ({"version": "<script>"}, "matching regex.*version"),
    ],
)
def test_a_figure_out_of_bounds_is_refused_and_named(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(BadMessage, match=says):
        wire.decode_exchange(letter(**changed))
    assert not health.is_sound(msgspec.structs.replace(FIGURES, **changed))


@pytest.mark.parametrize("number", [b"1e999", b"Infinity", b"NaN"])
def test_a_number_that_is_none_is_refused(number: bytes) -> None:
    with pytest.raises(BadMessage):
        wire.decode_exchange(letter().replace(b'"light":121.0', b'"light":' + number))


def test_figures_cannot_name_anybody_no_field_could() -> None:
    numbers = {"seconds", "frames", "looked", "presentations", *TIMES, "sharpness", "light", "reopened"}
    numbers |= {"temperature_c", "disk_free_mb", "clock_uncertainty_ms", "uptime_s", "undervolted"}
    words = {"stages", "advice", "camera", "version"}
    assert {field.name for field in msgspec.structs.fields(Health)} == numbers | words
    assert [field.name for field in msgspec.structs.fields(StageHealth)] == ["name", "runs", "ms", "needed"]
    for name in numbers:  # no text gets into a number, nor a badge id: it has 63 bits
        for smuggled in (BADGE, 1201 << 32 | 0x5EED0B0E):
            assert not health.is_sound(msgspec.structs.replace(FIGURES, **{name: smuggled}))
    with pytest.raises(BadMessage, match="person"):
        wire.decode_exchange(letter().replace(b'"reopened":', b'"person":"Ada","reopened":'))


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"frames":1}', "[" * 10_000])
def test_what_holds_no_figures_is_none_and_raises_nothing(text: str) -> None:
    assert health.decode(text) is None


def test_the_most_that_a_kiosk_can_say_is_small() -> None:
    stage = StageHealth(name="s" * 32, runs=MAX_COUNT, ms=MAX_MS - 0.123456789, needed=MAX_COUNT)
    most = msgspec.structs.replace(
        FIGURES, stages=(stage,) * 32, advice=(("a" * 32, MAX_COUNT),) * 32, camera="\U0001f4f7" * 200
    )
    assert health.is_sound(most)
    assert len(health.encode(most)) < 7000


def test_a_kiosk_that_knows_nothing_of_its_machine_says_no_more_than_kiosks_said_before() -> None:
    text = health.encode(FIGURES)
    unknown = (b"temperature_c", b"disk_free_mb", b"clock_uncertainty_ms", b"uptime_s", b"undervolted")
    assert not any(name in text for name in unknown)
    assert health.decode(text) == FIGURES
    least = {"temperature_c": -3.5, "disk_free_mb": 0, "clock_uncertainty_ms": 0, "uptime_s": 0, "undervolted": False}
    measured = msgspec.structs.replace(FIGURES, **least)
    assert health.decode(health.encode(measured)) == measured
