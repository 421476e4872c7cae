"""Sweep and lockdown: closing rooms with one act, and opening them again, to everybody or to some categories.

A closed room is a fact of the programme (``room.only``), so that kiosks in reach hear of it at once and those that are
not go on keeping it once they have heard. Closing a room closes every room inside it; no exit is ever refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from admission.errors import ConfigError
from admission.venue import CATEGORIES
from server.asked import Facts, programme_of
from server.phrase import marked, phrase
from server.store import schema, versions
from server.store.schema import room as _room

NOBODY = 0
VENUE = ""
"""In place of a room: all of them."""


def named(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """The room that is named, or the whole venue (no room named), with all rooms inside it."""
    plan, name = programme_of(connection), str(asked.get("room", "")).strip()
    if name != VENUE and plan.room(name) is None:
        raise ConfigError(phrase("there is no room {name!r}; choose one of the list", name=name))
    rooms = [one.id for one in plan.rooms if name in (VENUE, *plan.ancestors(one.id))]
    return {"room": name, "rooms": rooms}


def wanted(connection: Connection, asked: Mapping[str, Any]) -> Facts:
    """The same, and the categories that may come in again: their references, or none for everybody."""
    given = asked.get("only") or []
    slugs = given.replace(",", " ").split() if isinstance(given, str) else [str(one) for one in given]
    known = dict(connection.execute(select(schema.category.c.slug, schema.category.c.code)).all())
    unknown = sorted(set(slugs) - set(known))
    if unknown:
        said = marked("there is no category {names}; categories are: {known}")
        raise ConfigError(phrase(said, names=", ".join(unknown), known=", ".join(sorted(known))))
    return named(connection, asked) | {"only": sorted(set(slugs))}


def close(connection: Connection, facts: Facts, _now: datetime) -> str:
    """Closes these rooms to everybody."""
    _set(connection, facts["rooms"], NOBODY)
    return phrase("{rooms} rooms are closed; the gates say so as they hear of it", rooms=len(facts["rooms"]))


def reopen(connection: Connection, facts: Facts, _now: datetime) -> str:
    """Opens these rooms to the categories, or to everybody."""
    codes = connection.execute(
        select(schema.category.c.code).where(schema.category.c.slug.in_(facts["only"]))
    ).scalars()
    mask = sum(1 << code for code in codes if code < CATEGORIES) if facts["only"] else None
    _set(connection, facts["rooms"], mask)
    if mask is None:
        return phrase("{rooms} rooms are open to everybody again", rooms=len(facts["rooms"]))
    said = marked("{rooms} rooms are open to {names} only")
    return phrase(said, rooms=len(facts["rooms"]), names=", ".join(facts["only"]))


def closed(connection: Connection) -> list[str]:
    """The rooms that are closed, wholly or to some, in the venue's order."""
    query = select(_room.c.id).where(_room.c.only.is_not(None)).order_by(_room.c.position, _room.c.id)
    return list(connection.execute(query).scalars())


def _set(connection: Connection, rooms: list[str], only: int | None) -> None:
    connection.execute(update(_room).where(_room.c.id.in_(rooms)).values(only=only))
    versions.bump(connection, versions.PROGRAMME)
