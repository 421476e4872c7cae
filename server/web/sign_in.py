"""Signing in and out: a password, then a code where the user has a second factor.

Between the two, the browser's session holds whose code is awaited and for how long; that opens nothing. What users set
for themselves is in :mod:`server.web.account`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_login import current_user, logout_user

from server import logins, second_factor, settings, trail, users
from server.settings import SignIn
from server.store.instants import to_ms
from server.trail import Who
from server.users import Role, User
from server.web import account, auth, doorway, errors, i18n, presence
from server.web.auth import WATCHERS
from server.web.doorway import HALF, Busy, Doorway, TooOften

if TYPE_CHECKING:
    from server.web import Parts

PATH = re.compile(r"/(?!/)[^\\\x00-\x1f]*")
"""A path of ours: browsers read \\ as /, and pass over tabs and line breaks."""
CODE_WITHIN = timedelta(minutes=5)
NOBODY = "?"
"""Who failed to sign in under a name that no active user has, as the trail names them."""
OPEN_TO_ALL = ("sign_in", None)
"""What a user may open who has yet to set up the second factor that their role must have."""


def blueprint(parts: Parts) -> Blueprint:
    """/sign-in, /sign-out, /language and /account."""
    pages = Blueprint("sign_in", __name__)
    door = Doorway(parts.clock)
    door.guard(pages)
    _first_step(pages, parts, door)
    _second_step(pages, parts, door)
    _around(pages, parts)
    _stop(pages, parts)
    account.register(pages, parts, door)
    return pages


def _first_step(pages: Blueprint, parts: Parts, door: Doorway) -> None:
    """Name and password."""

    @pages.get("/sign-in")
    def sign_in() -> ResponseReturnValue:
        return _form(None, 200)

    @pages.post("/sign-in")
    @door.limit("SIGN_IN_PER_ADDRESS", lambda: doorway.by_address(parts))
    @door.limit("SIGN_IN_PER_NAME_ANYWHERE", lambda: doorway.by_name_anywhere(parts))
    @door.limit("SIGN_IN_PER_NAME", lambda: doorway.by_name(parts))
    def check() -> ResponseReturnValue:
        name, password = request.form.get("name", "").strip(), request.form.get("password", "")
        with parts.store.read() as connection:
            user, stored = users.look_up(connection, name[:64])
        try:
            fits = door.fits(password, stored)
        except Busy:
            return errors.answer(429)
        if user is None or not fits:
            _note_failure(parts, user, "password")
            return _form(gettext("This name and password do not belong together. Check both and try again."), 401)
        if not user.second:
            presence.begin(parts, user, "password")
            return redirect(_next(user.role, request.form), 303)
        until = to_ms(parts.clock() + CODE_WITHIN)
        session[HALF] = {"user": user.id, "stamp": user.stamp, "until": until, "next": request.form.get("next", "")}
        return redirect(url_for("sign_in.code"), 303)


def _second_step(pages: Blueprint, parts: Parts, door: Doorway) -> None:
    """The code."""

    @pages.get("/sign-in/code")
    def code() -> ResponseReturnValue:
        if _half(parts) is None:
            return _anew()
        return render_template("sign_in_code.html", problem=None)

    @pages.post("/sign-in/code")
    @door.limit("SIGN_IN_PER_CODE", doorway.by_half)
    def check_code() -> ResponseReturnValue:
        if (user := _half(parts)) is None:
            return _anew()
        typed, now = request.form.get("code", "")[:100], parts.clock()
        how = parts.store.write(lambda connection: second_factor.take(connection, user.id, typed, now))
        if not how:
            _note_failure(parts, user, "code")
            told = gettext("This code is not right, or it was used already. Wait for the next one, and try again.")
            return render_template("sign_in_code.html", problem=told), 401
        goal = dict(session[HALF])
        presence.begin(parts, user, how)
        if how == "recovery":
            _count_codes(parts, user)
        return redirect(_next(user.role, goal), 303)


def _around(pages: Blueprint, parts: Parts) -> None:
    """Signing out, and the language."""

    @pages.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        if current_user.is_authenticated:
            _end(parts)
        logout_user()
        session.clear()
        answer = redirect(url_for("sign_in.sign_in"), 303)
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'  # letters that a courier held, and the kept page
        return answer

    @pages.post("/language")
    def set_language() -> ResponseReturnValue:
        if (wanted := request.form.get("language", "")) in i18n.LANGUAGES:
            session[i18n.CHOSEN] = wanted
        asked = request.form.get("next", "")
        return redirect(asked if PATH.fullmatch(asked) else url_for("security.home"), 303)


def _stop(pages: Blueprint, parts: Parts) -> None:
    """Who has to wait, and who may go no further yet."""

    @pages.errorhandler(TooOften)
    def _too_often(error: TooOften) -> ResponseReturnValue:
        told = doorway.told(error.seconds)
        if request.endpoint == "sign_in.check":
            answer = make_response(_form(told, 429))
        elif request.endpoint == "sign_in.check_code":
            answer = make_response(render_template("sign_in_code.html", problem=told), 429)
        else:
            answer = make_response(errors.answer(429, told))
        answer.headers["Retry-After"] = str(error.seconds)
        return answer

    @pages.before_app_request
    def _lead_to_second_factor() -> ResponseReturnValue | None:
        if request.blueprint in OPEN_TO_ALL and request.endpoint != "sign_in.account":
            return None
        if "_user_id" not in session or not must_enrol(parts):
            return None
        if request.endpoint != "sign_in.second_factor":
            flash(gettext("Your role needs a second factor. Set it up first."), "warn")
        return redirect(url_for("sign_in.second_factor"), 303)


def must_enrol(parts: Parts) -> bool:
    """Whether the signed-in user has a role that must have a second factor, and has none."""
    if not current_user.is_authenticated or current_user.second:
        return False
    with parts.store.read() as connection:
        return current_user.role.value in settings.read(connection, SignIn).required


def _half(parts: Parts) -> User | None:
    """Whose code is awaited, if that is so and not for too long."""
    held: dict[str, Any] = dict(session.get(HALF, {}))
    if not held or to_ms(parts.clock()) >= held["until"]:
        return None
    with parts.store.read() as connection:
        user = users.find(connection, held["user"])
    return user if user is not None and user.stamp == held["stamp"] and user.second else None


def _anew() -> ResponseReturnValue:
    if session.pop(HALF, None) is not None:
        flash(gettext("That took too long. Sign in again."), "warn")
    return redirect(url_for("sign_in.sign_in"), 303)


def _count_codes(parts: Parts, user: User) -> None:
    """After a recovery code: so many are left."""
    with parts.store.read() as connection:
        left = second_factor.left(connection, user.id)
    told = ngettext("%(num)s recovery code is left.", "%(num)s recovery codes are left.", left)
    flash(told + " " + gettext("Make new ones on the page of your account."), "warn")


def _note_failure(parts: Parts, user: User | None, what: str) -> None:
    """Of nobody's name too, so that it takes as long; but never that name: who types a password in the place of a name
    has not written it into the audit log."""
    name = user.name if user is not None else ""
    who, at = Who(name or NOBODY, request.remote_addr or ""), to_ms(parts.clock())
    facts = {"wrong": what}
    parts.store.write(lambda connection: trail.note(connection, who, at, "failed", "sign-in", name, facts))


def _end(parts: Parts) -> None:
    who, now, one = auth.who(), parts.clock(), (current_user.login, current_user.number)

    def work(connection: Any) -> None:
        logins.end(connection, *one, now)
        trail.note(connection, who, to_ms(now), "signed out", "user", who.name, {"session": one[0]})

    parts.store.write(work)


def _form(problem: str | None, status: int) -> ResponseReturnValue:
    asked = request.values.get("next", "")
    return render_template("sign_in.html", problem=problem, next=asked, name=request.form.get("name", "")), status


def _next(role: Role, form: Mapping[str, Any]) -> str:
    """Where the user wanted to go, if that is a path of ours; otherwise the role's first page."""
    asked = str(form.get("next", ""))
    if PATH.fullmatch(asked):
        return asked
    return url_for("security.board" if role in WATCHERS else "organisers.log")
