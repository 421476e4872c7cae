"""People: found, walked in, corrected, their badges printed and revoked, their sessions; delegations and imports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from server import directory, people
from server.people import BadFacts
from server.web import people_delegations, people_import, people_person
from server.web.auth import DESK, ORGANISERS, only, who
from server.web.people_person import address, choices, order_print, tell, words
from server.web.viewings import Viewings

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(parts: Parts) -> Blueprint:
    """People and delegations."""
    pages = Blueprint("people", __name__)
    pages.context_processor(lambda: words(parts))
    viewings = Viewings(parts)
    people_delegations.register(pages, parts, viewings)
    people_import.register(pages, parts)
    _find(pages, parts, viewings)
    _add(pages, parts)
    people_person.register(pages, parts, viewings)
    return pages


def _find(pages: Blueprint, parts: Parts, viewings: Viewings) -> None:
    @pages.get("/people")
    @only(DESK)
    def index() -> ResponseReturnValue:
        wanted = directory.parse(request.args)
        after, before = request.args.get("after", ""), request.args.get("before", "")
        with parts.store.read() as connection:
            page = directory.page(connection, wanted, after=after, before=before)
            kinds = people.categories(connection)
            names = people.delegation_names(connection)
        viewings.note("people", "", wanted.given)
        programme = parts.current.get().programme
        return render_template(
            "people.html",
            active="people",
            page=page,
            wanted=wanted,
            categories=kinds,
            delegations=names,
            states=directory.STATES,
            rooms={room.id: room.name for room in programme.rooms},
            earlier=_link(wanted.given, before=page.before),
            later=_link(wanted.given, after=page.after),
            may_edit=current_user.role in ORGANISERS,
        )


def _link(given: Mapping[str, str], **cursor: str | None) -> str | None:
    known = {name: value for name, value in cursor.items() if value is not None}
    return f"{url_for('people.index')}?{urlencode(dict(given) | known)}" if known else None


def _add(pages: Blueprint, parts: Parts) -> None:
    @pages.get("/people/new")
    @only(DESK)
    def new() -> ResponseReturnValue:
        return _walk_in(parts, {}, [])

    @pages.post("/people/new")
    @only(DESK)
    def add() -> ResponseReturnValue:
        by, now = who(), parts.clock()
        form, zones = request.form, request.form.getlist("zones")
        with parts.store.read() as connection:
            try:
                facts = people.parse(connection, form, zones)
            except BadFacts as error:
                return _walk_in(parts, error.problems, []), 400
            same = [] if form.get("sure") else people.alike(connection, facts.name)
        if same:
            return _walk_in(parts, {}, same), 409
        ref = parts.store.write(lambda connection: people.walk_in(connection, facts, by, now))
        tell(parts)
        flash(gettext("Added under the reference %(ref)s.", ref=ref), "done")
        return order_print(parts, ref) if form.get("then") == "print" else redirect(address(ref), 303)


def _walk_in(parts: Parts, problems: Mapping[str, str], same: list[Any]) -> str:
    with parts.store.read() as connection:
        return render_template(
            "people_new.html",
            active="people",
            problems=problems,
            same=same,
            typed=request.form,
            typed_zones=request.form.getlist("zones"),
            **choices(connection),
        )
