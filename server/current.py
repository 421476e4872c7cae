"""What every exchange needs and what seldom changes: event, programme, keys of badges and kiosks, held in memory.

Read again when a change number has moved; that is looked at when somebody has said so, and once a second at most else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, func, select

from admission.venue import Programme
from admission.wire import Keyring
from server import devices, event, programme
from server.event import Event
from server.store import versions
from server.store.engine import Readable
from server.store.schema import act

FRESH = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Picture:
    """Event and programme as of one moment; ``acts``: how many acts of supervisors were done."""

    event: Event
    programme: Programme
    keyring: Keyring
    devices: dict[str, tuple[Ed25519PublicKey, str]]
    revoked: dict[str, Ed25519PublicKey]
    badges_version: int
    acts: int


class Current:
    """Gives the present picture to any thread."""

    def __init__(self, store: Readable, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._picture: Picture | None = None
        self._checked = clock()
        self._changes = self._seen = 0

    def get(self) -> Picture:
        """The picture, at most a second old. Raises ConfigError if the database holds no event."""
        now = self._clock()
        picture = self._picture
        if picture is not None and self._seen == self._changes and abs(now - self._checked) < FRESH:
            return picture
        with self._lock:
            changes = self._changes  # before the look: what changes meanwhile is looked up again
            with self._store.read() as connection:
                self._picture = self._look(connection)
            self._checked, self._seen = now, changes
            return self._picture

    def expire(self) -> None:
        """Something has changed: the next look is a fresh one."""
        with self._lock:
            self._changes += 1

    def _look(self, connection: Connection) -> Picture:
        known = self._picture
        number = versions.current(connection, versions.PROGRAMME)
        badges = versions.current(connection, versions.BADGES)
        acts = connection.execute(select(func.count()).where(act.c.state == "done")).scalar_one()
        kiosks, revoked = devices.keys(connection), devices.revoked_keys(connection)
        if known is not None and known.programme.version == number:
            return Picture(known.event, known.programme, known.keyring, kiosks, revoked, badges, acts)
        now = event.read(connection)
        ring = event.keyring(connection, now)
        return Picture(now, programme.read(connection, now), ring, kiosks, revoked, badges, acts)
