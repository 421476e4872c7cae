"""Browsers in which somebody has signed in before: a signed cookie says as whom, and opens nothing.

Who guesses at a user's password from elsewhere cannot use up the attempts of a browser that the user knows (OWASP:
device cookies). The cookie holds users' numbers and a random name of the browser; no password, and no session.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Response, after_this_request, current_app, request
from itsdangerous import BadData, URLSafeSerializer

from server import users

if TYPE_CHECKING:
    from server.web import Parts

COOKIE = "threshold-known"
LASTS = timedelta(days=90)
MOST = 12
"""Users that one browser is known by: those who signed in last."""


@dataclass(frozen=True, slots=True)
class Known:
    """A browser: its random name, and the numbers of the users who have signed in in it."""

    browser: str = ""
    numbers: tuple[int, ...] = ()


def known_as(parts: Parts, name: str) -> str:
    """The browser's random name if the user of that name has signed in in it before; otherwise empty."""
    one = _read()
    if not one.browser:
        return ""
    with parts.store.read() as connection:
        user, _ = users.look_up(connection, name)
    return one.browser if user is not None and user.id in one.numbers else ""


def remember(number: int) -> None:
    """The user with that number has signed in: the answer to this request carries the cookie."""
    one = _read()
    numbers = (number, *(other for other in one.numbers if other != number))[:MOST]
    said = [one.browser or os.urandom(8).hex(), list(numbers)]

    @after_this_request
    def _set(response: Response) -> Response:
        response.set_cookie(
            COOKIE,
            _signer().dumps(said),
            max_age=LASTS,
            httponly=True,
            samesite="Lax",
            secure=current_app.config["SESSION_COOKIE_SECURE"],
        )
        return response


def _read() -> Known:
    """What the cookie says; nothing for one that is not ours."""
    try:
        browser, numbers = _signer().loads(request.cookies.get(COOKIE, ""))
    except (BadData, ValueError):
        return Known()
    return Known(str(browser), tuple(numbers))


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="known browser")
