"""What users set for themselves: password, second factor, language, and where they are signed in.

The secret of a second factor that is being set up is kept in the database, never in the cookie, which can be read.
Recovery codes are shown once, in the answer to the form that made them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext, refresh
from flask_login import current_user
from sqlalchemy import Connection

from admission.errors import ConfigError
from server import logins, second_factor, settings, symbol, trail, users
from server.phrase import phrase
from server.settings import SignIn
from server.store.instants import to_ms
from server.web import auth, doorway, errors, i18n, presence
from server.web.auth import EVERYBODY, only
from server.web.doorway import Busy, Doorway

if TYPE_CHECKING:
    from server.web import Parts

T = TypeVar("T")


def register(pages: Blueprint, parts: Parts, door: Doorway) -> None:
    """Adds the pages to those of signing in."""
    pages.add_app_template_filter(presence.browser, "browser")
    _show(pages, parts)
    _password(pages, parts, door)
    _second_factor(pages, parts, door)
    _codes(pages, parts, door)
    _sessions(pages, parts)


def _show(pages: Blueprint, parts: Parts) -> None:
    @pages.get("/account")
    @only(EVERYBODY)
    def account() -> ResponseReturnValue:
        return _page(parts)

    @pages.post("/account/language")
    @only(EVERYBODY)
    def keep_language() -> ResponseReturnValue:
        wanted, number = request.form.get("language", ""), current_user.number
        if wanted and wanted not in i18n.LANGUAGES:
            abort(400)
        parts.store.write(lambda connection: users.set_language(connection, number, wanted))
        session.pop(i18n.CHOSEN, None)
        current_user.language = wanted
        refresh()
        flash(gettext("Your language is kept."), "done")
        return redirect(url_for("sign_in.account"), 303)


def _password(pages: Blueprint, parts: Parts, door: Doorway) -> None:
    @pages.post("/account/password")
    @door.limit("SIGN_IN_PER_CODE", doorway.by_user)
    @only(EVERYBODY)
    def change_password() -> ResponseReturnValue:
        new, number, who, now = request.form.get("new", ""), current_user.number, auth.who(), parts.clock()
        mine = current_user.login

        def work(connection: Connection) -> None:
            users.set_password(connection, number, new[:1000], os.urandom(16))
            logins.end_all(connection, number, now, besides=mine)
            trail.note(connection, who, to_ms(now), "changed", "user", who.name, {"what": "password"})

        try:
            _check_password(parts, door, "old")
            if new != request.form.get("again", ""):
                raise ConfigError(phrase("the new password was typed in two different ways"))
            users.check_password(new[:1000])
            parts.store.write(work)
        except ConfigError as error:
            return _page(parts, "password", error), 400
        except Busy:
            return errors.answer(429)
        presence.go_on(parts, current_user)
        flash(gettext("Your password is changed. Everywhere else you are signed out."), "done")
        return redirect(url_for("sign_in.account"), 303)


def _second_factor(pages: Blueprint, parts: Parts, door: Doorway) -> None:
    @pages.get("/account/second-factor", endpoint="second_factor")
    @only(EVERYBODY)
    def set_up() -> ResponseReturnValue:
        if current_user.second:
            return redirect(url_for("sign_in.account"))
        return _enrolment(parts, None)

    @pages.post("/account/second-factor")
    @door.limit("SIGN_IN_PER_CODE", doorway.by_user)
    @only(EVERYBODY)
    def enrol() -> ResponseReturnValue:
        code, number, mine, now = request.form.get("code", ""), current_user.number, current_user.login, parts.clock()
        with parts.store.read() as connection:
            secret = second_factor.proposed(connection, mine, now)
        if not secret:
            flash(gettext("That took too long. Scan the new symbol with the app."), "warn")
            return redirect(url_for("sign_in.second_factor"), 303)

        def work(connection: Connection) -> list[str]:
            second_factor.drop_proposal(connection, mine)
            return second_factor.enrol(connection, number, secret, code, now, os.urandom)

        try:
            _check_password(parts, door, "password")
            codes = _noted(parts, "began", work)
        except ConfigError as error:
            return _enrolment(parts, error), 400
        except Busy:
            return errors.answer(429)
        return render_template("account_codes.html", active="account", codes=codes, fresh=True)


def _codes(pages: Blueprint, parts: Parts, door: Doorway) -> None:
    """With a second factor: new recovery codes, and switching it off."""

    @pages.post("/account/recovery-codes")
    @door.limit("SIGN_IN_PER_CODE", doorway.by_user)
    @only(EVERYBODY)
    def renew_codes() -> ResponseReturnValue:
        number = current_user.number
        try:
            _check_code(parts)
            codes = _noted(parts, "renewed", lambda c: second_factor.renew(c, number, os.urandom))
        except ConfigError as error:
            return _page(parts, "codes", error), 400
        return render_template("account_codes.html", active="account", codes=codes, fresh=False)

    @pages.post("/account/second-factor/off")
    @door.limit("SIGN_IN_PER_CODE", doorway.by_user)
    @only(EVERYBODY)
    def remove_second_factor() -> ResponseReturnValue:
        number = current_user.number
        try:
            _check_password(parts, door, "password")
            _check_code(parts)
            _noted(parts, "removed", lambda c: second_factor.remove(c, number))
        except ConfigError as error:
            return _page(parts, "off", error), 400
        except Busy:
            return errors.answer(429)
        flash(gettext("The second factor is off."), "done")
        return redirect(url_for("sign_in.account"), 303)


def _sessions(pages: Blueprint, parts: Parts) -> None:
    @pages.post("/account/sessions/<int:number>/end")
    @only(EVERYBODY)
    def end_session(number: int) -> ResponseReturnValue:
        if number >= 2**63 or number == current_user.login:
            abort(404)
        mine, who, now = current_user.number, auth.who(), parts.clock()

        def work(connection: Connection) -> bool:
            ended = logins.end(connection, number, mine, now)
            if ended:
                trail.note(connection, who, to_ms(now), "ended", "session", number)
            return ended

        if not parts.store.write(work):
            abort(404)
        flash(gettext("That browser is signed out."), "done")
        return redirect(url_for("sign_in.account") + "#sessions", 303)

    @pages.post("/account/sessions/end")
    @only(EVERYBODY)
    def end_others() -> ResponseReturnValue:
        mine, user, who, now = current_user.login, current_user.number, auth.who(), parts.clock()

        def work(connection: Connection) -> int:
            many = logins.end_all(connection, user, now, besides=mine)
            trail.note(connection, who, to_ms(now), "ended", "session", "", {"sessions": many})
            return many

        many = parts.store.write(work)
        told = ngettext("Signed out in %(num)s other browser.", "Signed out in %(num)s other browsers.", many)
        flash(told, "done")
        return redirect(url_for("sign_in.account") + "#sessions", 303)


def _noted(parts: Parts, what: str, act: Callable[[Connection], T]) -> T:
    """Does something to the user's second factor, and writes it down in the same transaction."""
    who, at = auth.who(), to_ms(parts.clock())

    def work(connection: Connection) -> T:
        done = act(connection)
        trail.note(connection, who, at, what, "second factor", who.name)
        return done

    return parts.store.write(work)


def _page(parts: Parts, where: str = "", problem: ConfigError | None = None) -> str:
    number, now = current_user.number, parts.clock()
    with parts.store.read() as connection:
        sessions = logins.of(connection, number, now)
        left = second_factor.left(connection, number)
        required = current_user.role.value in settings.read(connection, SignIn).required
    return render_template(
        "account.html",
        active="account",
        where=where,
        problem=problem,
        sessions=sessions,
        mine=current_user.login,
        left=left,
        required=required,
        least=users.SHORTEST,
        zone=parts.current.get().event.zone,
        chosen=current_user.language,
    )


def _enrolment(parts: Parts, problem: ConfigError | None) -> str:
    mine, now = current_user.login, parts.clock()
    secret = parts.store.write(lambda connection: second_factor.propose(connection, mine, now, os.urandom))
    drawn = symbol.draw_address(second_factor.address(secret, current_user.name, parts.current.get().event.name))
    text = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return render_template("account_second.html", active="account", symbol=drawn, secret=text, problem=problem)


def _check_password(parts: Parts, door: Doorway, field: str) -> None:
    """Raises ConfigError if the field does not hold the user's password, and Busy."""
    with parts.store.read() as connection:
        _, stored = users.look_up(connection, current_user.name)
    if not door.fits(request.form.get(field, ""), stored):
        raise ConfigError(phrase("this is not your password"))


def _check_code(parts: Parts) -> None:
    """Raises ConfigError if the code in the form is not good. One that was is used up."""
    number, code, now = current_user.number, request.form.get("code", ""), parts.clock()
    if not parts.store.write(lambda connection: second_factor.take(connection, number, code, now)):
        raise ConfigError(phrase("this code is not right, or it was used already; wait for the next one"))
