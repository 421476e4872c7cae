"""Which backups are kept and which go. Pure: instants in, instants out; knows nothing of files.

Kept is the newest of every two minutes of the last two hours, of every hour of the last two days and of every day (UTC)
of the last fourteen; and the last NEWEST, however old, so that a clock that leaps ahead does not cost them all at once.
So there are at most BOUND, however often one is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

SLOTS = (
    (timedelta(hours=2), timedelta(minutes=2)),
    (timedelta(days=2), timedelta(hours=1)),
    (timedelta(days=14), timedelta(days=1)),
)
"""How far back, and of how long a while the newest is kept. Two minutes: a timer of five keeps all, and a service that
starts and fails again and again does not fill the disk."""
LONGEST = SLOTS[-1][0]
NEWEST = 24
BOUND = NEWEST + sum(reach // width + 2 for reach, width in SLOTS)
_START = datetime(1970, 1, 1, tzinfo=UTC)


def kept(instants: Iterable[datetime], made: datetime, cut: datetime | None = None) -> set[datetime]:
    """Those of the instants that are kept now that one was ``made``, which always is.

    ``cut``: when somebody was last erased; whatever is not newer goes. Instants later than ``made`` stay: a clock was
    wrong, now or then, and nobody knows which.
    """
    known = sorted({*instants, made})
    spared = {one for one in known if one >= made}
    spared.update([one for one in known if one <= made][-NEWEST:])
    for reach, width in SLOTS:
        slots = {(one - _START) // width: one for one in known if made - reach <= one <= made}
        spared.update(slots.values())
    return {one for one in spared if one == made or cut is None or one > cut}
