"""Signing in and out."""

from __future__ import annotations

import re
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user, logout_user

from server import users
from server.users import Role
from server.web import errors, i18n
from server.web.auth import EVERYBODY, WATCHERS, SignedIn, only

if TYPE_CHECKING:
    from server.web import Parts


CHECKS = 2
"""Passwords checked at once: each check takes 19 MiB and a good part of a core, which the kiosks need more."""

CHECK_WAIT_S = 5.0
PATH = re.compile(r"/(?!/)[^\\\x00-\x1f]*")
"""A path of ours: browsers read \\ as /, and pass over tabs and line breaks."""


def blueprint(parts: Parts) -> Blueprint:
    """/sign-in and /sign-out."""
    pages = Blueprint("sign_in", __name__)
    checks = BoundedSemaphore(CHECKS)

    @pages.get("/sign-in")
    def sign_in() -> ResponseReturnValue:
        return _form(None, 200)

    @pages.post("/sign-in")
    def check() -> ResponseReturnValue:
        name, password = request.form.get("name", "").strip(), request.form.get("password", "")
        with parts.store.read() as connection:
            user, stored = users.look_up(connection, name[:64])
        if not checks.acquire(timeout=CHECK_WAIT_S):
            return errors.answer(429)
        try:
            fits = users.fits(password[:1000], stored)
        finally:
            checks.release()
        if user is None or not fits:
            return _form("This name and password do not belong together. Check both and try again.", 401)
        session.clear()
        session.permanent = True
        login_user(SignedIn(user))
        return redirect(_next(user.role), 303)

    @pages.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        logout_user()
        session.clear()
        answer = redirect(url_for("sign_in.sign_in"), 303)
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'  # letters that a courier held, and the kept page
        return answer

    _settings(pages)
    return pages


def _settings(pages: Blueprint) -> None:
    """What a user sets for themselves."""

    @pages.post("/language")
    def set_language() -> ResponseReturnValue:
        if (wanted := request.form.get("language", "")) in i18n.LANGUAGES:
            session[i18n.CHOSEN] = wanted
        asked = request.form.get("next", "")
        return redirect(asked if PATH.fullmatch(asked) else url_for("security.home"), 303)

    @pages.get("/account")
    @only(EVERYBODY)
    def account() -> ResponseReturnValue:
        return "to come"


def _form(problem: str | None, status: int) -> ResponseReturnValue:
    asked = request.values.get("next", "")
    return render_template("sign_in.html", problem=problem, next=asked, name=request.form.get("name", "")), status


def _next(role: Role) -> str:
    """Where the user wanted to go, if that is a path of ours; otherwise the role's first page."""
    asked = request.form.get("next", "")
    if PATH.fullmatch(asked):
        return asked
    return url_for("security.board" if role in WATCHERS else "organisers.log")
