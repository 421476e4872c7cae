"""Who is signed in, and who may open which page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import abort
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user, login_required

from server.users import Role, User

P = ParamSpec("P")

WATCHERS = frozenset({Role.VIEWER, Role.STEWARD, Role.SUPERVISOR, Role.DESK, Role.ORGANISER, Role.ADMIN})
LOG_READERS = frozenset({Role.ORGANISER, Role.ADMIN, Role.AUDITOR})
ACTORS = frozenset({Role.STEWARD, Role.SUPERVISOR, Role.ADMIN})
"""Who may act on rooms, kiosks and people, and see to incidents; each act names who of them may do it."""


class SignedIn(UserMixin):  # type: ignore[misc]  # flask-login has no types
    """The user behind a request, as Flask-Login wants it."""

    def __init__(self, user: User) -> None:
        self.id = f"{user.id}.{user.stamp}"  # what the cookie holds: a new password makes it nobody's
        self.name = user.name
        self.role = user.role


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
