"""The tray: files that were uploaded and looked at, and wait to be imported exactly as they are, for half an hour.

They are kept in the database, so that any node of the server finds them; only whoever put them there does. Whenever
somebody is erased they go too (:mod:`server.traces`): they may name that person.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, delete, insert, select

from server.columns import FILES
from server.imports import kind_of
from server.phrase import phrase
from server.sheet import Problem
from server.store.instants import to_ms
from server.store.schema import setting
from server.traces import UPLOADS
from server.trail import Who

LASTS = timedelta(minutes=30)
_PREFIX = UPLOADS


class Files(msgspec.Struct, frozen=True):
    """What was uploaded: the bytes of each table, compressed, and what its file was called; by whom and when (ms)."""

    by: str
    at: int
    packed: dict[str, bytes]
    names: dict[str, str]

    @property
    def raw(self) -> dict[str, bytes]:
        """The bytes of each table, as they came."""
        return {kind: zlib.decompress(body) for kind, body in self.packed.items()}


def sort(uploads: list[tuple[str, bytes]], who: Who, now: datetime) -> tuple[Files, list[Problem]]:
    """Which upload is which table; problems for those that are none, or are there twice."""
    packed: dict[str, bytes] = {}
    names: dict[str, str] = {}
    problems = []
    for name, raw in uploads:
        kind = kind_of(name, raw)
        if kind is None:
            known = ", ".join(f"{one}.csv" for one in FILES)
            problems.append(
                Problem(
                    name,
                    0,
                    "",
                    phrase(
                        "is none of the tables that can be imported; call it one of {files}, or check its first line",
                        files=known,
                    ),
                )
            )
        elif kind in packed:
            problems.append(
                Problem(
                    name,
                    0,
                    "",
                    phrase("is the table {kind}, as {other} is; upload one of the two", kind=kind, other=names[kind]),
                )
            )
        else:
            packed[kind], names[kind] = zlib.compress(raw, 6), name
    return Files(who.name, to_ms(now), packed, names), problems


def put(connection: Connection, token: str, files: Files) -> None:
    """Puts the files into the tray under a random token."""
    connection.execute(insert(setting), {"name": _PREFIX + token, "value": msgspec.json.encode(files).decode()})


def find(connection: Connection, token: str, who: Who, now: datetime) -> Files | None:
    """The files under the token, if this user put them there and not too long ago."""
    if not token.isalnum() or len(token) > 40:
        return None
    text = connection.execute(select(setting.c.value).where(setting.c.name == _PREFIX + token)).scalar_one_or_none()
    files = None if text is None else msgspec.json.decode(text, type=Files)
    return files if files and files.by == who.name and files.at >= to_ms(now - LASTS) else None


def drop(connection: Connection, token: str) -> None:
    """Takes the files out of the tray."""
    connection.execute(delete(setting).where(setting.c.name == _PREFIX + token))


def has_old(connection: Connection, now: datetime) -> bool:
    """Whether something has lain there for too long."""
    return bool(_old(connection, now))


def clear(connection: Connection, now: datetime) -> None:
    """Takes out whatever has lain there for too long."""
    for name in _old(connection, now):
        connection.execute(delete(setting).where(setting.c.name == name))


def _old(connection: Connection, now: datetime) -> list[str]:
    query = select(setting.c.name, setting.c.value).where(setting.c.name.startswith(_PREFIX, autoescape=True))
    rows = connection.execute(query).all()
    return [row.name for row in rows if msgspec.json.decode(row.value, type=Files).at < to_ms(now - LASTS)]


def told(names: Mapping[str, str], problem: Problem) -> str:
    """What the file of a problem was called when it was uploaded."""
    return names.get(problem.file.removesuffix(".csv"), problem.file)
