"""A header without a Pi: gpiozero's mock pins, a clock that is turned by hand, and pins that are burnt."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin

PATIENCE_S = 20


class Boot:
    """Milliseconds since boot, turned by hand."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        """What the clock shows."""
        return self.ms


class Burnt(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin that does not move, whatever is written to it, while ``burnt``."""

    burnt = True

    def _change_state(self, value: bool) -> bool:
        return False if self.burnt else bool(super()._change_state(value))


class Torn(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin whose driver gives up when it is to go high, while ``torn``."""

    torn = True

    def _set_state(self, value: bool) -> None:
        if self.torn and value:
            raise OSError("the chip is gone")
        super()._set_state(value)


class Deaf(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin that cannot be listened to."""

    def _set_pull(self, _value: str) -> None:
        raise OSError("no such line")


def header(pin: type[MockPin] = MockPin) -> Any:
    """Pins of this kind."""
    return MockFactory(pin_class=pin)


def real_ms() -> int:
    """Milliseconds of a clock that runs by itself."""
    return time.monotonic_ns() // 1_000_000


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Waits until another thread has made it true."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.002)
