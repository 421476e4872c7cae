"""The relay that opens a turnstile or a door, and the turnstile's word that nobody went through.

Called only after a passage is on the disk. Knows nothing of badges or rooms: a passage is a number here, and who
annuls it is for others to do.

**When the process dies.** The relay is off before it is first used and after every opening, by a thread of its own. But
a process that is killed in the middle of an opening cannot switch it off. The kernel of Raspberry Pi OS leaves a pin as
it was last driven when its process ends; with ``dtparam=strict_gpiod`` in config.txt it becomes an input again, and the
relay then needs a resistor that holds it off (for ``relay_active_high`` one of 10 kilohm to ground). Without that the
door stays open until the kiosk has started again, which switches the relay off first. A relay that is on at 0 V is
switched for some microseconds when its pin is claimed; one that is on at 3.3 V is not. Wire it so that no current means
shut, if the rules for escape routes allow that.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from kiosk.pins import NONE, Beat, Pins, PinsAway, contact, output

log = logging.getLogger(__name__)

TURN_MS = 5000
"""After an opening, for so long a signal annuls it."""
LATE_MS = 2000
"""So much longer a signal could still mean it: turnstiles have timers of their own, and relays take their time."""
AGAIN_MS = 500
"""After so long a relay that could not be switched off is tried again."""


@dataclass(frozen=True, slots=True)
class _Opening:
    """Passage ``seq`` was let through at ``at_ms`` and nothing was heard of it since."""

    seq: int
    at_ms: int


class Turnstile:
    """One relay and perhaps one contact. May be used by any thread; nothing here raises into the gate.

    A signal is taken for the opening that it can only belong to: within 5 s of it, and while no other is as young. When
    two people go through in quick succession, a signal could be either's. It annuls neither and is logged, because an
    entry that is annulled by mistake gives the seat of somebody who sits on it to another; one that is not annulled
    keeps a seat free until a steward or the next count finds it. Some time after the first one's 5 s a signal is the
    second one's again.
    """

    def __init__(self, pins: Pins, factory: Any, ms: Callable[[], int]) -> None:
        """``factory``: gpiozero's way to the pins; ``ms``: milliseconds since boot. Raises what gpiozero raises."""
        self._pins, self._ms = pins, ms
        self._lock = Lock()
        self._relay = output(pins.relay, pins.relay_active_high, factory)
        self._shut_ms: int | None = None
        self._stuck = {True: "", False: ""}
        self._openings: list[_Opening] = []
        self._undone: deque[int] = deque()
        self._heard_ms = ms() - TURN_MS
        self._contact: Any = None
        self._contact_trouble = ""
        if pins.did_not_turn != NONE:
            self._listen(factory)
        self._beat = Beat("turnstile", self._step)

    @property
    def trouble(self) -> str:
        """What is wrong with relay or contact, for staff; "" if nothing is known to be."""
        return self._stuck[False] or self._stuck[True] or self._contact_trouble

    def open(self, seq: int) -> None:
        """Opens for ``relay_ms``, for the passage of this number, which must be on the disk. Returns at once.

        An opening while it is open lasts from now on: whether two people may go through is the turnstile's to count.
        """
        with self._lock:
            now = self._ms()
            self._openings = [*(one for one in self._current(now) if one.seq != seq), _Opening(seq, now)]
            self._look_at_contact(now)
            self._shut_ms = now + self._pins.relay_ms
            self._switch(True)
        self._beat.wake()

    def undone(self) -> int | None:
        """A passage for which the turnstile did not turn: each once, in their order; None if there is none."""
        with self._lock:
            return self._undone.popleft() if self._undone else None

    def close(self) -> None:
        """Relay off, pins let go of."""
        self._beat.end()
        with self._lock:
            self._shut_ms = None
            self._switch(False)
        for device in (self._relay, self._contact):
            if device is not None:
                device.close()

    def _step(self) -> int | None:
        """Switches the relay off when it is time; after how many milliseconds to look again."""
        with self._lock:
            if self._shut_ms is None:
                return None
            left = self._shut_ms - self._ms()
            if left > 0:
                return left
            if not self._switch(False):
                return AGAIN_MS
            self._shut_ms = None
            return None

    def _switch(self, on: bool) -> bool:
        """Whether the relay's pin is now as it should be. A pin that does not follow is burnt, or shorted."""
        try:
            self._relay.value = on
            follows = bool(self._relay.value) is on
        except Exception:  # whatever the driver raises: a door that says so is better than a loop that ends
            follows = False
            if not self._stuck[on]:
                log.exception("the relay's pin failed")
        stuck = "" if follows else f"the relay on pin {self._pins.relay} cannot be switched {'on' if on else 'off'}"
        if stuck and not self._stuck[on]:
            log.error("%s", stuck)
        self._stuck[on] = stuck
        return follows

    def _hear(self) -> None:
        """The contact closed; called by gpiozero's thread."""
        with self._lock:
            now = self._ms()
            repeated = now - self._heard_ms <= self._pins.bounce_ms
            self._heard_ms = now
            if repeated:
                return
            could_be = self._current(now)
            if len(could_be) == 1 and now - could_be[0].at_ms <= TURN_MS:
                self._undone.append(could_be[0].seq)
                self._openings = []
            elif could_be:
                numbers = ", ".join(str(one.seq) for one in could_be)
                log.warning("the turnstile did not turn for one of the passages %s: none is annulled", numbers)
            else:
                log.info("the turnstile says that it did not turn, but nobody was let through just now")

    def _current(self, now: int) -> list[_Opening]:
        """The openings that a signal at this instant could mean, the oldest first."""
        return [one for one in self._openings if now - one.at_ms <= TURN_MS + LATE_MS]

    def _listen(self, factory: Any) -> None:
        """A door without this contact still opens."""
        try:
            self._contact = contact(self._pins, self._hear, factory)
        except Exception as error:  # gpiozero's and the driver's many kinds
            log.exception("no did-not-turn contact")
            self._contact_trouble = f"the did-not-turn contact on pin {self._pins.did_not_turn} cannot be used: {error}"

    def _look_at_contact(self, now: int) -> None:
        """One that stays closed cannot close again: no signal would ever come."""
        if self._contact is None:
            return
        try:
            stays = bool(self._contact.is_active) and now - self._heard_ms > TURN_MS
        except Exception:  # see _switch
            stays = True
            if not self._contact_trouble:
                log.exception("the did-not-turn contact could not be read")
        stuck = f"the did-not-turn contact on pin {self._pins.did_not_turn} stays closed" if stays else ""
        if stuck and not self._contact_trouble:
            log.error("%s", stuck)
        self._contact_trouble = stuck


class NoTurnstile:
    """A door without a relay, or with one that cannot be reached: then ``trouble`` says why."""

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble

    def open(self, seq: int) -> None:
        """See Turnstile."""

    def undone(self) -> int | None:
        """See Turnstile."""
        return None

    def close(self) -> None:
        """See Turnstile."""


def turnstile(pins: Pins, header: Callable[[], Any], ms: Callable[[], int]) -> Turnstile | NoTurnstile:
    """What the settings name. ``header`` is called only if a relay is wired. Never raises: a door that reads badges and
    does not open is better than none, and says so."""
    if pins.relay == NONE:
        return NoTurnstile()
    try:
        return Turnstile(pins, header(), ms)
    except PinsAway as error:
        log.error("no turnstile: %s", error)
        return NoTurnstile(str(error))
    except Exception as error:  # gpiozero's and the driver's many kinds
        log.exception("no turnstile")
        return NoTurnstile(f"the relay on pin {pins.relay} cannot be used: {error}")
