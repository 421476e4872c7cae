"""What an open page of the roll call is told every two seconds: who has come on the list or changed since it last
asked, and who was marked. However many pages ask, the list is looked up once a second at most.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from server import roll_call, roster
from server.roll_call import Mark
from server.roster import Entry, Roster
from server.store.instants import from_ms, to_ms

if TYPE_CHECKING:
    from server.web import Parts

FRESH = timedelta(seconds=1)
OVERLAP_MS = 10_000
"""Marks of so long ago are told again: one that was being written while a page asked is not missed."""
KEPT = 32

Row = tuple[int, str, str, str, str, str, str, int]
"""Holder, name, organisation, delegation, room, left, the other room they are in now, 1 if not on the list."""


@dataclass(frozen=True, slots=True)
class _Copy:
    looked: datetime
    mark: str
    rows: Mapping[int, Row]
    rooms: list[tuple[str, str, str, int, int]]
    companions: list[tuple[str, str, int]]


class Copies:
    """The lists as they were told, and what has changed in them since."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = Lock()
        self._newest: OrderedDict[str, _Copy] = OrderedDict()
        self._told: OrderedDict[str, Mapping[int, Row]] = OrderedDict()  # by mark

    def inside(self, room: str, have: str) -> dict[str, object]:
        """Who is inside now. ``have``: the mark of what the page was told last; empty for everything."""
        programme = self._parts.current.get().programme
        return self._tell(f"room {room}", have, lambda c, now: roster.now(c, programme, now, room))

    def state(self, number: int, have: str, since: int) -> dict[str, object] | None:
        """How a roll call stands, with the marks made at or after ``since`` (ms); None if there is none."""
        programme = self._parts.current.get().programme
        with self._parts.store.read() as connection:
            call = roll_call.find(connection, number)
            if call is None:
                return None
            now = self._parts.clock()
            marks = roll_call.changes(connection, number, since)

        def look(connection: Connection, at: datetime) -> Roster:
            found = roll_call.state(connection, programme, number, at)
            assert found is not None
            return found.roster

        zone = self._parts.current.get().event.zone
        ended = None if call.ended is None else [_clock(call.ended, zone), call.ended_by]
        told = self._tell(f"call {number}", have, look)
        return told | {
            "marks": [_marked(one, zone) for one in marks],
            "since": max(0, to_ms(now) - OVERLAP_MS),
            "ended": ended,
        }

    def forget(self, number: int) -> None:
        """The list of this roll call has changed: it is looked up anew."""
        with self._lock:
            self._newest.pop(f"call {number}", None)

    def _tell(self, key: str, have: str, look: Callable[[Connection, datetime], Roster]) -> dict[str, object]:
        with self._lock:
            copy = self._look(key, look)
            before = self._told.get(have, {}) if have else {}
        zone = self._parts.current.get().event.zone
        return {
            "at": f"{copy.looked.astimezone(zone):%H:%M:%S}",
            "mark": copy.mark,
            "full": not before,
            "rooms": copy.rooms,
            "companions": copy.companions,
            **_packed(row for holder, row in copy.rows.items() if before.get(holder) != row),
            "gone": [holder for holder in before if holder not in copy.rows],
        }

    def _look(self, key: str, look: Callable[[Connection, datetime], Roster]) -> _Copy:
        now = self._parts.clock()
        known = self._newest.get(key)
        if known is not None and abs(now - known.looked) < FRESH:
            return known
        with self._parts.store.read() as connection:
            found = look(connection, now)
        names = {one.id: one.name for one in found.places}
        every = {one.id: one.name for one in self._parts.current.get().programme.rooms} | names
        zone = self._parts.current.get().event.zone
        rows = {one.holder: _row(one, every, zone) for one in found.people}
        mark = f"{zlib.crc32(repr((key, sorted(rows.values()))).encode()):08x}"
        rooms = [(one.id, one.name, one.inside, one.unbadged, one.perhaps) for one in found.places]
        together = [(room, of, bodies) for (room, of), bodies in found.companions.items()]
        self._newest[key] = copy = _Copy(now, mark, rows, rooms, together)
        self._told[mark] = rows
        for kept in (self._newest, self._told):
            while len(kept) > KEPT:
                kept.popitem(last=False)
        return copy


def _row(one: Entry, names: Mapping[str, str], zone: ZoneInfo) -> Row:
    left = "" if one.left is None else f"{from_ms(one.left).astimezone(zone):%H:%M}"
    away = names.get(one.elsewhere, one.elsewhere)
    return (one.holder, one.name, one.organisation, one.delegation, one.room, left, away, int(not one.room))


def _packed(rows: Iterable[Row]) -> dict[str, object]:
    """Every text once, and the rows that name it by its place; what is empty at a row's end is left out."""
    texts: dict[str, int] = {"": 0}
    people = []
    for holder, name, *more, absent in rows:
        row = [holder, name, *(texts.setdefault(str(text), len(texts)) for text in more), absent]
        while row[-1] == 0:
            row.pop()
        people.append(row)
    return {"texts": list(texts), "people": people}


def _marked(one: Mark, zone: ZoneInfo) -> tuple[int, int, str, str, str, int]:
    return one.holder, one.at, _clock(one.at, zone), one.by, one.how, int(one.safe)


def _clock(ms: int, zone: ZoneInfo) -> str:
    return f"{from_ms(ms).astimezone(zone):%H:%M:%S}"
