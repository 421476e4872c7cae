"""Stewards' codes for the doors: set and cleared. The hash travels only inside the badge's own sealed record, so that a
stolen kiosk gives nothing to guess at. Knows nothing of kiosks.
"""

from __future__ import annotations

from itertools import pairwise

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import Connection, select, update

from admission.errors import ConfigError
from server import badges
from server.badges import Random
from server.store.schema import person

LENGTHS = range(4, 13)


def set_code(connection: Connection, ref: str, code: str, salt: bytes, random: Random) -> None:
    """Gives the person this code, and seals the records of their live badges anew. ``salt``: 16 random bytes.

    Raises ConfigError for an unknown reference and for a code that is too easy to guess.
    """
    flaw = weakness(code)
    if flaw:
        raise ConfigError(flaw)
    _store(connection, ref, hash_code(code, salt), random)


def clear_code(connection: Connection, ref: str, random: Random) -> None:
    """Takes the person's code away: their badge is no steward's any more. Raises ConfigError if nobody is meant."""
    _store(connection, ref, "", random)


def weakness(code: str) -> str:
    """What is wrong with a code, as a sentence; "" if nothing is."""
    if not (code.isascii() and code.isdigit()) or len(code) not in LENGTHS:
        return f"a code has {LENGTHS[0]} to {LENGTHS[-1]} digits and nothing else"
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(code)}
    if len(steps) == 1 and steps <= {0, 1, 9}:
        return "this code is too easy to guess: all digits are the same, or they count up or down; take another"
    return ""


def hash_code(code: str, salt: bytes) -> str:
    """The PHC string that is sealed (Argon2id, RFC 9106). Cheap enough for a Raspberry Pi: 19 MiB, two passes."""
    kdf = Argon2id(salt=salt, length=32, iterations=2, lanes=1, memory_cost=19 * 1024)
    return kdf.derive_phc_encoded(code.encode())


def _store(connection: Connection, ref: str, code: str, random: Random) -> None:
    number = connection.execute(select(person.c.id).where(person.c.ref == ref)).scalar_one_or_none()
    if number is None:
        raise ConfigError(f"no person has the reference {ref}; references are the first column of people")
    connection.execute(update(person).where(person.c.id == number).values(code=code))
    badges.seal_again(connection, [number], random)
