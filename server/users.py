"""People who sign in: their roles and passwords (Argon2id, RFC 9106). Knows nothing of cookies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import Connection, insert, select, update

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
    """Somebody who may sign in."""

    id: int
    name: str
    role: Role


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
    return None if row is None else User(row.id, row.name, Role(row.role))


def sign_in(connection: Connection, name: str, password: str) -> User | None:
    """The user whose name and password these are. Takes as long for a name that nobody has."""
    known = name.replace("\0", "\ufffd")  # PostgreSQL takes no NUL, not even to look for it
    row = connection.execute(select(user).where(user.c.name == known, user.c.active)).first()
    if not _fits(password, row.password if row is not None else _NOBODY) or row is None:
        return None
    return User(row.id, row.name, Role(row.role))


def hash_password(password: str, salt: bytes) -> str:
    """The PHC string that is stored."""
    kdf = Argon2id(salt=salt, length=32, iterations=2, lanes=1, memory_cost=19 * 1024)
    return kdf.derive_phc_encoded(password.encode())


def _fits(password: str, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), stored)
    except InvalidKey:
        return False
    return True


_NOBODY = hash_password("nobody's password", bytes(16))
