"""Rooms, gates, sessions: the plain facts that rules are about.

They travel to the kiosks as they stand here, so they are msgspec structs: frozen, strict, unknown fields refused.
Knows nothing of seats, people or badges beyond the numbers that a badge carries.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import NewType

import msgspec

RoomId = NewType("RoomId", str)
GateId = NewType("GateId", str)
SessionId = NewType("SessionId", str)

CATEGORIES = 16
ZONES = 12
DOOR_LANGUAGES = ("en", "fr", "es", "ar", "ru", "zh", "hi")
"""What doors can be told to speak (BCP 47): the six languages of the United Nations, and Hindi."""


class Direction(StrEnum):
    """Which way a gate leads, seen from the room that it guards."""

    IN = "in"
    OUT = "out"
    BOTH = "both"


class Exits(StrEnum):
    """What an exit from a room proves (docs/protocol.md, section 8)."""

    TRUSTED = "trusted"
    MATCHED = "matched"
    NONE = "none"


class Room(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A room. ``limit`` is its legal number of bodies (None: nobody counts), ``reserve`` what forcing may use of it.
    ``only``: it is closed, but to these categories (a bit mask; None: it is not closed). ``overflow``: the room where
    people are sent when it is full; never this one, one that it lies in, or one that lies in it."""

    id: RoomId
    name: str
    inside: RoomId | None
    limit: int | None
    reserve: int
    exits: Exits
    only: int | None = None
    overflow: RoomId | None = None

    def admits(self, category: int) -> bool:
        """Whether it is open to badges of this category."""
        return self.only is None or bool(self.only >> category & 1)


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A door that guards ``room``; ``outside`` is the room that one comes from (None: the street)."""

    id: GateId
    name: str
    room: RoomId
    outside: RoomId | None
    direction: Direction


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A room over a time. ``categories`` and ``zones`` are bit masks; invited: only people on its list may come."""

    id: SessionId
    title: str
    room: RoomId
    starts: datetime
    ends: datetime
    doors_open: datetime
    doors_close: datetime
    capacity: int | None
    categories: int
    zones: int
    invited: bool

    def admits_at(self, now: datetime) -> bool:
        """Whether its doors are open."""
        return self.doors_open <= now < self.doors_close


class Programme(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The venue and what happens in it. ``version`` grows with every change. ``languages``: what its doors speak, in
    order, each of DOOR_LANGUAGES; empty: the event has not said."""

    version: int
    event: str
    timezone: str
    rooms: tuple[Room, ...] = ()
    gates: tuple[Gate, ...] = ()
    sessions: tuple[Session, ...] = ()
    show_names: bool = False
    languages: tuple[str, ...] = ()

    def room(self, room: str) -> Room | None:
        """The room of that id, or None."""
        return next((one for one in self.rooms if one.id == room), None)

    def gate(self, gate: str) -> Gate | None:
        """The gate of that id, or None."""
        return next((one for one in self.gates if one.id == gate), None)

    def sessions_of(self, room: str) -> Iterator[Session]:
        """The room's sessions, in the order in which they start."""
        return iter(sorted((one for one in self.sessions if one.room == room), key=lambda one: one.starts))

    def ancestors(self, room: str) -> set[str]:
        """The room and all the rooms that it lies in."""
        found: set[str] = set()
        at = self.room(room)
        while at is not None and at.id not in found:
            found.add(at.id)
            at = self.room(at.inside) if at.inside else None
        return found


def default_reserve(limit: int | None) -> int:
    """The larger of 2 and 2 % of the legal limit, and never more than the limit; 0 where nobody counts."""
    return 0 if limit is None else min(limit, max(2, -(-limit * 2 // 100)))


def capacity_at(programme: Programme, room: Room, now: datetime) -> int | None:
    """The capacity C of docs/protocol.md: the smaller of limit - reserve and the capacity of the session now admitting.

    When two sessions admit at once (a changeover), the smaller capacity counts. None: the room has no account.
    """
    if room.limit is None:
        return None
    seats = room.limit - room.reserve
    caps = [s.capacity for s in programme.sessions_of(room.id) if s.admits_at(now) and s.capacity is not None]
    return min([seats, *caps])
