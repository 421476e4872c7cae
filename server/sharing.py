"""How many seats a kiosk should hold, and whose are called back: the handing-out policy. No promise rests on it.

The kiosks of a room that are in reach together hold 95 % of what may still be spent, each by the people who came to
its gate lately. Pure: knows nothing of the database or the clock. ``tests/bench/seats.py`` measures it.
"""

from __future__ import annotations

from dataclasses import dataclass

SHARE = 0.95
FLOOR = 3
EVEN = 0.3
SOUGHT_S = 0.5


@dataclass(frozen=True, slots=True)
class Reach:
    """The other kiosks of the room that are in reach, summed."""

    kiosks: int
    balance: int
    arrivals: int


def target(balance: int, arrivals: int, others: Reach, free: int) -> int:
    """The seats that a kiosk should hold, of ``free`` and those held by all kiosks in reach (this one too).

    ``free`` below zero (the capacity was lowered) shrinks every target, so that seats come back.
    """
    kiosks = others.kiosks + 1
    pool = max(0, free + others.balance + balance)
    came = others.arrivals + arrivals
    even = EVEN * came / kiosks + FLOOR
    return int(SHARE * pool * (arrivals + even) / (came + even * kiosks))


def recall(balance: int) -> int:
    """The seats that a kiosk gives up when another has none and nothing is free: half, rounded up."""
    return (max(0, balance) + 1) // 2


def still_called(called: int, returned: int, balance: int) -> int:
    """The total (R) that a kiosk is still asked to reach, of the total ``called`` for.

    It may have spent the seats before it heard. Once it holds nothing it owes nothing: the call would never be met,
    and the kiosk never be filled again.
    """
    return called if balance > 0 else min(called, returned)


def may_fill(*, asking: bool, owing: bool, since_sought: float) -> bool:
    """Whether a kiosk is filled up to its target now.

    Not one that owes seats called back (``owing``); and for half a second after a kiosk of the room had asked in vain
    (``since_sought``, in seconds), only one where somebody waits: otherwise what comes back is handed out again before
    the asker can fetch it.
    """
    return not owing and (asking or since_sought > SOUGHT_S)
