"""The pins of the Pi's header: which wire is what (the table ``[pins]``), how they are reached, and when they turn.

gpiozero is imported only when a pin is asked for, so that a door without wires never loads it. On a Pi it works
through lgpio, which comes with Raspberry Pi OS (python3-lgpio; PyPI has no wheel of it for Python 3.13). That part has
NOT run on hardware. Nothing here knows what a passage or a face is.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from admission.errors import ThresholdError

NONE = -1
"""For a pin: nothing is wired."""
LOWEST, HIGHEST = 2, 27
"""BCM numbers that the header has for our use: 0 and 1 belong to the EEPROM of an added board."""
PULLED_DOWN = 9
"""From power-up until somebody claims them, the pins from here on are low and those before are high."""
PULLED_UP = (2, 3)
"""These have resistors of their own on the board."""
RELAY_MS = (100, 10_000)
MOST_BOUNCE_MS = 500
COLOURS = ("red", "amber", "green", "white")
USES = (*COLOURS, "buzzer", "relay", "did_not_turn")

INSTALL = (
    "the pins cannot be reached ({}); with apt install python3-lgpio there, run deploy/install-kiosk.sh again: it links"
    " lgpio into the venv and lets the kiosk's user into the group gpio"
)


class PinsAway(ThresholdError):
    """The header cannot be reached; the text says why, and what to install."""


class Pins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is wired to the header: the table ``[pins]``, in BCM numbers (17 is GPIO17, wherever it lies); -1: nothing.

    ``red``, ``amber``, ``green``, ``white``: the lamps of a signal tower; ``buzzer``: one that sounds by itself when it
    has current; ``lamp_active_high``: whether these are on at 3.3 V; ``relay``: opens the turnstile or door for
    ``relay_ms`` milliseconds, ``relay_active_high`` likewise; ``did_not_turn``: the turnstile's contact that says that
    nobody went through; ``pull``: "up" for a contact to ground, "down" for one to 3.3 V; ``bounce_ms``: a signal must
    stand for so many milliseconds.

    Raises ValueError naming the setting and what to write.
    """

    red: int = NONE
    amber: int = NONE
    green: int = NONE
    white: int = NONE
    buzzer: int = NONE
    lamp_active_high: bool = True
    relay: int = NONE
    relay_ms: int = 500
    relay_active_high: bool = True
    did_not_turn: int = NONE
    pull: str = "up"
    bounce_ms: int = 20

    def __post_init__(self) -> None:
        _check_numbers({use: getattr(self, use) for use in USES})
        least, most = RELAY_MS
        if not least <= self.relay_ms <= most:
            raise ValueError(f"relay_ms = {self.relay_ms}: write milliseconds from {least} to {most}, like 500")
        _check_relay(self.relay, active_high=self.relay_active_high)
        if self.pull not in ("up", "down"):
            raise ValueError(f'pull = "{self.pull}": write "up" for a contact to ground, "down" for one to 3.3 V')
        if not 0 <= self.bounce_ms <= MOST_BOUNCE_MS:
            raise ValueError(f"bounce_ms = {self.bounce_ms}: write milliseconds from 0 to {MOST_BOUNCE_MS}, like 20")
        if self.did_not_turn != NONE and self.relay == NONE:
            raise ValueError(f"did_not_turn = {self.did_not_turn}: only beside a relay; write relay = its pin, too")
        if self.did_not_turn in PULLED_UP and self.pull == "down":
            raise ValueError(
                f'did_not_turn = {self.did_not_turn}: this pin is pulled up; write pull = "up", or another'
            )

    @property
    def lamps(self) -> dict[str, int]:
        """The colours that are wired, each with its pin."""
        return {colour: getattr(self, colour) for colour in COLOURS if getattr(self, colour) != NONE}


def _check_relay(pin: int, *, active_high: bool) -> None:
    """One that is at rest in the state in which it opens would let everybody through until the kiosk has started."""
    if pin == NONE or active_high is (pin >= PULLED_DOWN):
        return
    rests, others = ("low", (LOWEST, PULLED_DOWN - 1)) if pin >= PULLED_DOWN else ("high", (PULLED_DOWN, HIGHEST))
    raise ValueError(
        f"relay = {pin}: this pin is {rests} from power-up until the kiosk has started, and would open the door; write"
        f" one from {others[0]} to {others[1]}, or relay_active_high = {str(not active_high).lower()}"
    )


def _check_numbers(pins: dict[str, int]) -> None:
    for use, pin in pins.items():
        if pin != NONE and not LOWEST <= pin <= HIGHEST:
            raise ValueError(f"{use} = {pin}: write a BCM number from {LOWEST} to {HIGHEST}, or -1 if nothing is wired")
    uses = defaultdict(list)
    for use, pin in pins.items():
        uses[pin].append(use)
    for pin, together in uses.items():
        if pin != NONE and len(together) > 1:
            raise ValueError(f"{' and '.join(together)} = {pin}: give each a pin of its own")


def header(folder: Path) -> Any:
    """gpiozero's way to this Pi's pins: to be closed after whatever uses it. Raises PinsAway.

    lgpio keeps a named pipe in a folder that it can write to, which is what LG_WD says or else ``folder``; when it is
    imported it makes that the working directory of the whole process, which is put back here.
    """
    here = Path.cwd()
    os.environ.setdefault("LG_WD", str(folder))
    try:
        from gpiozero.pins.lgpio import LGPIOFactory

        return LGPIOFactory()
    except Exception as error:  # lgpio's own kind is an Exception and no more
        raise PinsAway(INSTALL.format(error)) from error
    finally:
        os.chdir(here)


def output(pin: int, active_high: bool, factory: Any) -> Any:
    """A pin to be switched by ``on`` and ``off``, off at first; the errors are gpiozero's and the factory's."""
    from gpiozero import OutputDevice

    return OutputDevice(pin, active_high=active_high, initial_value=False, pin_factory=factory)


def contact(pins: Pins, heard: Callable[[], None], factory: Any) -> Any:
    """The did-not-turn contact; ``heard`` is called by a thread of gpiozero's when it closes."""
    from gpiozero import DigitalInputDevice

    bounce_s = pins.bounce_ms / 1000 if pins.bounce_ms else None
    device = DigitalInputDevice(pins.did_not_turn, pull_up=pins.pull == "up", bounce_time=bounce_s, pin_factory=factory)
    device.when_activated = heard
    return device


class Beat:
    """One thread that calls ``step`` when it is due, and when it is woken. ``step`` returns after how many milliseconds
    it is due again (None: only when it is woken), and must not raise."""

    def __init__(self, name: str, step: Callable[[], int | None]) -> None:
        self._step = step
        self._moved = threading.Condition()
        self._woken = self._ended = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Has ``step`` called soon, by its own thread. Returns at once."""
        with self._moved:
            self._woken = True
            self._moved.notify_all()

    def end(self) -> None:
        """No call of ``step`` begins or goes on after this."""
        with self._moved:
            self._ended = True
            self._moved.notify_all()
        self._thread.join()

    def _run(self) -> None:
        due = None
        while True:
            with self._moved:
                self._moved.wait_for(lambda: self._woken or self._ended, None if due is None else due / 1000)
                if self._ended:
                    return
                self._woken = False
            due = self._step()
