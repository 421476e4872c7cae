"""Whether the power supply of a Raspberry Pi has given too little, as its firmware says.

The kernel's driver (drivers/hwmon/raspberrypi-hwmon.c) asks the firmware every two seconds and clears what it was told,
so that its alarm is about the last two seconds. Whoever wants to know of an earlier one must have looked: an alarm that
was seen once is remembered. It has NOT run on a Raspberry Pi. Must not know what is made of it.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path

HWMON = Path("/sys/class/hwmon")
FIRMWARE = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
"""Raspberry Pi OS's own kernel: the firmware's bits, hexadecimal."""
DRIVER = "rpi_volt"
LOW_NOW, LOW_SINCE_BOOT = 1 << 0, 1 << 16
PATIENCE_S = 2.0
_BITS = re.compile(r"(?:throttled=)?(?:0x)?([0-9a-fA-F]{1,8})\s*\Z")


class PowerSupply:
    """Remembers whether the voltage was ever too low when it looked. May be asked by any thread."""

    def __init__(self, hwmon: Path = HWMON, firmware: Path = FIRMWARE) -> None:
        self._hwmon, self._firmware = hwmon, firmware
        self._seen = False

    def undervolted(self) -> bool | None:
        """Whether the voltage is too low, or was since the start of this process; by the firmware's bits, where the
        kernel shows them, since boot. None: this machine does not tell. Never raises."""
        bits = bits_in(_text(self._firmware))
        alarms = [_text(at) for at in self._alarms()]
        if bits is None and not any(alarms):
            return None
        low = bits is not None and bits & (LOW_NOW | LOW_SINCE_BOOT) != 0
        self._seen = self._seen or low or any(alarm.strip() == "1" for alarm in alarms)
        return self._seen

    def _alarms(self) -> list[Path]:
        """The alarm file of each sensor that is the Pi's."""
        with contextlib.suppress(OSError):
            sensors = [one for one in self._hwmon.iterdir() if _text(one / "name").strip() == DRIVER]
            return [one / "in0_lcrit_alarm" for one in sensors]
        return []


def ask_firmware(program: str = "vcgencmd") -> bool | None:
    """The same by the tool of Raspberry Pi OS, which may know of the time before; None if it is not there, or not for
    this user. Never raises."""
    try:
        words = [program, "get_throttled"]
        ran = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=True)  # noqa: S603 - fixed
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    bits = bits_in(ran.stdout)
    return None if bits is None else bits & (LOW_NOW | LOW_SINCE_BOOT) != 0


def bits_in(text: str) -> int | None:
    """The firmware's bits in ``throttled=0x50005`` or ``50005``; None if there are none."""
    found = _BITS.match(text.strip())
    return int(found[1], 16) if found else None


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeError):
        return ""
