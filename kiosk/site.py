"""Where a kiosk stands: the programme, the event's keys, its gate and its room, as the server has said it last.

Plain facts; knows nothing of disks, badges or people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from admission.badge import EventKeys
from admission.errors import BadMessage
from admission.venue import Direction, Gate, Programme, Room, Session
from admission.wire import ProgrammeNews


@dataclass(frozen=True, slots=True)
class Site:
    """Where this kiosk stands, and the keys of the event."""

    programme: Programme
    keys: EventKeys
    gate: Gate
    room: Room

    @property
    def zone(self) -> ZoneInfo:
        """The venue's time zone; UTC for one that this machine does not know: only what is shown depends on it."""
        try:
            return ZoneInfo(self.programme.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo("UTC")

    @property
    def sessions(self) -> list[Session]:
        """The sessions of the gate's room, in order."""
        return list(self.programme.sessions_of(self.room.id))

    def as_way_out(self) -> Site:
        """The same place, whose gate leads out only."""
        return replace(self, gate=msgspec.structs.replace(self.gate, direction=Direction.OUT))


def site_of(news: ProgrammeNews) -> Site | None:
    """Where the news puts this kiosk; None if its gate or room is not in it. Raises BadMessage for a damaged key."""
    gate = news.programme.gate(news.gate)
    room = news.programme.room(gate.room) if gate is not None else None
    if gate is None or room is None:
        return None
    ring = news.keyring
    try:
        keys = {key.id: Ed25519PublicKey.from_public_bytes(key.public) for key in ring.keys}
    except ValueError as error:
        raise BadMessage(f"a key that is none: {error}") from error
    return Site(news.programme, EventKeys(ring.event, ring.epoch, keys), gate, room)
