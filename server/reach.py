"""Which kiosk holds the present programme, as it said last. Only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, select

from admission.venue import Direction
from server.standings import SILENT_MS
from server.store import schema, versions
from server.store.instants import to_ms


class Has(StrEnum):
    """Whether a kiosk has it. WAITING: not yet, and it is in reach; SILENT: not yet, and it is not; NEVER: it has not
    spoken at all."""

    YES = "yes"
    WAITING = "waiting"
    SILENT = "silent"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Carrier:
    """A kiosk: what it is called, where it stands, which version it holds, when it was heard (ms; None: never).
    ``room_id``: the room that its gate guards; ``lets_in``: it leads in."""

    id: str
    label: str
    gate: str
    room: str
    version: int
    heard: int | None
    has: Has
    room_id: str
    lets_in: bool


@dataclass(frozen=True, slots=True)
class Spread:
    """The present version, and all kiosks whose key is believed; those that lack it come first."""

    version: int
    carriers: Sequence[Carrier]

    @property
    def having(self) -> int:
        """How many have it."""
        return sum(one.has is Has.YES for one in self.carriers)


def read(connection: Connection, now: datetime) -> Spread:
    """How far the present programme has come."""
    present = versions.current(connection, versions.PROGRAMME)
    store, gate, room, one = schema.incarnation.c, schema.gate.c, schema.room.c, schema.device.c
    newest: dict[str, tuple[int, int]] = {}
    rows = select(store.device, store.programme, store.heard).order_by(store.registered, store.heard)
    for device, version, heard in connection.execute(rows):
        newest[device] = (version, heard)  # a later store replaces an earlier one
    query = (
        select(one.id, one.label, gate.name, room.name, room.id, gate.direction)
        .join(schema.gate, gate.id == one.gate)
        .join(schema.room, room.id == gate.room)
        .where(one.revoked.is_(None))
        .order_by(room.position, gate.name, one.id)
    )
    carriers = []
    for name, label, at, into, room_id, way in connection.execute(query):
        version, heard = newest.get(name, (0, None))
        has = _has(version, present, heard, to_ms(now))
        carriers.append(Carrier(name, label, at, into, version, heard, has, room_id, way != Direction.OUT))
    order = [Has.SILENT, Has.NEVER, Has.WAITING, Has.YES]
    return Spread(present, sorted(carriers, key=lambda carrier: order.index(carrier.has)))


def _has(version: int, present: int, heard: int | None, now: int) -> Has:
    if heard is None:
        return Has.NEVER
    if version == present:
        return Has.YES
    return Has.SILENT if now - heard >= SILENT_MS else Has.WAITING
