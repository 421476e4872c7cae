"""Who is behind a cookie: begins a browser's session, and finds it again at each request.

The cookie holds the session's number and key, and the stamp of the password: one that was ended elsewhere, or whose
user has another password, is nobody's.
"""

from __future__ import annotations

import hmac
import logging
import os
from typing import TYPE_CHECKING

from flask import request, session
from flask_login import login_user
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from admission.errors import ThresholdError
from server import logins, trail, users
from server.logins import Browser, Login
from server.store.instants import to_ms
from server.trail import Who
from server.users import User
from server.web import acquaintance, i18n
from server.web.auth import SignedIn

if TYPE_CHECKING:
    from server.web import Parts

log = logging.getLogger(__name__)
BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}
"""What a browser calls itself, and what people call it; the first that fits."""


class Present(SignedIn):
    """A user in one session. ``login``: its number; ``second``: whether they have a second factor."""

    def __init__(self, user: User, login: int, key: bytes) -> None:
        super().__init__(user)
        self.id = f"{login}.{key.hex()}.{user.stamp}"
        self.login = login
        self.key = key
        self.second = user.second


def find(parts: Parts, cookie: str) -> Present | None:
    """The user whose open session the cookie names; None if it names none any more."""
    number, _, rest = cookie.partition(".")
    key, _, stamp = rest.partition(".")
    if not number.isdecimal() or len(number) > 18 or len(key) != 2 * logins.KEY_BYTES or not stamp:
        return None
    now = parts.clock()
    try:
        secret = bytes.fromhex(key)
    except ValueError:
        return None
    with parts.store.read() as connection:
        found = logins.find(connection, int(number), secret, now)
        user = users.find(connection, found.user) if found is not None else None
    if found is None or user is None or not hmac.compare_digest(user.stamp.encode(), stamp.encode()):
        return None
    if now - found.seen >= logins.NOTED:
        _touch(parts, found)
    return Present(user, found.id, secret)


def begin(parts: Parts, user: User, how: str) -> None:
    """Opens a session for this browser, and writes down that somebody came in. ``how``: by what."""
    now, key = parts.clock(), os.urandom(logins.KEY_BYTES)
    browser = Browser(request.remote_addr or "", request.user_agent.string)

    def work(connection: Connection) -> int:
        number = logins.begin(connection, user.id, browser, key, now)
        facts = {"how": how, "session": number}
        trail.note(connection, Who(user.name, browser.address), to_ms(now), "signed in", "user", user.name, facts)
        return number

    number = parts.store.write(work)
    chosen = session.get(i18n.CHOSEN)
    session.clear()
    if chosen and not user.language:
        session[i18n.CHOSEN] = chosen
    session.permanent = True
    login_user(Present(user, number, key))
    acquaintance.remember(user.id)


def go_on(parts: Parts, one: Present) -> None:
    """The same session under the password that was changed in it."""
    with parts.store.read() as connection:
        user = users.find(connection, one.number)
    if user is not None:
        login_user(Present(user, one.login, one.key))


def _touch(parts: Parts, found: Login) -> None:
    """A page is shown also where this cannot be written down."""
    now = parts.clock()
    try:
        parts.store.write(lambda connection: logins.touch(connection, found.id, now), patient=True)
    except (SQLAlchemyError, ThresholdError) as error:
        log.warning("that session %d is used could not be written down: %s", found.id, error)


def browser(agent: str) -> str:
    """What a browser calls itself, for people."""
    found = [next((word for sign, word in table.items() if sign in agent), "") for table in (BROWSERS, SYSTEMS)]
    return " · ".join(part for part in found if part) or agent.partition(" ")[0][:40] or "?"
