"""A face of light and beeps: a signal tower's lamps and a buzzer, for those who do not see or hear the screen.

Each state has its colour, its place on the tower (red on top, then amber, green, white) and its rhythm. What is lit
changes at most three times in any second, whatever is shown, so nothing flashes above 1.5 Hz. Green never outlives its
passage, even if the gate stands still; only a process that is killed leaves it lit, until it has started again (see
:mod:`kiosk.turnstile`). Knows nothing of passages or of how pins are switched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType
from typing import Any

from kiosk.face import Shown, Status
from kiosk.pins import COLOURS, NONE, Beat, Pins, PinsAway, output

log = logging.getLogger(__name__)

STEADY_MS = 334
"""What is lit stands for so long at least: four changes then take more than a second."""
GRACE_MS = 1000
"""After its time green goes out, if the gate has shown nothing since."""

Lit = frozenset[str]
DARK: Lit = frozenset()
RED, AMBER, GREEN, WHITE = (frozenset({colour}) for colour in COLOURS)
STOP = RED | AMBER
GO = frozenset({"welcome", "goodbye"})
BUZZER = "buzzer"


@dataclass(frozen=True, slots=True)
class Light:
    """What is lit, one after the other, each with its milliseconds; then the last one stays, or all comes ``again``."""

    steps: tuple[tuple[Lit, int], ...]
    again: bool = False

    def at(self, age_ms: int) -> tuple[Lit, int | None]:
        """What is lit at this age, and after how many milliseconds that changes (None: it stays)."""
        left = age_ms % sum(ms for _, ms in self.steps) if self.again else age_ms
        for lit, ms in self.steps:
            if left < ms:
                return lit, ms - left
            left -= ms
        return self.steps[-1][0], None


def _beats(lit: Lit, beats: int, then: Lit) -> Light:
    """As many beats as the state's sound has notes; what stays may be the last of them."""
    return Light((*((one, 400) for _ in range(beats - 1) for one in (lit, DARK)), (lit, 400), (then, 400)))


LIGHTS: Mapping[str, Light] = MappingProxyType(
    {
        "welcome": _beats(GREEN, 1, GREEN),
        "goodbye": _beats(GREEN, 1, GREEN),
        "counted": _beats(AMBER, 2, DARK),
        "refused": _beats(RED, 2, RED),
        "full": _beats(STOP, 3, STOP),
        "closed": Light(((RED, 3000), (DARK, 1000)), again=True),
        "steward": Light(((AMBER, 750), (DARK, 750)), again=True),
        "trouble": Light(((RED, 1000), (AMBER, 1000)), again=True),
    }
)
"""By the state of the face."""
READY = Light(((WHITE, STEADY_MS),))
"""For every other state: the door waits for a badge, or looks at one."""

BUZZES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "welcome": (120,),
        "goodbye": (60,),
        "counted": (60, 120, 60),
        "refused": (300, 150, 300),
        "steward": (100, 120, 450),
        "full": (150, 120, 150, 120, 150),
        "closed": (800,),
        "trouble": (400, 300, 400, 300, 400, 300, 400),
    }
)
"""By the state of the face: milliseconds on, off, on and so forth, once."""


def fitted(light: Light, colours: Lit) -> Light:
    """This light on a tower of these colours. If all of it would be dark, red stands in for amber and amber for red;
    nothing stands in for green."""
    steps = tuple((lit & colours, ms) for lit, ms in light.steps)
    if not any(lit for lit, _ in steps):
        steps = tuple((STOP & colours if lit & STOP else DARK, ms) for lit, ms in light.steps)
    return Light(steps, light.again)


class Tower:
    """What is lit and whether it buzzes at any moment, for the colours that are wired. Instants are passed in, in
    milliseconds, and never go back."""

    def __init__(self, colours: Lit) -> None:
        self._colours = colours
        self._shown = Shown("", "")
        self._shown_ms = self._begin_ms = self._free_ms = 0
        self._light = Light(((DARK, STEADY_MS),))
        self._buzz: tuple[int, ...] = ()
        self._lit = DARK

    def show(self, shown: Shown, now_ms: int, *, quiet: bool) -> None:
        """From now on this. Shown once more, an answer begins anew, and anything else goes on as it was.

        ``quiet``: no beep.
        """
        again = shown == self._shown
        self._shown = shown
        if again and not shown.answers:
            return
        audible = not quiet and (shown.answers or shown.state == "trouble")
        self._buzz = BUZZES.get(shown.state, ()) if audible else ()
        self._light = fitted(LIGHTS.get(shown.state, READY), self._colours)
        self._shown_ms = now_ms
        self._begin_ms = now_ms if self._light.at(0)[0] == self._lit else max(now_ms, self._free_ms)

    def step(self, now_ms: int) -> tuple[Lit, bool, int | None]:
        """What is lit now, whether it buzzes, and after how many milliseconds to ask again (None: not until something
        else is shown). Asked later than that, it skips what was missed."""
        lit, changes = self._wanted(now_ms)
        if lit != self._lit and now_ms >= self._free_ms:
            self._lit, self._free_ms = lit, now_ms + STEADY_MS
        waits = self._free_ms - now_ms if lit != self._lit else None
        sounds, ends = self._sounding(now_ms)
        return self._lit, sounds, min((due for due in (changes, waits, ends) if due is not None), default=None)

    def _wanted(self, now: int) -> tuple[Lit, int | None]:
        """What should be lit, and after how many milliseconds something else (None: never)."""
        if now < self._begin_ms:
            return self._lit, self._begin_ms - now
        lit, changes = self._light.at(now - self._begin_ms)
        if self._shown.state not in GO:
            return lit, changes
        left = self._shown_ms + self._shown.lasts_ms + GRACE_MS - now
        return (lit, left) if left > 0 else (DARK, None)

    def _sounding(self, now: int) -> tuple[bool, int | None]:
        """Whether it buzzes, and after how many milliseconds not, or again (None: it is over)."""
        left = now - self._shown_ms
        for number, ms in enumerate(self._buzz):
            if left < ms:
                return number % 2 == 0, ms - left
            left -= ms
        return False, None


class Lamp:
    """A Face of lamps and a buzzer. One that fails is logged once, and tried again with every change."""

    def __init__(self, pins: Pins, factory: Any, ms: Callable[[], int], hush: Callable[[], bool]) -> None:
        """``factory``: gpiozero's way to the pins; ``ms``: milliseconds since boot; ``hush``: whether it is to make no
        sound now. Raises what gpiozero raises."""
        self._ms, self._hush = ms, hush
        self._tower = Tower(frozenset(pins.lamps))
        wired = {**pins.lamps, **({BUZZER: pins.buzzer} if pins.buzzer != NONE else {})}
        self._devices = {name: output(pin, pins.lamp_active_high, factory) for name, pin in wired.items()}
        self._on: Lit = DARK
        self._failed: frozenset[tuple[str, bool]] = frozenset()  # what could not be switched, and whether on or off
        self._lock = Lock()
        self._beat = Beat("lamp", self._step)

    @property
    def trouble(self) -> str:
        """What is wrong with lamps and buzzer, for staff; "" if nothing is known to be."""
        names = ", ".join(sorted({name for name, _ in self._failed}))
        return f"on the signal tower, this cannot be switched: {names}" if names else ""

    def show(self, shown: Shown) -> None:
        """See Face."""
        quiet = self._hush()
        with self._lock:
            self._tower.show(shown, self._ms(), quiet=quiet)
        self._beat.wake()

    def report(self, status: Status) -> None:
        """See Face. A lamp says nothing of the kiosk itself."""

    def close(self) -> None:
        """All off, pins let go of."""
        self._beat.end()
        self._switch(DARK)
        for device in self._devices.values():
            device.close()

    def _step(self) -> int | None:
        with self._lock:
            lit, sounds, due = self._tower.step(self._ms())
        self._switch(lit | {BUZZER} if sounds else lit)
        return due

    def _switch(self, on: Lit) -> None:
        for name, device in self._devices.items():
            way = name, name in on
            if way[1] == (name in self._on) and way not in self._failed:
                continue
            try:
                device.value = way[1]
                self._failed -= {way}
            except Exception:  # whatever the driver raises: no lamp is worth a door
                if way not in self._failed:
                    log.exception("on the signal tower, this cannot be switched: %s", name)
                self._failed |= {way}
        self._on = on


class NoLamp:
    """A door without lamps and buzzer, or with pins that cannot be reached: then ``trouble`` says why."""

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble

    def show(self, shown: Shown) -> None:
        """See Face."""

    def report(self, status: Status) -> None:
        """See Face."""

    def close(self) -> None:
        """See Lamp."""


def lamp(pins: Pins, header: Callable[[], Any], ms: Callable[[], int], hush: Callable[[], bool]) -> Lamp | NoLamp:
    """What the settings name. ``header`` is called only if a lamp or a buzzer is wired. Never raises."""
    if not pins.lamps and pins.buzzer == NONE:
        return NoLamp()
    try:
        return Lamp(pins, header(), ms, hush)
    except PinsAway as error:
        log.error("no lamps: %s", error)
        return NoLamp(str(error))
    except Exception as error:  # gpiozero's and the driver's many kinds
        log.exception("no lamps")
        return NoLamp(f"lamps and buzzer cannot be used: {error}")
