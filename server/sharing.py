"""How many seats a kiosk should hold: the handing-out policy. No promise rests on it.

The kiosks of a room that are in reach together hold 95 % of what may still be spent, each by the people who came to
its gate lately. Pure: knows nothing of the database or the clock.
"""

from server.store.passages import Holding, Others

SHARE = 0.95
FLOOR = 3
EVEN = 0.3


def target(mine: Holding, others: Others, free: int) -> int:
    """The seats that ``mine`` should hold, of ``free`` and those held by all kiosks in reach (mine too).

    ``free`` below zero (the capacity was lowered) shrinks every target, so that seats come back.
    """
    kiosks = others.in_reach + 1
    pool = max(0, free + others.balance_in_reach + mine.account.balance)
    arrivals = others.arrivals_in_reach + mine.arrivals
    even = EVEN * arrivals / kiosks + FLOOR
    return int(SHARE * pool * (mine.arrivals + even) / (arrivals + even * kiosks))
