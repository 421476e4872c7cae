"""What stands before a password or a code is looked at: how many are looked at at once, and how often one may try.

An attempt is counted before it is looked at and given back if it was right, so that many at once are no more than one
after another. The answer is the same whether or not there is such a user. Each process of the server counts for itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, ParamSpec

from flask import Blueprint, current_app, make_response, request, session
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import ngettext
from flask_login import current_user
from limits import RateLimitItem, parse_many

from server import users
from server.web import acquaintance

if TYPE_CHECKING:
    from server.web import Parts

CHECKS = 2
"""Passwords checked at once: each check takes 19 MiB and a good part of a core, which the kiosks need more."""
WAITERS = 8
"""So many wait for a check at most: each holds a thread, which the kiosks need more."""
CHECK_WAIT_S = 5.0
LIMITS = {
    "SIGN_IN_PER_NAME": "10/minute;50/hour",
    "SIGN_IN_PER_NAME_ANYWHERE": "100/hour",
    "SIGN_IN_PER_ADDRESS": "60/minute",
    "SIGN_IN_PER_CODE": "5/minute;30/hour",
}
"""What is wrong may be tried so often; each is a setting of the application (app.config) under this name."""
WRONG = frozenset({400, 401})
SWEEP = 1000
"""What was tried long ago is forgotten after so many attempts."""
P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]
HALF = "half"
"""In the session: whose password was right, and whose code is awaited."""


class Busy(Exception):
    """Too many passwords are being checked."""


class TooOften(Exception):
    """It was tried too often. ``seconds``: until one may try again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many attempts: wait {seconds} s")
        self.seconds = seconds


class Attempts:
    """What was tried of late, by what it is counted; also by many threads at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._tried: dict[str, deque[float]] = {}
        self._taken = 0
        self._longest = 0.0

    def take(self, key: str, limits: list[RateLimitItem], now: float) -> None:
        """Counts an attempt at ``now`` (s). Raises TooOften, and then counts nothing."""
        with self._lock:
            self._longest = max(self._longest, *(limit.get_expiry() for limit in limits))
            self._taken += 1
            if self._taken % SWEEP == 0:
                old = now - self._longest
                self._tried = {key: tried for key, tried in self._tried.items() if tried and tried[-1] > old}
            tried = self._tried.setdefault(key, deque())
            while tried and tried[0] <= now - self._longest:
                tried.popleft()
            waits = [_wait(tried, limit, now) for limit in limits]
            if (wait := max(waits)) > 0:
                raise TooOften(min(3600, max(1, round(wait))))
            tried.append(now)

    def give_back(self, key: str, at: float) -> None:
        """What was counted at that instant (s) was right, and no guess."""
        with self._lock:
            tried = self._tried.get(key)
            if tried and at in tried:
                tried.remove(at)


class Doorway:
    """Checks passwords, and counts what was wrong."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._checks = BoundedSemaphore(CHECKS)
        self._lock = Lock()
        self._waiting = 0
        self._attempts = Attempts()

    def fits(self, password: str, stored: str) -> bool:
        """Whether this is the password. Raises Busy: after a while, or at once where many wait already."""
        with self._lock:
            if self._waiting >= CHECKS + WAITERS:
                raise Busy
            self._waiting += 1
        try:
            if not self._checks.acquire(timeout=CHECK_WAIT_S):
                raise Busy
            try:
                return users.fits(password[:1000], stored)
            finally:
                self._checks.release()
        finally:
            with self._lock:
                self._waiting -= 1

    def waiting(self) -> int:
        """How many passwords are being checked, or wait for it."""
        return self._waiting

    def guard(self, pages: Blueprint) -> None:
        """Gives the application the usual limits, where it has none of its own."""

        @pages.record_once
        def _register(state: BlueprintSetupState) -> None:
            for name, usual in LIMITS.items():
                state.app.config.setdefault(name, usual)

    def limit(self, name: str, key: Callable[[], str]) -> Callable[[View[P]], View[P]]:
        """A view that may be tried so often; ``key``: by what it is counted, empty for who is not. The view raises
        TooOften then."""

        def wrap(view: View[P]) -> View[P]:
            @wraps(view)
            def counted(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
                if not (by := key()):
                    return view(*args, **kwargs)
                at = self._clock().timestamp()
                self._attempts.take(by, parse_many(str(current_app.config[name])), at)
                wrong = False
                try:
                    answer = make_response(view(*args, **kwargs))
                    wrong = answer.status_code in WRONG
                    return answer
                finally:
                    if not wrong:
                        self._attempts.give_back(by, at)

            return counted

        return wrap


def _wait(tried: deque[float], limit: RateLimitItem, now: float) -> float:
    """Seconds until one may try again; 0: now. ``tried``: when it was tried, the earliest first."""
    floor = now - limit.get_expiry()
    late = [at for at in tried if at > floor]
    return max(1.0, late[-limit.amount] - floor) if len(late) >= limit.amount else 0.0


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


def by_name(parts: Parts) -> str:
    """The name that was typed, from a browser that the user knows or from an address: who guesses from elsewhere
    locks nobody out."""
    name = _name()
    browser = acquaintance.known_as(parts, name)
    return f"name {name} browser {browser}" if browser else f"name {name} address {_address()}"


def by_name_anywhere(parts: Parts) -> str:
    """The name that was typed, wherever; a browser that the user knows is not counted."""
    return "" if acquaintance.known_as(parts, _name()) else f"anywhere {_name()}"


def by_address(parts: Parts) -> str:
    """Where the request comes from; a browser that the user knows is not counted."""
    return "" if acquaintance.known_as(parts, _name()) else f"address {_address()}"


def by_half() -> str:
    """Whose code is awaited."""
    return f"code {dict(session.get(HALF, {})).get('user', '')} {'' if HALF in session else _address()}"


def by_user() -> str:
    """Who is signed in."""
    return f"user {getattr(current_user, 'number', '')}"


def _name() -> str:
    return request.form.get("name", "").strip()[:64]


def _address() -> str:
    return request.remote_addr or ""
