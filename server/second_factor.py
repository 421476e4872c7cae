"""The second factor: codes of an authenticator app (RFC 6238), and recovery codes for when it is lost.

A code is taken once: the newest step that was used is a row's fact, claimed by a conditional update. Recovery codes
have 80 random bits, so that a plain hash keeps them. Knows nothing of pages, passwords or sessions.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec
import pyotp
from pyotp.exceptions import OTPVerificationError
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from admission.errors import ConfigError
from server.phrase import phrase
from server.store.instants import to_ms
from server.store.schema import setting, user

STEP = timedelta(seconds=30)
WINDOW = 1
"""So many steps before and after the present one are taken: clocks of phones are off."""
RECOVERY_CODES = 10
ENROLLING = "enrolling:"
ENROL_WITHIN = timedelta(minutes=10)
"""So long a secret that is being set up is kept, from when it was last shown."""

Random = Callable[[int], bytes]
"""Like os.urandom."""


def new_secret(random: Random) -> str:
    """A secret of 160 bits, in base 32, as apps want it."""
    return base64.b32encode(random(20)).decode()


def propose(connection: Connection, login: int, now: datetime, random: Random) -> str:
    """The secret that is being set up in the session of that number: the one that was shown last, or a new one. It is
    kept here and nowhere else, so that whoever reads the browser's cookie does not learn it."""
    name, until = f"{ENROLLING}{login}", to_ms(now + ENROL_WITHIN)
    secret = proposed(connection, login, now) or new_secret(random)
    row = {"value": msgspec.json.encode([secret, until]).decode()}
    _drop_old(connection, now)
    if connection.execute(update(setting).where(setting.c.name == name).values(**row)).rowcount:
        return secret
    try:
        with connection.begin_nested():
            connection.execute(insert(setting).values(name=name, **row))
    except IntegrityError:  # the same page was asked for twice at once
        return proposed(connection, login, now)
    return secret


def proposed(connection: Connection, login: int, now: datetime) -> str:
    """The secret that is being set up in that session; empty if there is none, or for too long."""
    kept = connection.execute(select(setting.c.value).where(setting.c.name == f"{ENROLLING}{login}")).scalar()
    secret, until = msgspec.json.decode(kept, type=tuple[str, int]) if kept else ("", 0)
    return secret if to_ms(now) < until else ""


def drop_proposal(connection: Connection, login: int) -> None:
    """Forgets what is being set up in that session."""
    connection.execute(delete(setting).where(setting.c.name == f"{ENROLLING}{login}"))


def address(secret: str, name: str, event: str) -> str:
    """What the app reads off the symbol: the secret, whose it is and what for."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=event.replace(":", " ")[:64])


def enrol(connection: Connection, number: int, secret: str, code: str, now: datetime, random: Random) -> list[str]:
    """Begins to ask this user for codes of this secret, of which ``code`` is the first; the recovery codes, which are
    nowhere else. Raises ConfigError if the code is not the secret's, or if there is a second factor already."""
    step = _step(secret, code, now)
    if step is None:
        raise ConfigError(phrase("this is not the code of now; see that the phone's clock is right, and type the next"))
    codes = _codes(random)
    mine = update(user).where(user.c.id == number, user.c.totp == "")
    values = {"totp": secret, "totp_step": step, "recovery": _kept(number, codes)}
    if connection.execute(mine.values(**values)).rowcount == 0:
        raise ConfigError(phrase("a second factor is set up already; switch it off first"))
    return codes


def take(connection: Connection, number: int, code: str, now: datetime) -> str:
    """Takes a code of the app or a recovery code: "app" or "recovery" if it was good, otherwise empty.

    Neither is taken twice, nor an app's code that is older than one that was taken.
    """
    row = connection.execute(select(user.c.totp, user.c.recovery).where(user.c.id == number)).first()
    if row is None or not row.totp:
        return ""
    step = _step(row.totp, code, now)
    if step is not None:
        newer = update(user).where(user.c.id == number, user.c.totp == row.totp, user.c.totp_step < step)
        return "app" if connection.execute(newer.values(totp_step=step)).rowcount else ""
    left: list[str] = msgspec.json.decode(row.recovery)
    spent = _hash(number, code)
    if spent not in left:
        return ""
    rest = msgspec.json.encode([one for one in left if one != spent]).decode()
    claim = update(user).where(user.c.id == number, user.c.recovery == row.recovery)
    return "recovery" if connection.execute(claim.values(recovery=rest)).rowcount else ""


def renew(connection: Connection, number: int, random: Random) -> list[str]:
    """New recovery codes in the place of all earlier ones. Raises ConfigError without a second factor."""
    codes = _codes(random)
    mine = update(user).where(user.c.id == number, user.c.totp != "")
    if connection.execute(mine.values(recovery=_kept(number, codes))).rowcount == 0:
        raise ConfigError(phrase("there is no second factor; set it up first"))
    return codes


def remove(connection: Connection, number: int) -> bool:
    """Asks for no codes any more; whether it did."""
    mine = update(user).where(user.c.id == number, user.c.totp != "")
    return bool(connection.execute(mine.values(totp="", totp_step=0, recovery="[]")).rowcount)


def reset(connection: Connection, name: str) -> None:
    """Removes the second factor of the user of that name. Raises ConfigError for a name that nobody has, or for a user
    who has none."""
    number = connection.execute(select(user.c.id).where(user.c.name == name)).scalar()
    if number is None:
        raise ConfigError(phrase("there is no user {name!r}", name=name))
    if not remove(connection, number):
        raise ConfigError(phrase("{name} has no second factor", name=name))


def left(connection: Connection, number: int) -> int:
    """How many recovery codes the user has left."""
    kept = connection.execute(select(user.c.recovery).where(user.c.id == number)).scalar()
    return len(msgspec.json.decode(kept or "[]"))


def _drop_old(connection: Connection, now: datetime) -> None:
    rows = select(setting.c.name, setting.c.value).where(setting.c.name.startswith(ENROLLING))
    old = [row.name for row in connection.execute(rows) if msgspec.json.decode(row.value)[1] <= to_ms(now)]
    connection.execute(delete(setting).where(setting.c.name.in_(old)))


def _step(secret: str, code: str, now: datetime) -> int | None:
    """The step whose code this is, of those about now."""
    digits = re.sub(r"\s", "", code)
    if not re.fullmatch(r"[0-9]{6}", digits):
        return None
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(digits, for_time=now, valid_window=WINDOW)
    except OTPVerificationError:
        return None


def _codes(random: Random) -> list[str]:
    texts = [base64.b32encode(random(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    return ["-".join(text[start : start + 4] for start in range(0, 16, 4)) for text in texts]


def _kept(number: int, codes: Sequence[str]) -> str:
    return msgspec.json.encode([_hash(number, code) for code in codes]).decode()


def _hash(number: int, code: str) -> str:
    """However it was typed: with or without its hyphens, in either case."""
    plain = re.sub(r"[^a-z2-7]", "", code[:100].lower())
    return hashlib.sha256(f"{number}:{plain}".encode()).hexdigest()
