"""Who is signed in, and who may open which page: the one place where roles are given their pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import abort, request
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user, login_required

from server.trail import Who
from server.users import Role, User

P = ParamSpec("P")

WATCHERS = frozenset({Role.VIEWER, Role.STEWARD, Role.SUPERVISOR, Role.DESK, Role.ORGANISER, Role.ADMIN})
"""The board."""
INCIDENT_READERS = WATCHERS | {Role.AUDITOR}
ACTORS = frozenset({Role.STEWARD, Role.SUPERVISOR, Role.ADMIN})
"""Who may act on rooms, kiosks and people, and see to incidents; each act names who of them may do it."""
SUPERVISORS = frozenset({Role.SUPERVISOR, Role.ADMIN})
"""Sweep, lockdown, thresholds."""
ROLL_CALLERS = frozenset({Role.STEWARD, Role.SUPERVISOR, Role.ORGANISER, Role.ADMIN})
"""Who is inside by name, in an emergency."""
LOG_READERS = frozenset({Role.ORGANISER, Role.ADMIN, Role.AUDITOR})
"""The log, its exports and the reports."""
DESK = frozenset({Role.DESK, Role.ORGANISER, Role.ADMIN})
"""People: finding, badges, check-in by hand."""
ORGANISERS = frozenset({Role.ORGANISER, Role.ADMIN})
"""People, programme, badges, privacy: changing them."""
AUDITORS = frozenset({Role.ADMIN, Role.AUDITOR})
"""The audit trail."""
ADMINS = frozenset({Role.ADMIN})
"""Kiosks, users, API keys."""
EVERYBODY = frozenset(Role)


class SignedIn(UserMixin):  # type: ignore[misc]  # flask-login has no types
    """The user behind a request, as Flask-Login wants it."""

    def __init__(self, user: User) -> None:
        self.id = f"{user.id}.{user.stamp}"  # what the cookie holds: a new password makes it nobody's
        self.number = user.id
        self.name = user.name
        self.role = user.role
        self.language = user.language


def only(roles: frozenset[Role]) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Lets these roles in; sends strangers to the sign-in page and everybody else away with 403."""

    def wrap(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
        @wraps(view)
        @login_required  # type: ignore[untyped-decorator]  # flask-login has no types
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            if current_user.role not in roles:
                abort(403)
            return view(*args, **kwargs)

        return guarded

    return wrap


def who() -> Who:
    """The signed-in user as the trail names them."""
    return Who(current_user.name, request.remote_addr or "")
