"""An act that needs a seat which only a door may have: asks the fattest kiosk for it, and waits for a moment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from server import acts, by_hand
from server.acts import Act, Actor
from server.by_hand import NoSeat
from server.live import NEWS, ROOMS
from server.seating import REACH_MS
from server.store.instants import to_ms
from server.web.kiosks import topic_of

if TYPE_CHECKING:
    from server.web import Parts

PATIENCE_S = 1.5
LOOK_S = 0.1


def ask(parts: Parts, kind: str, asked: Mapping[str, Any], who: Actor, why: str) -> Act:
    """``acts.ask`` in a transaction of its own; where the server has no seat left, the doors are asked for some first.

    Raises ConfigError as ``acts.ask`` does: NoSeat if no door in reach has given one within a second and a half.
    """
    end = time.monotonic() + PATIENCE_S
    called = False
    while True:
        try:
            done = parts.store.write(lambda connection: acts.ask(connection, kind, asked, who, why, parts.clock()))
        except NoSeat:
            if not called and not _call(parts, asked):
                raise
            called = True
            parts.sought[str(asked.get("room", ""))] = to_ms(parts.clock())  # what comes back is not handed out again
            if time.monotonic() > end:
                raise
            seen = parts.hub.counts((ROOMS,))
            parts.hub.wait((ROOMS,), seen, LOOK_S)
            continue
        parts.hub.tell(ROOMS, NEWS)
        return done


def _call(parts: Parts, asked: Mapping[str, Any]) -> bool:
    """Asks the kiosk with the most seats for what is needed; whether there is one in reach."""
    room, seats = str(asked.get("room", "")), int(str(asked.get("bodies", 1)))
    floor = to_ms(parts.clock()) - REACH_MS
    device = parts.store.write(lambda connection: by_hand.call_back(connection, room, seats, floor))
    if device is not None:
        parts.hub.tell(topic_of(device))
    return device is not None
