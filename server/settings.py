"""What organisers and admins have set for the event, each under its name: a msgspec struct kept as JSON.

A setting that was never made has its struct's defaults. Two who edit the same setting are told apart by its edition.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec
from sqlalchemy import Connection, insert, select, update

from admission.errors import ConfigError
from server.phrase import phrase
from server.store.schema import setting


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From which share of a room's capacity on, in per cent, the board warns; ``sound``: whether it is heard."""

    near: int = 80
    tight: int = 95
    full: int = 100
    sound: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.near < self.tight < self.full <= 100:
            raise ValueError("the three thresholds rise, from 1 to 100 %")


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """After how many days from the last session's end names are cut from passages; ``active``: whether at all."""

    days: int = 30
    active: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.days <= 3650:
            raise ValueError("days are from 0 to 3650")


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The roles that may do nothing without a second factor."""

    required: tuple[Literal["admin", "supervisor", "organiser"], ...] = ()


NAMES: dict[type[msgspec.Struct], str] = {Thresholds: "thresholds", Retention: "retention", SignIn: "sign-in"}
S = TypeVar("S", bound=msgspec.Struct)


def read(connection: Connection, kind: type[S]) -> S:
    """The setting, or its defaults."""
    return read_edition(connection, kind)[0]


def read_edition(connection: Connection, kind: type[S]) -> tuple[S, int]:
    """The setting, and its edition: 0 if it was never made."""
    row = connection.execute(select(setting).where(setting.c.name == NAMES[kind])).first()
    return (kind(), 0) if row is None else (msgspec.json.decode(row.value, type=kind), row.edition)


def write(connection: Connection, value: msgspec.Struct, edition: int) -> None:
    """Sets it. ``edition``: the one that was edited. Raises ConfigError if somebody has changed it since."""
    name, text = NAMES[type(value)], msgspec.json.encode(value).decode()
    mine = update(setting).where(setting.c.name == name, setting.c.edition == edition)
    if connection.execute(mine.values(value=text, edition=edition + 1)).rowcount:
        return
    known = connection.execute(select(setting.c.edition).where(setting.c.name == name)).first()
    if known is not None or edition:
        raise ConfigError(phrase("somebody else has changed this since you opened it; look at it again"))
    connection.execute(insert(setting).values(name=name, value=text, edition=1))
