"""Delegations and their quotas, as pages of ``people``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from admission.errors import ConfigError
from server import delegations, directory
from server.web.auth import DESK, ORGANISERS, only, who

if TYPE_CHECKING:
    from server.web import Parts
    from server.web.viewings import Viewings

MEMBERS = 100


def register(pages: Blueprint, parts: Parts, viewings: Viewings) -> None:
    """The list of delegations, one of them, and its quotas."""

    @pages.get("/people/delegations")
    @only(DESK)
    def delegation_list() -> ResponseReturnValue:
        with parts.store.read() as connection:
            found = delegations.all_of(connection)
        return render_template("delegations.html", active="people", delegations=found)

    @pages.get("/people/delegations/<path:name>", merge_slashes=False)
    @only(DESK)
    def delegation(name: str) -> ResponseReturnValue:
        page = _page(parts, name, None)
        viewings.note("delegation", name)
        return page

    @pages.post("/people/delegations/<path:name>", merge_slashes=False)
    @only(ORGANISERS)
    def set_quota(name: str) -> ResponseReturnValue:
        act, form = (who(), parts.clock()), request.form
        one, most, was = form.get("session", ""), form.get("most", ""), form.get("was", "")
        if form.get("remove"):
            most = ""
        try:
            now = parts.store.write(lambda c: delegations.set_quota(c, name, one, most, was, act))
        except delegations.Changed as error:
            return _page(parts, name, error), 409
        except ConfigError as error:
            return _page(parts, name, error), 400
        text = gettext("The quota was removed.") if now is None else gettext("The quota is %(most)s now.", most=now)
        flash(text, "done")
        return redirect(url_for("people.delegation", name=name), 303)


def _page(parts: Parts, name: str, problem: ConfigError | None) -> str:
    picture = parts.current.get()
    with parts.store.read() as connection:
        one = delegations.one_of(connection, name) or abort(404)
        rows = [dict(row) for row in delegations.members(connection, name, MEMBERS)]
        quotas = delegations.quotas(connection, name)
        limited = {quota.session for quota in quotas}
        return render_template(
            "delegation.html",
            active="people",
            delegation=one,
            members=directory.entries(connection, rows),
            came=delegations.came(connection, name),
            quotas=quotas,
            rooms={room.id: room.name for room in picture.programme.rooms},
            sessions=[each for each in picture.programme.sessions if each.id not in limited],
            zone=picture.event.zone,
            problem=problem,
            typed=request.form,
            may_edit=current_user.role in ORGANISERS,
        )
