"""People who sign in: their roles and passwords (Argon2id, RFC 9106). Knows nothing of cookies and second factors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import Connection, Row, func, insert, select, update

from admission.errors import ConfigError
from server.phrase import phrase
from server.store.schema import login, user

SHORTEST = 10
"""Characters in a password."""
COMMON = frozenset(
    """
1234567890 0123456789 12345678910 qwertyuiop qwerty12345 1q2w3e4r5t passwordpassword password123 password1234
password12345 motdepasse motdepasse123 azertyuiop administrator administrateur letmeinplease iloveyouiloveyou
welcome123 welcome1234 changeme123 threshold123 thresholdthreshold qwertyuiop123 1qaz2wsx3edc zaq12wsxcde3
bienvenue123 supervisor organiser123 abcdefghij abcdefghijkl abc1234567 summit2025 summit2026 summit2027
    """.split()  # noqa: SIM905 - as a list it would be a page
)
"""What is tried first by whoever guesses."""
SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Of first passwords: none that is taken for another when it is read off a screen."""


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
    """Somebody who may sign in. ``stamp`` changes with the password, so that a new one ends every session; ``second``:
    whether a second factor is asked for."""

    id: int
    name: str
    role: Role
    stamp: str
    language: str = ""
    second: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A user in the list of all. ``seen`` (ms): when a session of theirs was last used."""

    id: int
    name: str
    role: Role
    active: bool
    second: bool
    seen: int | None


def set_user(connection: Connection, name: str, password: str, role: Role, salt: bytes) -> None:
    """Adds a user, or gives an existing one this password and role. ``salt``: 16 random bytes.

    Raises ConfigError for a bad name, or a password that is too short or guessed at once.
    """
    check_name(name)
    check_password(password)
    row = {"password": hash_password(password, salt), "role": role.value, "active": True}
    if connection.execute(update(user).where(user.c.name == name).values(**row)).rowcount == 0:
        connection.execute(insert(user), row | {"name": name})


def add(connection: Connection, name: str, password: str, role: Role, salt: bytes) -> int:
    """Adds a user; their number. Raises ConfigError as ``set_user`` does, and for a name that somebody has."""
    check_name(name)
    check_password(password)
    if connection.execute(select(user.c.id).where(func.lower(user.c.name) == name.lower())).first() is not None:
        raise ConfigError(phrase("a user {name!r} exists already; choose another name", name=name))
    row = {"name": name, "password": hash_password(password, salt), "role": role.value, "active": True}
    return int(connection.execute(insert(user).returning(user.c.id), row).scalar_one())


def change_role(connection: Connection, number: int, role: Role, was: Role) -> None:
    """Gives a user another role. Raises ConfigError if they had another than ``was``, or if nobody would be left who
    may do this."""
    if role is not Role.ADMIN:
        _check_not_last(connection, number)
    mine = update(user).where(user.c.id == number, user.c.role == was.value)
    if connection.execute(mine.values(role=role.value)).rowcount == 0:
        raise ConfigError(phrase("somebody else has changed this user since you opened the page; look again"))


def set_active(connection: Connection, number: int, *, active: bool) -> None:
    """Lets a user sign in, or no more. Raises ConfigError for the last active admin."""
    if not active:
        _check_not_last(connection, number)
    connection.execute(update(user).where(user.c.id == number).values(active=active))


def set_password(connection: Connection, number: int, password: str, salt: bytes) -> None:
    """Gives a user another password. Raises ConfigError for one that is too short or guessed at once."""
    check_password(password)
    connection.execute(update(user).where(user.c.id == number).values(password=hash_password(password, salt)))


def set_language(connection: Connection, number: int, language: str) -> None:
    """The language in which the user reads the pages; empty: as the browser asks."""
    connection.execute(update(user).where(user.c.id == number).values(language=language))


def check_name(name: str) -> None:
    """Raises ConfigError for a name that nobody can have."""
    if not name.strip() or len(name) > 64 or not name.isprintable() or name != name.strip():
        raise ConfigError(phrase("a user's name has 1 to 64 characters that can be seen, and no space around it"))


def check_password(password: str) -> None:
    """Raises ConfigError for a password that is too short or guessed at once."""
    if len(password) < SHORTEST:
        raise ConfigError(phrase("the password is too short: at least {least} characters", least=SHORTEST))
    if password.lower() in COMMON or len(set(password)) < 4:
        raise ConfigError(phrase("this password is guessed at once; take several words, or let a program make one"))


def first_password(random: Callable[[int], bytes]) -> str:
    """A password that is shown once, as four groups of four signs: 79 bits. ``random``: like os.urandom."""
    signs = [SIGNS[byte % len(SIGNS)] for byte in random(64) if byte < 256 - 256 % len(SIGNS)][:16]
    return "-".join("".join(signs[start : start + 4]) for start in range(0, 16, 4))


def directory(connection: Connection) -> list[Listed]:
    """All users, those who may sign in first, by name."""
    seen = select(func.max(login.c.seen)).where(login.c.user == user.c.id).scalar_subquery()
    query = select(user, seen.label("last")).order_by(user.c.active.desc(), func.lower(user.c.name))
    return [
        Listed(row.id, row.name, Role(row.role), bool(row.active), bool(row.totp), row.last)
        for row in connection.execute(query)
    ]


def listed(connection: Connection, number: int) -> Listed | None:
    """One user in the list, active or not."""
    return next((one for one in directory(connection) if one.id == number), None)


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
        Argon2id.verify_phc_encoded(password.encode("utf-8", "replace"), stored)
    except InvalidKey:
        return False
    return True


def hash_password(password: str, salt: bytes) -> str:
    """The PHC string that is stored."""
    kdf = Argon2id(salt=salt, length=32, iterations=2, lanes=1, memory_cost=19 * 1024)
    return kdf.derive_phc_encoded(password.encode())


def _check_not_last(connection: Connection, number: int) -> None:
    """Locks the admins, so that of two who go at once one stays."""
    admins = select(user.c.id).where(user.c.role == Role.ADMIN.value, user.c.active).order_by(user.c.id)
    known = set(connection.execute(admins.with_for_update()).scalars())
    if known == {number}:
        raise ConfigError(phrase("this is the last admin who may sign in; make somebody else an admin first"))


def _user(row: Row[tuple[Any, ...]]) -> User:
    stamp = hashlib.sha256(row.password.encode()).hexdigest()[:16]
    return User(row.id, row.name, Role(row.role), stamp, row.language, bool(row.totp))


_NOBODY = hash_password("nobody's password", bytes(16))
