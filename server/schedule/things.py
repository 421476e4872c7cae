"""What can be edited, as rows and as the cells that an import would have for them; and how an edit is refused."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, select

from admission.errors import ConfigError
from admission.venue import CATEGORIES, ZONES, SessionId
from admission.venue import RoomId as RoomName
from admission.venue import Session as Rules
from server.columns import EVERYONE, INVITED
from server.phrase import Phrase, phrase
from server.phrase import marked as _
from server.store import schema
from server.store.instants import from_ms

Cells = dict[str, str]
"""What stands in the fields, by the names of an import's columns."""
ALL = (1 << CATEGORIES) - 1
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of thing: its name in the trail, its file and columns in an import, its table and its key there."""

    name: str
    file: str
    table: Table
    key: str
    words: Mapping[str, str]

    @property
    def column(self) -> str:
        """The import's column that holds the key."""
        return next(iter(self.words))


SESSION = Kind(
    "session",
    "sessions",
    schema.session,
    "id",
    {
        "session": _("Reference"),
        "title": _("Title"),
        "theme": _("Theme"),
        "room": _("Room"),
        "starts": _("Begins"),
        "ends": _("Ends"),
        "doors_open": _("Doors open, minutes before"),
        "doors_close": _("Doors close, minutes after the start"),
        "capacity": _("Capacity"),
        "who": _("Who may enter"),
        "zones": _("Zones"),
    },
)
ROOM = Kind(
    "room",
    "rooms",
    schema.room,
    "id",
    {
        "room": _("Reference"),
        "name": _("Name"),
        "inside": _("Lies inside"),
        "limit": _("Legal limit"),
        "reserve": _("Of these, kept for forced entries"),
        "exits": _("What an exit proves"),
        "overflow": _("When it is full, people go to"),
    },
)
GATE = Kind(
    "gate",
    "gates",
    schema.gate,
    "id",
    {
        "gate": _("Reference"),
        "name": _("Name"),
        "room": _("Leads into"),
        "from": _("From"),
        "direction": _("Direction"),
    },
)
CATEGORY = Kind(
    "category",
    "categories",
    schema.category,
    "slug",
    {"category": _("Reference"), "name": _("Name"), "colour": _("Colour")},
)
KINDS = {kind.name: kind for kind in (SESSION, ROOM, GATE, CATEGORY)}


class Missing(ConfigError):
    """There is no such thing, or not any more."""


class Wrong(ConfigError):
    """The fields cannot be taken; ``problems`` says which, and what to do. Nothing was written."""

    def __init__(self, problems: Mapping[str, Phrase]) -> None:
        self.problems = dict(problems)
        super().__init__(phrase("nothing was saved; correct what is marked"))


class Changed(ConfigError):
    """Somebody else has changed it since it was opened. ``theirs``: as it is now; ``mark``: of that state."""

    def __init__(self, theirs: Cells, mark: str) -> None:
        self.theirs, self.mark = theirs, mark
        super().__init__(phrase("nothing was saved: somebody else has changed this since you opened it"))


class Hurts(ConfigError):
    """It can be saved, but somebody would feel it; ``sure`` is what says that this was read."""

    def __init__(self, consequences: Sequence[Phrase], sure: str) -> None:
        self.consequences, self.sure = tuple(consequences), sure
        super().__init__(phrase("nothing was saved yet: read what it would do, and confirm it"))


def find(connection: Connection, kind: Kind, ref: str) -> Mapping[str, Any]:
    """Its row. Raises Missing."""
    row = connection.execute(select(kind.table).where(kind.table.c[kind.key] == _plain(ref))).mappings().first()
    if row is None:
        raise Missing(phrase("there is no such thing, or it was deleted meanwhile"))
    return dict(row)


def held(connection: Connection, kind: Kind, ref: str) -> Mapping[str, Any]:
    """Its row, which nobody else changes until the transaction ends. Raises Missing."""
    query = select(kind.table).where(kind.table.c[kind.key] == _plain(ref)).with_for_update(key_share=True)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise Missing(phrase("there is no such thing, or it was deleted meanwhile"))
    return dict(row)


def mark(row: Mapping[str, Any]) -> str:
    """Tells one state of a row from every other, also from one that an import has written."""
    return f"{row.get('edition', 0)}.{zlib.crc32(repr(sorted(row.items())).encode()):08x}"


def cells(connection: Connection, kind: Kind, row: Mapping[str, Any], zone: ZoneInfo) -> Cells:
    """The row as its form shows it."""
    if kind is SESSION:
        return _session_cells(connection, row, zone)
    if kind is GATE:
        names = {"gate": "id", "name": "name", "room": "room", "from": "outside", "direction": "direction"}
    elif kind is ROOM:
        names = {"room": "id"} | {name: name for name in list(kind.words)[1:]}
    else:
        names = {"category": "slug", "name": "name", "colour": "colour"}
    return {name: _text(row[column]) for name, column in names.items()}


def rules_of(row: Mapping[str, Any]) -> Rules:
    """A session's row as the rules see it."""
    return Rules(
        id=SessionId(row["id"]),
        title=row["title"],
        room=RoomName(row["room"]),
        starts=from_ms(row["starts"]),
        ends=from_ms(row["ends"]),
        doors_open=from_ms(row["doors_open"]),
        doors_close=from_ms(row["doors_close"]),
        capacity=row["capacity"],
        categories=row["categories"],
        zones=row["zones"],
        invited=row["invited"],
    )


def _session_cells(connection: Connection, row: Mapping[str, Any], zone: ZoneInfo) -> Cells:
    starts, ends = (from_ms(row[name]).astimezone(zone) for name in ("starts", "ends"))
    closes = "" if row["doors_close"] == row["ends"] else str((row["doors_close"] - row["starts"]) // MINUTE_MS)
    return {
        "session": row["id"],
        "title": row["title"],
        "theme": row["theme"],
        "room": row["room"],
        "starts": _local(starts),
        "starts_fold": _fold(starts),
        "ends": _local(ends),
        "ends_fold": _fold(ends),
        "doors_open": str((row["starts"] - row["doors_open"]) // MINUTE_MS),
        "doors_close": closes,
        "capacity": _text(row["capacity"]),
        "who": _who(connection, row["categories"], invited=row["invited"]),
        "zones": " ".join(str(bit + 1) for bit in range(ZONES) if row["zones"] >> bit & 1),
    }


def _who(connection: Connection, mask: int, *, invited: bool) -> str:
    if invited:
        return INVITED
    if mask == ALL:
        return EVERYONE
    codes = connection.execute(select(schema.category.c.code, schema.category.c.slug).order_by(schema.category.c.code))
    return " ".join(slug for code, slug in codes if mask >> code & 1)


def _local(at: datetime) -> str:
    """As a field for date and time has it: to the minute, or as exactly as an import has set it."""
    exact = "milliseconds" if at.microsecond else "seconds" if at.second else "minutes"
    return at.replace(tzinfo=None).isoformat(timespec=exact)


def _fold(at: datetime) -> str:
    """Which of the two it is where clocks show this time twice; empty where they show it once."""
    twice = at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()
    return str(at.fold) if twice else ""


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _plain(ref: str) -> str:
    return "" if "\0" in ref else ref[:200]
