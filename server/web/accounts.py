"""Admins' pages of users: who may sign in, as what, and with a second factor or without; ends their sessions.

A password that was made here is shown once, in the answer to the form that made it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_login import current_user
from sqlalchemy import Connection

from admission.errors import ConfigError
from server import logins, second_factor, settings, trail, users
from server.phrase import marked as _
from server.phrase import phrase
from server.settings import SignIn
from server.store.instants import from_ms, to_ms
from server.users import Listed, Role
from server.web import auth
from server.web.auth import ADMINS, only

if TYPE_CHECKING:
    from server.web import Parts

Pen = Callable[..., None]
Requirable = Literal["admin", "supervisor", "organiser"]
ROLES = (_("viewer"), _("steward"), _("supervisor"), _("desk"), _("organiser"), _("admin"), _("auditor"))
"""The roles' names, for translators."""
REQUIRABLE: tuple[Requirable, ...] = ("admin", "supervisor", "organiser")


def blueprint(parts: Parts) -> Blueprint:
    """The list, a page for each user, and what is done to them."""
    pages = Blueprint("accounts", __name__)
    _all(pages, parts)
    _one(pages, parts)
    _factor(pages, parts)
    _out(pages, parts)
    return pages


def _all(pages: Blueprint, parts: Parts) -> None:
    """The list; adding a user; of whom a second factor is required."""

    @pages.get("/users")
    @only(ADMINS)
    def index() -> ResponseReturnValue:
        return _list(parts)

    @pages.post("/users")
    @only(ADMINS)
    def add() -> ResponseReturnValue:
        name, role = request.form.get("name", "").strip(), _role(request.form.get("role", ""))
        first, note = users.first_password(os.urandom), _pen(parts)

        def work(connection: Connection) -> int:
            number = users.add(connection, name, first, role, os.urandom(16))
            note(connection, "added", "user", name, {"role": role.value})
            return number

        try:
            number = parts.store.write(work)
        except ConfigError as error:
            return _list(parts, error), 400
        return _page(parts, number, shown=first)

    @pages.post("/users/second-factor")
    @only(ADMINS)
    def require() -> ResponseReturnValue:
        given = request.form.getlist("required")
        wanted = SignIn(tuple(role for role in REQUIRABLE if role in given))
        edition, note = request.form.get("edition", type=int), _pen(parts)

        def work(connection: Connection) -> None:
            was = settings.read(connection, SignIn)
            settings.write(connection, wanted, min(abs(edition or 0), 2**62))
            note(connection, "required", "user", "", {"from": list(was.required), "to": list(wanted.required)})

        try:
            parts.store.write(work)
        except ConfigError as error:
            return _list(parts, error, kept=given), 409
        flash(gettext("Kept. It holds from the next page on that one of them opens."), "done")
        return redirect(url_for("accounts.index"), 303)


def _one(pages: Blueprint, parts: Parts) -> None:
    """One user, and what is done to them."""

    @pages.get("/users/<int:number>")
    @only(ADMINS)
    def show(number: int) -> ResponseReturnValue:
        return _page(parts, number)

    @pages.post("/users/<int:number>/role")
    @only(ADMINS)
    def change_role(number: int) -> ResponseReturnValue:
        role, was = _role(request.form.get("role", "")), _role(request.form.get("was", ""))

        def work(connection: Connection, one: Listed, note: Pen) -> None:
            users.change_role(connection, number, role, was)
            note(connection, "changed", "user", one.name, {"role": role.value, "was": was.value})

        return _done(parts, number, work, gettext("The role is changed."))

    @pages.post("/users/<int:number>/active")
    @only(ADMINS)
    def set_active(number: int) -> ResponseReturnValue:
        active = request.form.get("active") == "yes"

        def work(connection: Connection, one: Listed, note: Pen) -> None:
            if not active and number == current_number:
                raise ConfigError(phrase("nobody deactivates themselves; ask another admin"))
            users.set_active(connection, number, active=active)
            if not active:
                logins.end_all(connection, number, parts.clock())
            note(connection, "activated" if active else "deactivated", "user", one.name)

        current_number = current_user.number
        told = gettext("The user may sign in.") if active else gettext("The user may not sign in any more, and is out.")
        return _done(parts, number, work, told)


def _factor(pages: Blueprint, parts: Parts) -> None:
    """When the phone with somebody else's second factor is lost."""

    @pages.post("/users/<int:number>/second-factor")
    @only(ADMINS)
    def reset_second_factor(number: int) -> ResponseReturnValue:
        mine = current_user.number

        def work(connection: Connection, one: Listed, note: Pen) -> None:
            if number == mine:
                raise ConfigError(phrase("switch your own second factor off on the page of your account"))
            second_factor.reset(connection, one.name)
            note(connection, "removed", "second factor", one.name)

        return _done(
            parts, number, work, gettext("The second factor is removed; the password alone opens the account.")
        )


def _out(pages: Blueprint, parts: Parts) -> None:
    """What is done when something else is lost, or was seen by others."""

    @pages.post("/users/<int:number>/sign-out")
    @only(ADMINS)
    def end_sessions(number: int) -> ResponseReturnValue:
        mine = current_user.login if number == current_user.number else 0

        def work(connection: Connection, one: Listed, note: Pen) -> int:
            many = logins.end_all(connection, number, parts.clock(), besides=mine)
            note(connection, "ended", "session", one.name, {"sessions": many})
            return many

        return _done(parts, number, work, gettext("Signed out everywhere."))

    @pages.post("/users/<int:number>/password")
    @only(ADMINS)
    def reset_password(number: int) -> ResponseReturnValue:
        first, one, note = users.first_password(os.urandom), _find(parts, number), _pen(parts)

        def work(connection: Connection) -> None:
            users.set_password(connection, number, first, os.urandom(16))
            logins.end_all(connection, number, parts.clock())
            note(connection, "changed", "user", one.name, {"what": "password"})

        if number == current_user.number:
            return _page(parts, number, phrase("change your own password on the page of your account")), 409
        parts.store.write(work)
        return _page(parts, number, shown=first)


def _done(
    parts: Parts, number: int, work: Callable[[Connection, Listed, Pen], object], told: str
) -> ResponseReturnValue:
    """Does it, and leads back to the user's page; shows it with the problem if there is one."""
    one, note = _find(parts, number), _pen(parts)
    try:
        parts.store.write(lambda connection: work(connection, one, note))
    except ConfigError as error:
        return _page(parts, number, error), 409
    flash(told, "done")
    return redirect(url_for("accounts.show", number=number), 303)


def _pen(parts: Parts) -> Pen:
    """Writes into the trail as the user who is signed in now, in whichever thread that is done."""
    who, at = auth.who(), to_ms(parts.clock())

    def note(
        connection: Connection, what: str, about: str, ref: str, facts: Mapping[str, object] | None = None
    ) -> None:
        trail.note(connection, who, at, what, about, ref, facts)

    return note


def _list(parts: Parts, problem: ConfigError | None = None, kept: list[str] | None = None) -> str:
    with parts.store.read() as connection:
        found = users.directory(connection)
        rule, edition = settings.read_edition(connection, SignIn)
    return render_template(
        "users.html",
        active="users",
        users=found,
        problem=problem,
        form=request.form if kept is None else {},
        required=rule.required,
        kept=kept,
        edition=edition,
        requirable=REQUIRABLE,
        roles=list(Role),
        **_times(parts),
    )


def _page(parts: Parts, number: int, problem: object = None, shown: str = "") -> str:
    one = _find(parts, number)
    with parts.store.read() as connection:
        sessions = logins.of(connection, number, parts.clock())
        steps = trail.newest(connection, 8, about="user", ref=one.name)
    told = ngettext("%(num)s open session", "%(num)s open sessions", len(sessions))
    return render_template(
        "users_one.html",
        active="users",
        one=one,
        sessions=sessions,
        told=told,
        steps=steps,
        problem=problem,
        shown=shown,
        roles=list(Role),
        myself=number == current_user.number,
        **_times(parts),
    )


def _find(parts: Parts, number: int) -> Listed:
    with parts.store.read() as connection:
        found = users.listed(connection, number) if number < 2**63 else None
    return found if found is not None else abort(404)


def _role(text: str) -> Role:
    """Only a forged form names another."""
    return Role(text) if text in set(Role) else abort(400)


def _times(parts: Parts) -> dict[str, object]:
    return {"zone": parts.current.get().event.zone, "from_ms": from_ms, "now": parts.clock()}
