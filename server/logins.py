"""Sessions of browsers: each is a row, so that it can be seen and ended from elsewhere.

The cookie names the row and holds its key. Knows nothing of cookies, passwords or pages.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from server.store.instants import from_ms, to_ms
from server.store.schema import login

LASTS = timedelta(hours=14)
"""A session that was not used for so long is over."""
LONGEST = timedelta(hours=24)
"""So long after it has begun a session is over, however much it is used."""
KEPT = timedelta(days=30)
"""A session that is over, or was not used, for so long is forgotten; of each user the newest is kept."""
NOTED = timedelta(minutes=1)
"""That a session was used is written down so often at most."""
KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a session is: the address that it comes from, and what the browser calls itself."""

    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Login:
    """An open session."""

    id: int
    user: int
    begun: datetime
    seen: datetime
    address: str
    agent: str


def begin(connection: Connection, number: int, browser: Browser, key: bytes, now: datetime) -> int:
    """Opens a session of the user with that number under ``key`` (16 random bytes); the session's number. Forgets what
    is long over."""
    at = to_ms(now)
    _forget(connection, at - int(KEPT.total_seconds() * 1000))
    row = {"user": number, "key": key, "begun": at, "seen": at}
    row |= {"address": browser.address[:45], "agent": browser.agent.replace("\0", "")[:200]}
    return int(connection.execute(insert(login).returning(login.c.id), row).scalar_one())


def find(connection: Connection, number: int, key: bytes, now: datetime) -> Login | None:
    """The session of that number, if it is open and this is its key."""
    row = connection.execute(select(login).where(login.c.id == number, _is_open(now))).first()
    if row is None or not hmac.compare_digest(bytes(row.key), key):
        return None
    return Login(row.id, row.user, from_ms(row.begun), from_ms(row.seen), row.address, row.agent)


def touch(connection: Connection, number: int, now: datetime) -> None:
    """Writes down that it is used."""
    connection.execute(update(login).where(login.c.id == number).values(seen=to_ms(now)))


def of(connection: Connection, user: int, now: datetime) -> list[Login]:
    """The open sessions of a user, the one used last first."""
    query = select(login).where(login.c.user == user, _is_open(now)).order_by(login.c.seen.desc(), login.c.id.desc())
    return [
        Login(row.id, row.user, from_ms(row.begun), from_ms(row.seen), row.address, row.agent)
        for row in connection.execute(query)
    ]


def end(connection: Connection, number: int, user: int, now: datetime) -> bool:
    """Ends this session of this user; whether it was open."""
    mine = update(login).where(login.c.id == number, login.c.user == user, login.c.ended.is_(None))
    return bool(connection.execute(mine.values(ended=to_ms(now))).rowcount)


def end_all(connection: Connection, user: int, now: datetime, *, besides: int = 0) -> int:
    """Ends every session of the user but the one with the number ``besides``; how many."""
    theirs = update(login).where(login.c.user == user, login.c.id != besides, _is_open(now))
    return int(connection.execute(theirs.values(ended=to_ms(now))).rowcount)


def _forget(connection: Connection, floor: int) -> None:
    newest = select(func.max(login.c.id)).group_by(login.c.user)
    old = or_(login.c.ended < floor, login.c.seen < floor)
    connection.execute(delete(login).where(old, login.c.id.not_in(newest)))


def _is_open(now: datetime) -> ColumnElement[bool]:
    begun = login.c.begun > to_ms(now - LONGEST)
    return and_(login.c.ended.is_(None), login.c.seen > to_ms(now - LASTS), begun)
