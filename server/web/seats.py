"""Work that needs a seat which only a door may have: asks the fattest kiosk for it, and waits for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection

from server import by_hand
from server.by_hand import NoSeat
from server.live import ROOMS
from server.seating import REACH_MS
from server.store.instants import to_ms
from server.web.kiosks import topic_of

if TYPE_CHECKING:
    from server.web import Parts

T = TypeVar("T")
PATIENCE_S = 1.5
LOOK_S = 0.1


def with_seats(parts: Parts, room: str, seats: int, work: Callable[[Connection], T]) -> T:
    """What ``work`` returns, run in a transaction of its own; where the server has no seat left, a door is asked for
    some first.

    Raises what ``work`` raises: NoSeat if no door in reach has given enough within a second and a half.
    """
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return parts.store.write(work)
        except NoSeat:
            if time.monotonic() > end or not _call(parts, room, seats):
                raise
            parts.hub.wait((ROOMS,), parts.hub.counts((ROOMS,)), LOOK_S)


def _call(parts: Parts, room: str, seats: int) -> bool:
    """Asks the kiosk with the most seats for what is needed; whether there is one in reach."""
    now = to_ms(parts.clock())
    parts.sought[room] = now  # what comes back is not handed out again at once
    device = parts.store.write(lambda connection: by_hand.call_back(connection, room, seats, now - REACH_MS))
    if device is not None:
        parts.hub.tell(topic_of(device))
    return device is not None
