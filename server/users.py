"""People who sign in: their roles and passwords (Argon2id, RFC 9106). Knows nothing of cookies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import Connection, Row, insert, select, update

from admission.errors import ConfigError
from server.store.schema import user

SHORTEST = 8


class Role(StrEnum):
    """What somebody may do; a page names the roles that may open it."""

    VIEWER = "viewer"
    STEWARD = "steward"
    SUPERVISOR = "supervisor"
    DESK = "desk"
    ORGANISER = "organiser"
    ADMIN = "admin"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in. ``stamp`` changes with the password, so that a new one ends every session."""

    id: int
    name: str
    role: Role
    stamp: str
    language: str = ""


def set_user(connection: Connection, name: str, password: str, role: Role, salt: bytes) -> None:
    """Adds a user, or gives an existing one this password and role. ``salt``: 16 random bytes.

    Raises ConfigError for an empty name or a password shorter than eight characters.
    """
    if not name.strip() or len(name) > 64:
        raise ConfigError("a user's name has 1 to 64 characters")
    if len(password) < SHORTEST:
        raise ConfigError(f"the password is too short: at least {SHORTEST} characters")
    row = {"password": hash_password(password, salt), "role": role.value, "active": True}
    if connection.execute(update(user).where(user.c.name == name).values(**row)).rowcount == 0:
        connection.execute(insert(user), row | {"name": name})


def find(connection: Connection, number: int) -> User | None:
    """The active user with that number."""
    row = connection.execute(select(user).where(user.c.id == number, user.c.active)).first()
    return None if row is None else _user(row)


def look_up(connection: Connection, name: str) -> tuple[User | None, str]:
    """The active user of that name, and what the password is checked against (with ``fits``, without a connection)."""
    if "\0" in name:  # no name has one, and PostgreSQL would not even be asked
        return None, _NOBODY
    row = connection.execute(select(user).where(user.c.name == name, user.c.active)).first()
    return (None, _NOBODY) if row is None else (_user(row), row.password)


def fits(password: str, stored: str) -> bool:
    """Whether this is the password. Takes long on purpose, and as long for a name that nobody has."""
    try:
        Argon2id.verify_phc_encoded(password.encode(), stored)
    except InvalidKey:
        return False
    return True


def hash_password(password: str, salt: bytes) -> str:
    """The PHC string that is stored."""
    kdf = Argon2id(salt=salt, length=32, iterations=2, lanes=1, memory_cost=19 * 1024)
    return kdf.derive_phc_encoded(password.encode())


def _user(row: Row[tuple[Any, ...]]) -> User:
    stamp = hashlib.sha256(row.password.encode()).hexdigest()[:16]
    return User(row.id, row.name, Role(row.role), stamp, row.language)


_NOBODY = hash_password("nobody's password", bytes(16))
