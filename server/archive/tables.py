"""What a table of the archive is: its columns in plain words, and the query that fills it.

Never what is secret: no seeds, no keys but kiosks' public ones, no password, no token, no sealed box of a badge.
Instants are ISO 8601 in the venue's zone, and beside them in milliseconds where something is computed from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, func

Kind = type[str] | type[int] | type[bytes]
Query = Callable[[], Select[Any]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what it says, in plain words. ``instant``: milliseconds that are written as a date and time."""

    kind: Kind
    about: str
    instant: bool = False
    refers: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the archive; ``query`` gives its columns in their order."""

    name: str
    about: str
    key: str | tuple[str, ...]
    columns: Mapping[str, Column]
    query: Query
    indexes: tuple[tuple[str, ...], ...] = ()
    search: tuple[str, ...] = field(default=())


def text(about: str, refers: str = "") -> Column:
    """A text; ``refers``: the table whose key it is."""
    return Column(str, about, refers=refers)


def number(about: str, refers: str = "") -> Column:
    """A whole number."""
    return Column(int, about, refers=refers)


def instant(about: str) -> Column:
    """A date and time in the venue's zone."""
    return Column(str, about, instant=True)


def given(column: Any) -> Any:
    """Empty where there is nothing."""
    return func.nullif(column, "")
