"""How many seats a kiosk should hold: the handing-out policy. No promise rests on it.

The kiosks of a room that are in reach together hold 95 % of what may still be spent, each by the people who came to
its gate lately. Pure: knows nothing of the database or the clock.
"""

from dataclasses import dataclass

SHARE = 0.95
FLOOR = 3
EVEN = 0.3


@dataclass(frozen=True, slots=True)
class Reach:
    """The other kiosks of the room that are in reach: how many, their seats, their arrivals."""

    kiosks: int
    balance: int
    arrivals: int


def target(balance: int, arrivals: int, others: Reach, free: int) -> int:
    """The seats that a kiosk with this balance should hold, of ``free`` and those held by all kiosks in reach.

    ``free`` below zero (the capacity was lowered) shrinks every target, so that seats come back.
    """
    kiosks = others.kiosks + 1
    pool = max(0, free + others.balance + balance)
    total = others.arrivals + arrivals
    even = EVEN * total / kiosks + FLOOR
    return int(SHARE * pool * (arrivals + even) / (total + even * kiosks))


def recall(balance: int) -> int:
    """How many of its seats the fattest kiosk gives back for one that has none: half."""
    return -(-balance // 2)
