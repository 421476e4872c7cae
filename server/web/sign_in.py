"""Signing in and out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user, logout_user

from server import users
from server.users import Role
from server.web.auth import WATCHERS, SignedIn

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(parts: Parts) -> Blueprint:
    """/sign-in and /sign-out."""
    pages = Blueprint("sign_in", __name__)

    @pages.get("/sign-in")
    def sign_in() -> ResponseReturnValue:
        return _form(None, 200)

    @pages.post("/sign-in")
    def check() -> ResponseReturnValue:
        name, password = request.form.get("name", "").strip(), request.form.get("password", "")
        with parts.store.read() as connection:
            user = users.sign_in(connection, name[:64], password[:1000])
        if user is None:
            return _form("This name and password do not belong together. Check both and try again.", 401)
        session.clear()
        session.permanent = True
        login_user(SignedIn(user))
        return redirect(_next(user.role), 303)

    @pages.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        logout_user()
        session.clear()
        return redirect(url_for("sign_in.sign_in"), 303)

    return pages


def _form(problem: str | None, status: int) -> ResponseReturnValue:
    asked = request.values.get("next", "")
    return render_template("sign_in.html", problem=problem, next=asked, name=request.form.get("name", "")), status


def _next(role: Role) -> str:
    """Where the user wanted to go, if that is a path of ours; otherwise the role's first page."""
    asked = request.form.get("next", "")
    if re.fullmatch(r"/(?!/)[^\\\x00-\x1f]*", asked):  # browsers read \ as /, and pass over tabs and line breaks
        return asked
    return url_for("security.board" if role in WATCHERS else "organisers.log")
