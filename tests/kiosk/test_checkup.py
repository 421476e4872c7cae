"""What the doctor says of measured facts: each threshold from both sides, and never a fault without a way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from admission.findings import Finding, Level, bad, decode, encode, good, lines, look, worst
from kiosk import checkup, probes
from kiosk.checkup import Enrolled, Folder, Kept, Reach, Step, Store
from kiosk.power_supply import PowerSupply, ask_firmware, bits_in

LEVELS = list(Level)
texts = st.text(max_size=300)
findings = st.builds(Finding, st.sampled_from(["camera", "a longer topic"]), st.sampled_from(LEVELS), texts, texts)


def level(found: Finding) -> str:
    """And whatever is not good says what to do."""
    assert found.words
    assert bool(found.fix) == (found.level is not Level.GOOD)
    return found.level.value


class TestWritten:
    @settings(deadline=None)
    @given(st.lists(findings, max_size=8), st.booleans())
    def test_no_finding_breaks_the_lines_or_is_left_out(self, those: list[Finding], coloured: bool) -> None:
        written = lines(those, coloured=coloured)
        assert all("\n" not in line and "\r" not in line for line in written)
        assert sum(line.lstrip("\x1b[01;23m").startswith(("✓ OK", "! LOOK", "✗ BAD")) for line in written) == len(those)

    @settings(deadline=None)
    @given(st.lists(findings, max_size=8))
    def test_colour_says_nothing_that_mark_and_word_do_not(self, those: list[Finding]) -> None:
        plain, coloured = lines(those), lines(those, coloured=True)
        for code in ("\x1b[32m", "\x1b[33m", "\x1b[1;31m", "\x1b[0m"):
            coloured = [line.replace(code, "") for line in coloured]
        assert coloured == plain

    @settings(deadline=None)
    @given(st.lists(findings, max_size=8))
    def test_programs_read_the_same(self, those: list[Finding]) -> None:
        assert decode(encode(those)) == those

    @pytest.mark.parametrize("text", [b"", b"{}", b'[{"topic":"x"}]', b"\xff", b"[" * 10_000])
    def test_what_holds_no_findings_is_none_and_raises_nothing(self, text: bytes) -> None:
        assert decode(text) is None

    def test_the_worst_counts(self) -> None:
        assert worst([]) is Level.GOOD
        assert worst([good("a", "b"), look("a", "b", "c")]) is Level.LOOK
        assert worst([bad("a", "b", "c"), look("a", "b", "c"), good("a", "b")]) is Level.BAD

    def test_the_last_line_sums_up(self) -> None:
        assert lines([good("a", "b")])[-1] == "All is well."
        summary = lines([bad("a", "b", "c"), look("a", "b", "c"), look("a", "b", "c")])[-1]
        assert summary.startswith("1 wrong and 2 worth a look")


class TestMachine:
    @pytest.mark.parametrize(
        ("degrees", "expected"), [(None, "good"), (69.9, "good"), (70.0, "look"), (79.9, "look"), (80.0, "bad")]
    )
    def test_temperature(self, degrees: float | None, expected: str) -> None:
        assert level(checkup.temperature(degrees)) == expected

    @pytest.mark.parametrize(("low", "expected"), [(True, "bad"), (False, "good"), (None, "good")])
    def test_voltage(self, low: bool | None, expected: str) -> None:
        assert level(checkup.voltage(low, is_pi=True)) == expected

    def test_a_machine_that_is_no_pi_is_said_to_be_none(self) -> None:
        assert "no Raspberry Pi" in checkup.voltage(None, is_pi=False).words

    @pytest.mark.parametrize(
        ("free", "running", "expected"),
        [
            (None, False, "good"),
            (200, False, "good"),
            (199, False, "look"),
            (199, True, "good"),
            (80, True, "good"),
            (79, True, "bad"),
        ],
    )
    def test_memory(self, free: int | None, running: bool, expected: str) -> None:
        assert level(checkup.memory(free, running=running)) == expected

    @pytest.mark.parametrize(
        ("anchored", "unsure", "expected"), [(False, 0, "look"), (True, 5000, "good"), (True, 5001, "look")]
    )
    def test_clock(self, anchored: bool, unsure: int, expected: str) -> None:
        assert level(checkup.clock(anchored=anchored, uncertainty_ms=unsure)) == expected

    @pytest.mark.parametrize(
        ("free", "ms", "expected"),
        [
            (500, 99.0, "good"),
            (499, 99.0, "look"),
            (49, 1.0, "bad"),
            (9000, 100.0, "look"),
            (9000, 1000.0, "bad"),
            (None, 1.0, "good"),
        ],
    )
    def test_disk(self, free: int | None, ms: float, expected: str) -> None:
        (found,) = checkup.disk(Folder("/data", "", free, ms))
        assert level(found) == expected

    @pytest.mark.parametrize(("cards", "expected"), [(None, "good"), ([], "look"), (["HDMI"], "good")])
    def test_sound(self, cards: list[str] | None, expected: str) -> None:
        assert level(checkup.sound(cards)) == expected

    @pytest.mark.parametrize(("have", "expected"), [(True, "good"), (False, "bad")])
    def test_pins(self, have: bool, expected: str) -> None:
        found = checkup.pins([17, 27], have=have)
        assert (level(found), "GPIO17, GPIO27" in found.words) == (expected, True)

    @pytest.mark.parametrize(("machine", "expected"), [("aarch64", "good"), ("x86_64", "good"), ("armv7l", "look")])
    def test_versions(self, machine: str, expected: str) -> None:
        assert level(checkup.versions([("threshold", "0.1.0")], machine=machine)) == expected


class TestKiosk:
    @pytest.mark.parametrize("state", list(Kept))
    def test_every_state_of_the_store_has_words(self, state: Kept) -> None:
        expected = ({Kept.DAMAGED: "bad"} | dict.fromkeys((Kept.BARRED, Kept.IN_USE, Kept.CLOSED), "look")).get(
            state, "good"
        )
        assert level(checkup.store(Store(state))) == expected

    @pytest.mark.parametrize("step", list(Step))
    def test_every_step_on_the_way_to_the_server_has_words(self, step: Step) -> None:
        assert level(checkup.network(Reach("http://x", step, "why"))) == "bad"

    @pytest.mark.parametrize(("ms", "expected"), [(250.0, "good"), (251.0, "look")])
    def test_a_slow_answer(self, ms: float, expected: str) -> None:
        assert level(checkup.network(Reach("http://x", ms=ms))) == expected

    @pytest.mark.parametrize(
        ("file", "expected"),
        [
            (Enrolled("k", "http://x"), "good"),
            (Enrolled("k", "http://x", mode=0o640), "look"),
            (Enrolled(missing=True), "bad"),
            (Enrolled(why="it is damaged"), "bad"),
        ],
    )
    def test_enrolment(self, file: Enrolled, expected: str) -> None:
        assert level(checkup.enrolment(file, "Hall A")) == expected


class TestProbes:
    def test_free_memory_is_what_programs_could_still_have(self, tmp_path: Path) -> None:
        (tmp_path / "meminfo").write_text("MemTotal: 948304 kB\nMemFree: 60000 kB\nMemAvailable:  512000 kB\n")
        assert probes.free_memory_mb(tmp_path / "meminfo") == 512

    @pytest.mark.parametrize("text", ["", "MemAvailable:\n", "MemAvailable: much kB\n"])
    def test_memory_that_cannot_be_read_is_not_known(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "meminfo").write_text(text)
        assert probes.free_memory_mb(tmp_path / "meminfo") is None

    def test_sound_cards_are_named(self, tmp_path: Path) -> None:
        text = " 0 [vc4hdmi0       ]: vc4-hdmi - vc4-hdmi-0\n                      vc4-hdmi-0\n"
        (tmp_path / "cards").write_text(text)
        assert probes.sound_cards(tmp_path / "cards") == ["vc4-hdmi-0"]
        (tmp_path / "cards").write_text("--- no soundcards ---\n")
        assert probes.sound_cards(tmp_path / "cards") == []

    def test_the_model_is_read_without_the_zero_that_ends_it(self, tmp_path: Path) -> None:
        (tmp_path / "model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
        assert probes.model(tmp_path / "model") == "Raspberry Pi 5 Model B Rev 1.0"
        assert probes.model(tmp_path / "none") == ""

    def test_pins_are_in_reach_where_there_is_a_chip_that_may_be_written(self, tmp_path: Path) -> None:
        assert not probes.pins_in_reach(tmp_path)
        (tmp_path / "gpiochip0").touch()
        assert probes.pins_in_reach(tmp_path)


class TestVoltage:
    def supply(self, folder: Path, alarm: str, name: str = "rpi_volt") -> PowerSupply:
        sensor = folder / "hwmon" / "hwmon1"
        sensor.mkdir(parents=True, exist_ok=True)
        (sensor / "name").write_text(f"{name}\n")
        (sensor / "in0_lcrit_alarm").write_text(alarm)
        return PowerSupply(folder / "hwmon", folder / "get_throttled")

    @pytest.mark.parametrize(("alarm", "low"), [("0\n", False), ("1\n", True), ("", None)])
    def test_the_alarm_of_the_pi_s_sensor_counts(self, tmp_path: Path, alarm: str, low: bool | None) -> None:
        assert self.supply(tmp_path, alarm).undervolted() is low

    def test_that_of_another_sensor_does_not(self, tmp_path: Path) -> None:
        assert self.supply(tmp_path, "1\n", "coretemp").undervolted() is None

    def test_an_alarm_that_was_seen_once_is_remembered(self, tmp_path: Path) -> None:
        supply = self.supply(tmp_path, "1\n")
        assert supply.undervolted() is True
        (tmp_path / "hwmon" / "hwmon1" / "in0_lcrit_alarm").write_text("0\n")
        assert supply.undervolted() is True

    @pytest.mark.parametrize(("bits", "low"), [("0", False), ("50005", True), ("50000", True), ("80008", False)])
    def test_the_firmware_s_bits_count_where_the_kernel_shows_them(self, tmp_path: Path, bits: str, low: bool) -> None:
        (tmp_path / "get_throttled").write_text(f"{bits}\n")
        assert PowerSupply(tmp_path / "none", tmp_path / "get_throttled").undervolted() is low

    def test_a_machine_without_any_of_this_does_not_know(self, tmp_path: Path) -> None:
        assert PowerSupply(tmp_path / "none", tmp_path / "none").undervolted() is None

    @pytest.mark.parametrize(
        ("text", "bits"),
        [
            ("throttled=0x50005\n", 0x50005),
            ("0x0", 0),
            ("50000", 0x50000),
            ("", None),
            ("error=1", None),
            ("9" * 40, None),
        ],
    )
    def test_bits_are_read_as_tool_and_kernel_write_them(self, text: str, bits: int | None) -> None:
        assert bits_in(text) == bits

    @pytest.mark.parametrize(
        ("script", "low"),
        [
            ("echo throttled=0x50000", True),
            ("echo throttled=0x0", False),
            ("echo no; exit 1", None),
            ("echo nothing", None),
        ],
    )
    def test_the_tool_of_the_pi_is_asked(self, tmp_path: Path, script: str, low: bool | None) -> None:
        tool = tmp_path / "vcgencmd"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        assert ask_firmware(str(tool)) is low
        assert ask_firmware(str(tmp_path / "none")) is None
