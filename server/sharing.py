"""How many seats a kiosk should hold: the handing-out policy. No promise rests on it.

The kiosks of a room that are in reach together hold 95 % of what may still be spent, each by the people who came to
its gate lately. Pure: knows nothing of the database or the clock.
"""

from collections.abc import Sequence

from server.store.passages import Holding

SHARE = 0.95
FLOOR = 3
EVEN = 0.3


def target(mine: Holding, reachable: Sequence[Holding], free: int) -> int:
    """The seats that ``mine`` should hold, of ``free`` and those held by all ``reachable`` accounts (mine too)."""
    pool = max(0, free) + sum(one.account.balance for one in reachable)
    mean = sum(one.arrivals for one in reachable) / len(reachable)
    weights = sum(one.arrivals + EVEN * mean + FLOOR for one in reachable)
    return int(SHARE * pool * (mine.arrivals + EVEN * mean + FLOOR) / weights)
