"""Badges: who gets one, on what, a preview, the print and what was printed before."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext
from flask_login import current_user

from admission.errors import ConfigError
from server import directory, people, printing, trail
from server.cards import draw_page
from server.directory import UNPRINTED
from server.layouts import LAYOUTS
from server.live import NEWS
from server.printing import Order
from server.store.instants import to_ms
from server.web.auth import DESK, ORGANISERS, only, who
from server.web.people_person import LAYOUT, remembered_layout, words

if TYPE_CHECKING:
    from server.web import Parts

PRINTS = 12
FIELDS = ("q", "category", "delegation", "badge", "refs", LAYOUT)


def blueprint(parts: Parts) -> Blueprint:
    """Badges: preview, print, reprint."""
    pages = Blueprint("badges", __name__)
    pages.context_processor(lambda: words(parts))

    @pages.get("/badges")
    @only(DESK)
    def index() -> ResponseReturnValue:
        return _page(parts, request.args, None)

    @pages.get("/badges/preview.svg")
    @only(DESK)
    def preview() -> ResponseReturnValue:
        order = _order(request.args)
        try:
            with parts.store.read() as connection:
                cards = printing.specimens(connection, order)
            body = draw_page(cards, parts.current.get().event.name, printing.layout_of(order.layout))
        except ConfigError:
            abort(404)
        return Response(body, mimetype="image/svg+xml", headers={"Cache-Control": "no-store"})

    @pages.post("/badges/print")
    @only(DESK)
    def print_badges() -> ResponseReturnValue:
        order, act = _order(request.form), (who(), parts.clock(), os.urandom)
        try:
            done = parts.store.write(lambda connection: printing.order(connection, order, act), patient=True)
        except ConfigError as error:
            return _page(parts, request.form, error), 400
        session[LAYOUT] = order.layout
        parts.hub.tell(NEWS)
        flash(
            ngettext("%(num)s badge is ready to print.", "%(num)s badges are ready to print.", len(done.serials)),
            "done",
        )
        return redirect(url_for("badges.index", printed=done.name), 303)

    @pages.get("/badges/prints/<name>.pdf")
    @only(DESK)
    def file(name: str) -> ResponseReturnValue:
        with parts.store.read() as connection:
            done = printing.find(connection, name, who(), parts.clock()) or abort(404)
            cards, title = printing.cards_of(connection, done)
        if not cards or done.layout not in LAYOUTS:
            abort(404)
        by, at = who(), to_ms(parts.clock())
        parts.store.write(lambda c: trail.note(c, by, at, "downloaded", "print", done.name, {"badges": len(cards)}))
        return _pdf(printing.draw(cards, title, done.layout), f"badges-{done.name[:8]}")

    return pages


def _order(given: Mapping[str, str]) -> Order:
    """What is asked for; without anything asked, whoever has no printed badge."""
    chosen = {name: given.get(name, "") for name in ("q", "category", "delegation", "badge")}
    if "badge" not in given:
        chosen["badge"] = UNPRINTED
    layout = given.get(LAYOUT) or remembered_layout()
    return Order(layout, directory.parse(chosen), printing.references(given.get("refs", "")[:200_000]))


def _page(parts: Parts, given: Mapping[str, str], problem: ConfigError | None) -> str:
    order = _order(given)
    before = request.args.get("before", type=int)
    count = 0
    with parts.store.read() as connection:
        try:
            printing.layout_of(order.layout)
            found = printing.people(connection, order)
            count = len(found)
        except ConfigError as error:
            problem, found = problem or error, []
        prints = printing.log(connection, PRINTS + 1, before if before is not None and 0 < before < 2**63 else None)
        asked = {
            "layout": order.layout,
            "badge": order.wanted.badge,
            "refs": " ".join(order.refs),
            **order.wanted.given,
        }
        return render_template(
            "badges.html",
            active="badges",
            order=order,
            count=count,
            first=found[:8],
            missing=printing.waiting(connection),
            categories=people.categories(connection),
            delegations=people.delegation_names(connection),
            layouts=LAYOUTS,
            chosen=LAYOUTS.get(order.layout),
            refs=" ".join(order.refs),
            preview_url=f"{url_for('badges.preview')}?{urlencode(asked)}" if len(order.refs) < 100 else None,
            printed=printing.find(connection, request.args.get("printed", ""), who(), parts.clock()),
            prints=prints[:PRINTS],
            older=prints[PRINTS - 1][0] if len(prints) > PRINTS else None,
            problem=problem,
            may_edit=current_user.role in ORGANISERS,
            unprinted=UNPRINTED,
        )


def _pdf(body: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'inline; filename="{name}.pdf"', "Cache-Control": "no-store"}
    return Response(body, mimetype="application/pdf", headers=headers)
