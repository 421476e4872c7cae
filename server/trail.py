"""The audit trail: who did, looked at or took home what, besides acts on rooms (:mod:`server.acts`).

Rows are only appended. ``facts`` hold what changed, and never what is private of a person: a name is looked up when
the trail is read, so that erasing a person erases it here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, insert, select

from server.store.schema import trail

LOOKS = ("viewed", "searched", "exported", "downloaded", "took")
"""What changes nothing."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who does it: the user's name, and the address that they come from."""

    name: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the trail."""

    id: int
    at: int
    by: str
    what: str
    about: str
    ref: str
    facts: dict[str, Any]
    address: str


def note(  # noqa: PLR0913 - the facts of a row, by name
    connection: Connection,
    who: Who,
    at: int,
    what: str,
    about: str,
    ref: object = "",
    facts: Mapping[str, object] | None = None,
) -> None:
    """Writes a row. ``what``: a verb like "changed", "viewed", "exported"; ``about`` and ``ref``: which thing."""
    text = msgspec.json.encode(dict(facts or {})).decode()
    row = {"at": at, "by": who.name[:64], "what": what, "about": about, "ref": str(ref)[:200], "facts": text}
    connection.execute(insert(trail), row | {"address": who.address[:45]})


def newest(
    connection: Connection,
    limit: int = 100,
    before: int | None = None,
    *,
    by: str = "",
    about: str = "",
    ref: str = "",
) -> list[Step]:
    """The newest rows, or those before a row's number, of one user, one kind of thing or one thing."""
    query = select(trail).order_by(trail.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(trail.c.id < before)
    for column, value in ((trail.c.by, by), (trail.c.about, about), (trail.c.ref, ref)):
        if value:
            query = query.where(column == value)
    return [_step(row) for row in connection.execute(query).mappings()]


def deeds(connection: Connection, about: str, ref: str, limit: int) -> list[Step]:
    """The newest rows of what was done to one thing; not who has looked at it, or taken it home."""
    query = select(trail).where(trail.c.about == about, trail.c.ref == ref, trail.c.what.not_in(LOOKS))
    return [_step(row) for row in connection.execute(query.order_by(trail.c.id.desc()).limit(limit)).mappings()]


def _step(row: RowMapping) -> Step:
    values = {name: row[name] for name in Step.__slots__ if name != "facts"}
    return Step(**values, facts=msgspec.json.decode(row["facts"]))
