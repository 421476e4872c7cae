"""API keys: made, shown once, revoked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from admission.errors import ConfigError
from server import api_keys
from server.api_keys import WORDS, Scope
from server.store.instants import from_ms, to_ms
from server.web import auth
from server.web.auth import ADMINS, only

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(parts: Parts) -> Blueprint:
    """The page of API keys. A key's text is in the one answer that made it, and nowhere else."""
    pages = Blueprint("keys", __name__, url_prefix="/keys")

    def show(**more: Any) -> str:
        with parts.store.read() as connection:
            keys = api_keys.listed(connection)
        zone = parts.current.get().event.zone
        words = {"made": "", "problem": "", "name": "", "chosen": (), "trouble": ""} | more
        local = {"local": lambda ms: from_ms(ms).astimezone(zone), "now": to_ms(parts.clock())}
        return render_template("keys.html", active="keys", keys=keys, scopes=list(Scope), says=WORDS, **words, **local)

    @pages.get("")
    @only(ADMINS)
    def index() -> ResponseReturnValue:
        return show()

    @pages.post("")
    @only(ADMINS)
    def make() -> ResponseReturnValue:
        name, chosen = request.form.get("name", "")[:200], request.form.getlist("scope")[:20]
        who, now = auth.who(), to_ms(parts.clock())
        try:
            made = parts.store.write(lambda c: api_keys.make(c, name, chosen, who, now, os.urandom))
        except ConfigError as error:
            return show(problem=error, name=name.replace("\0", ""), chosen=chosen), 400
        return show(made=made, name=name)

    @pages.post("/<int:number>/revoke")
    @only(ADMINS)
    def revoke(number: int) -> ResponseReturnValue:
        who, now = auth.who(), to_ms(parts.clock())
        known = number if number < 2**63 else 0
        try:
            name = parts.store.write(lambda c: api_keys.revoke(c, known, who, now))
        except ConfigError as error:
            return show(trouble=error), 409
        flash(gettext("The key %(name)s is revoked. Whatever used it is turned away from now on.", name=name), "done")
        return redirect(url_for("keys.index"), 303)

    return pages
