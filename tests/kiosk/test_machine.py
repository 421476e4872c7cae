"""The machine under the kiosk: what can be measured is said, and what cannot is left out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from admission import health
from admission.health import Health
from kiosk.clock import Clock
from kiosk.machine import Machine

FIGURES = Health(
    seconds=60.0,
    frames=1,
    looked=1,
    stages=(),
    presentations=0,
    first_read_ms_median=None,
    first_read_ms_p95=None,
    advice=(),
    sharpness=None,
    light=None,
    camera="",
    reopened=0,
    version="0.1.0",
)


def measured(folder: Path, clock: Clock, thermal: Path) -> Health:
    """What is said, which the server takes."""
    said = Machine(folder, clock, thermal).measure(FIGURES)
    assert said is not None
    assert health.is_sound(said)
    return said


def test_temperature_free_space_clock_and_uptime_are_measured(tmp_path: Path) -> None:
    clock, thermal = Clock("boot", lambda: 7_361_999), tmp_path / "temp"
    thermal.write_text("61340\n")
    clock.hear(7_361_979, datetime(2026, 2, 16, tzinfo=UTC))
    said = measured(tmp_path, clock, thermal)
    assert (said.temperature_c, said.clock_uncertainty_ms, said.uptime_s) == (61.3, 11, 7361)
    assert said.disk_free_mb is not None
    assert said.disk_free_mb > 0


@pytest.mark.parametrize("text", ["", "hot", "999999999", "\xff"])
def test_what_cannot_be_read_is_not_known(tmp_path: Path, text: str) -> None:
    thermal = tmp_path / "temp"
    thermal.write_text(text, "latin-1")
    said = measured(tmp_path / "nowhere", Clock("boot", lambda: 5), thermal)
    assert (said.temperature_c, said.disk_free_mb, said.clock_uncertainty_ms) == (None, None, None)
    assert measured(tmp_path, Clock("boot", lambda: 5), tmp_path / "none").temperature_c is None


def test_there_is_nothing_to_add_to_no_figures(tmp_path: Path) -> None:
    assert Machine(tmp_path, Clock("boot", lambda: 5)).measure(None) is None
