"""What stands before a password or a code is looked at: how many are looked at at once, and how often one may try.

Only what was wrong is counted, by name and by address, and the answer is the same whether or not there is such a user.
Each process of the server counts for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, TypeVar, cast

from flask import Blueprint, Flask, Response, current_app, request, session
from flask.blueprints import BlueprintSetupState
from flask_babel import ngettext
from flask_limiter import Limiter, RequestLimit
from flask_login import current_user

from server import users

if TYPE_CHECKING:
    from server.web import Parts

CHECKS = 2
"""Passwords checked at once: each check takes 19 MiB and a good part of a core, which the kiosks need more."""
CHECK_WAIT_S = 5.0
LIMITS = {
    "SIGN_IN_PER_NAME": "10/minute;50/hour",
    "SIGN_IN_PER_ADDRESS": "60/minute",
    "SIGN_IN_PER_CODE": "5/minute;30/hour",
}
"""What is wrong may be tried so often; each is a setting of the application (app.config) under this name."""
WRONG = frozenset({400, 401})
View = TypeVar("View", bound=Callable[..., object])
HALF = "half"
"""In the session: whose password was right, and whose code is awaited."""


class Busy(Exception):
    """Too many passwords are being checked."""


class Doorway:
    """Checks passwords, and counts what was wrong."""

    def __init__(self) -> None:
        self._checks = BoundedSemaphore(CHECKS)
        self._limiter = Limiter(_address, storage_uri="memory://", strategy="moving-window")

    def fits(self, password: str, stored: str) -> bool:
        """Whether this is the password. Raises Busy."""
        if not self._checks.acquire(timeout=CHECK_WAIT_S):
            raise Busy
        try:
            return users.fits(password[:1000], stored)
        finally:
            self._checks.release()

    def guard(self, pages: Blueprint) -> None:
        """Lets the limits count wherever the pages are."""

        @pages.record_once
        def _register(state: BlueprintSetupState) -> None:
            for name, usual in LIMITS.items():
                state.app.config.setdefault(name, usual)
            self._limiter.init_app(cast(Flask, state.app))

    def limit(self, name: str, key: Callable[[], str]) -> Callable[[View], View]:
        """A view that may be tried so often; ``key``: by what it is counted."""
        limit = self._limiter.limit(lambda: str(current_app.config[name]), key_func=key, deduct_when=_was_wrong)
        return cast("Callable[[View], View]", limit)

    def wait(self, parts: Parts) -> int:
        """Seconds until one may try again, after a limit was reached."""
        reached: RequestLimit | None = self._limiter.current_limit
        if reached is None:
            return 60
        return min(3600, max(1, round(reached.reset_at - parts.clock().timestamp())))


def told(seconds: int) -> str:
    """How long somebody has to wait, in words."""
    if seconds <= 120:
        return str(
            ngettext("Too many attempts. Wait %(num)s second.", "Too many attempts. Wait %(num)s seconds.", seconds)
        )
    return str(
        ngettext(
            "Too many attempts. Wait %(num)s minute.", "Too many attempts. Wait %(num)s minutes.", -(-seconds // 60)
        )
    )


def by_name() -> str:
    """The name that was typed."""
    return f"name {request.form.get('name', '').strip().lower()[:64]}"


def by_address() -> str:
    """Where the request comes from."""
    return f"address {_address()}"


def by_half() -> str:
    """Whose code is awaited."""
    return f"code {dict(session.get(HALF, {})).get('user', '')} {'' if HALF in session else _address()}"


def by_user() -> str:
    """Who is signed in."""
    return f"user {getattr(current_user, 'number', '')}"


def _address() -> str:
    return request.remote_addr or ""


def _was_wrong(response: Response) -> bool:
    return response.status_code in WRONG
