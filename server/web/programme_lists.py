"""Who is on a session's list: found, pasted, taken off. What it does is in :mod:`server.schedule.lists`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select

from admission.errors import ConfigError
from server import reach
from server.live import NEWS, ROOMS
from server.schedule import lists, things
from server.schedule.things import SESSION, Missing
from server.store import schema
from server.web.auth import ORGANISERS, only, who
from server.web.i18n import number
from server.web.viewings import Viewings

if TYPE_CHECKING:
    from server.web import Parts

MOST_PAGES = 10_000


def register(pages: Blueprint, parts: Parts) -> None:
    """Adds the lists to the programme's pages."""

    viewings = Viewings(parts)

    @pages.get("/programme/sessions/<ref>/list")
    @only(ORGANISERS)
    def people(ref: str) -> ResponseReturnValue:
        page = _page(parts, ref, None)
        viewings.note("session", ref)
        return page

    @pages.post("/programme/sessions/<ref>/list")
    @only(ORGANISERS)
    def enter(ref: str) -> ResponseReturnValue:
        try:
            told = _act(parts, ref)
        except Missing:
            abort(404)
        except ConfigError as error:
            return _page(parts, ref, error), 400
        parts.hub.tell(NEWS, ROOMS)
        flash(told, "done")
        back = {name: request.form[name][:200] for name in ("q", "find", "page") if request.form.get(name)}
        return redirect(f"{url_for('programme.people', ref=ref)}?{urlencode(back)}", 303)


def _act(parts: Parts, ref: str) -> str:
    """Does what the form says; the sentence that tells it."""
    what, by, now = request.form.get("do", ""), who(), parts.clock()
    refs = lists.read_refs(request.form.get("refs", ""))
    if what == "remove":
        gone = parts.store.write(lambda c: lists.strike(c, ref, refs, by, now))
        return str(gettext("%(many)s taken off the list. The kiosks hear of it at once.", many=number(gone)))
    if what not in ("may", "may-not"):
        abort(400)
    done = parts.store.write(lambda c: lists.enter(c, ref, refs, what == "may", by, now))
    counts = {"added": number(done.added), "changed": number(done.changed), "same": number(done.same)}
    return str(gettext("%(added)s added, %(changed)s changed, %(same)s were on the list so already.", **counts))


def _page(parts: Parts, ref: str, problem: ConfigError | None) -> str:
    sought, filtered = request.values.get("find", ""), request.values.get("q", "")
    at = request.values.get("page", 0, type=int)
    at = at if 0 <= at < MOST_PAGES else 0
    with parts.store.read() as connection:
        try:
            row = things.find(connection, SESSION, ref)
        except Missing:
            abort(404)
        rows, many = lists.page(connection, ref, at, filtered)
        room = select(schema.room.c.name).where(schema.room.c.id == row["room"])
        category = select(schema.category).order_by(schema.category.c.code)
        return render_template(
            "programme_list.html",
            active="programme",
            ref=ref,
            session=row,
            room=connection.execute(room).scalar_one(),
            rows=rows,
            many=many,
            page=at,
            pages=-(-many // lists.PAGE),
            counts=lists.counts(connection, ref),
            found=lists.search(connection, ref, sought) if sought.strip() else None,
            find=sought,
            q=filtered,
            typed=request.form.get("refs", "") if problem is not None and "paste" in request.form else "",
            problem=problem,
            categories={one["code"]: one for one in connection.execute(category).mappings()},
            spread=reach.read(connection, parts.clock()),
        )
