"""The machine under the kiosk: how warm its processor is, whether its supply gives enough, how much its disk takes, how
sure its clock is.

Files and free space are looked up at paths that are passed in; what cannot be read is not known. Nothing is decided
by these figures.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from admission.health import MAX_MB, MAX_MS, MAX_UPTIME_S, Health
from kiosk.clock import Clock
from kiosk.power_supply import PowerSupply

THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
"""Thousandths of a degree Celsius, on a Raspberry Pi and on most other Linux machines."""


class Machine:
    """Measures the machine when it is asked."""

    def __init__(self, folder: Path, clock: Clock, thermal: Path = THERMAL, supply: PowerSupply | None = None) -> None:
        """``folder``: where the journal is; ``supply``: None for that of this machine."""
        self._folder, self._clock, self._thermal = folder, clock, thermal
        self._supply = PowerSupply() if supply is None else supply

    def measure(self, said: Health | None) -> Health | None:
        """The figures of reading with those of the machine; None for none."""
        if said is None:
            return None
        uncertain = None if self._clock.anchor is None else min(self._clock.uncertainty_ms, MAX_MS)
        return msgspec.structs.replace(
            said,
            temperature_c=temperature(self._thermal),
            undervolted=self._supply.undervolted(),
            disk_free_mb=self._free(),
            clock_uncertainty_ms=uncertain,
            uptime_s=min(max(0, self._clock.ms() // 1000), MAX_UPTIME_S),
        )

    def _free(self) -> int | None:
        try:
            return min(shutil.disk_usage(self._folder).free // 1_000_000, MAX_MB)
        except OSError:
            return None


def temperature(thermal: Path = THERMAL) -> float | None:
    """Degrees Celsius of the processor; None where the machine does not tell."""
    try:
        degrees = int(thermal.read_text("ascii")) / 1000
    except (OSError, ValueError):
        return None
    return round(degrees, 1) if -100 <= degrees <= 200 else None
