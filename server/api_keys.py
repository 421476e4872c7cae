"""Keys of programs: made with a name and scopes, shown once, kept as a hash, revoked.

A key is "thr_" and 32 random bytes as base64url: too many to be guessed, so that a plain hash is enough.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, RowMapping, insert, select, update

from admission.errors import ConfigError
from server import trail
from server.phrase import marked, phrase
from server.store.schema import api_key
from server.trail import Who

PREFIX = "thr_"
BYTES = 32
USED_EVERY_MS = 60_000
LONGEST_NAME = 64


class Scope(StrEnum):
    """What a key opens."""

    PEOPLE_READ = "people:read"
    PEOPLE_WRITE = "people:write"
    SESSIONS_READ = "sessions:read"
    OCCUPANCY_READ = "occupancy:read"
    PASSAGES_READ = "passages:read"
    METRICS_READ = "metrics:read"


WORDS: dict[Scope, str] = {
    Scope.PEOPLE_READ: marked("Read people, and who attended which session"),
    Scope.PEOPLE_WRITE: marked("Add people and change them"),
    Scope.SESSIONS_READ: marked("Read the event, its sessions and their attendance"),
    Scope.OCCUPANCY_READ: marked("Read how full each room is"),
    Scope.PASSAGES_READ: marked("Read the log of passages"),
    Scope.METRICS_READ: marked("Read the figures for monitoring (Prometheus)"),
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key, without its text."""

    id: int
    name: str
    scopes: frozenset[Scope]
    by: str
    made: int
    used: int | None
    revoked: int | None


def make(
    connection: Connection, name: str, scopes: Iterable[str], who: Who, now: int, random: Callable[[int], bytes]
) -> str:
    """Makes a key and returns its text, which is kept nowhere. Raises ConfigError for a name or scopes that cannot
    be, or a name that a live key has."""
    called = " ".join(name.split())
    if not called or len(called) > LONGEST_NAME or not called.isprintable():
        raise ConfigError(phrase("give the key a name of 1 to {most} characters: what uses it", most=LONGEST_NAME))
    chosen = _scopes(scopes)
    same = select(api_key.c.id).where(api_key.c.name == called, api_key.c.revoked.is_(None))
    if connection.execute(same).first() is not None:
        raise ConfigError(
            phrase("there is a key {name!r} already; choose another name, or revoke that one", name=called)
        )
    text = PREFIX + base64.urlsafe_b64encode(random(BYTES)).decode().rstrip("=")
    row = {"name": called, "hash": _hash(text), "scopes": " ".join(chosen), "by": who.name, "made": now}
    number = connection.execute(insert(api_key).values(**row).returning(api_key.c.id)).scalar_one()
    trail.note(connection, who, now, "made", "api key", number, {"name": called, "scopes": list(chosen)})
    return text


def revoke(connection: Connection, number: int, who: Who, now: int) -> str:
    """Revokes a key; its name. Raises ConfigError if there is none, or it is revoked already."""
    live = update(api_key).where(api_key.c.id == number, api_key.c.revoked.is_(None)).values(revoked=now)
    if not connection.execute(live).rowcount:
        raise ConfigError(phrase("this key is revoked already, or there is none; load the page again"))
    name = str(connection.execute(select(api_key.c.name).where(api_key.c.id == number)).scalar_one())
    trail.note(connection, who, now, "revoked", "api key", number, {"name": name})
    return name


def find(connection: Connection, text: str) -> Key | None:
    """The live key with this text; None for any other text."""
    if not _is_key(text):
        return None
    query = select(api_key).where(api_key.c.hash == _hash(text), api_key.c.revoked.is_(None))
    row = connection.execute(query).mappings().first()
    return None if row is None else _key(row)


def is_used(key: Key, now: int) -> bool:
    """Whether its last use has to be written down: once a minute at most."""
    return key.used is None or now - key.used >= USED_EVERY_MS


def use(connection: Connection, key: Key, now: int) -> None:
    """Writes down that it is used."""
    connection.execute(update(api_key).where(api_key.c.id == key.id).values(used=now))


def listed(connection: Connection) -> list[Key]:
    """All keys, the live ones first, the newest first."""
    query = select(api_key).order_by(api_key.c.revoked.is_not(None), api_key.c.id.desc())
    return [_key(row) for row in connection.execute(query).mappings()]


def _scopes(given: Iterable[str]) -> list[Scope]:
    asked = set(given)
    unknown = sorted(asked - {scope.value for scope in Scope})
    if unknown:
        raise ConfigError(
            phrase("there is no scope {scope!r}; they are: {scopes}", scope=unknown[0][:64], scopes=", ".join(Scope))
        )
    if not asked:
        raise ConfigError(phrase("choose at least one thing that the key may do"))
    return [scope for scope in Scope if scope in asked]


def _is_key(text: str) -> bool:
    """Whether it is written like a key: nothing else is looked up."""
    if not text.startswith(PREFIX) or len(text) != len(PREFIX) + 43 or not text.isascii():
        return False
    try:
        return len(base64.b64decode(f"{text[len(PREFIX) :]}=", altchars=b"-_", validate=True)) == BYTES
    except (binascii.Error, ValueError):
        return False


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _key(row: RowMapping) -> Key:
    scopes = frozenset(Scope(one) for one in row["scopes"].split() if one in set(Scope))
    return Key(row["id"], row["name"], scopes, row["by"], row["made"], row["used"], row["revoked"])
