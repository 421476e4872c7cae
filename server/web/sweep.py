"""Sweep and lockdown: closing rooms or the whole venue with one act, opening them by category; which gate knows it.

What is done is decided in :mod:`server.closing`, and written down as any act of a supervisor.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import Connection, select

from admission.errors import ConfigError
from server import acts, reach
from server.acts import Act, Actor
from server.live import NEWS, ROOMS
from server.phrase import marked as _
from server.reach import Has
from server.store import schema
from server.web.auth import ACTORS, SUPERVISORS, only
from server.web.supervision import count_open

if TYPE_CHECKING:
    from server.web import Parts

REASONS = (
    _("Fire alarm"),
    _("Medical emergency"),
    _("Security alert"),
    _("Overcrowding"),
    _("Technical fault"),
    _("Drill"),
)
"""The reasons that one has no time to write."""
SHOWS = {Has.YES: "has", Has.WAITING: "late", Has.SILENT: "silent", Has.NEVER: "silent"}


def blueprint(parts: Parts) -> Blueprint:
    """The page, its state, and the two acts."""
    pages = Blueprint("sweep", __name__)

    @pages.get("/sweep")
    @only(ACTORS)
    def index() -> ResponseReturnValue:
        return _page(parts, None)

    @pages.get("/sweep/state")
    @only(ACTORS)
    def state() -> ResponseReturnValue:
        with parts.store.read() as connection:
            reply = jsonify(mark=_mark(_now(parts, connection)), open=count_open(parts))
        reply.headers["Cache-Control"] = "no-store"
        return reply

    @pages.post("/sweep/<any(close, open):kind>")
    @only(SUPERVISORS)
    def do(kind: str) -> ResponseReturnValue:
        who, why = Actor(current_user.name, current_user.role), _reason()
        asked: dict[str, Any] = {"room": request.form.get("room", "").strip()}
        if kind == "open":
            asked["only"] = [] if request.form.get("whom") != "some" else request.form.getlist("only")
        try:
            if kind == "open" and request.form.get("whom") == "some" and not asked["only"]:
                raise ConfigError(_("Tick the categories that may come in, or open to everybody."))
            done: Act = parts.store.write(lambda c: acts.ask(c, kind, asked, who, why, parts.clock()))
        except ConfigError as error:
            return _page(parts, error), 400
        parts.hub.tell(ROOMS, NEWS)
        return redirect(url_for("sweep.index", did=done.id), 303)

    return pages


def _reason() -> str:
    """What was chosen, and what was written beside it."""
    return ": ".join(
        part for part in (request.form.get("why", "").strip(), request.form.get("reason", "").strip()) if part
    )


def _page(parts: Parts, problem: ConfigError | None) -> str:
    board = parts.boards.look()
    with parts.store.read() as connection:
        seen = _now(parts, connection)
        categories = connection.execute(select(schema.category).order_by(schema.category.c.code)).mappings().all()
    return render_template(
        "sweep.html",
        active="sweep",
        board=board,
        seen=seen,
        mark=_mark(seen),
        categories=categories,
        reasons=REASONS,
        may=current_user.role in SUPERVISORS,
        problem=problem,
        typed=request.form,
    )


def _now(parts: Parts, connection: Connection) -> dict[str, Any]:
    """Which rooms are closed to whom, and for each kiosk at their gates: knows it, not yet, or silent since."""
    rows = connection.execute(select(schema.room.c.id, schema.room.c.only).where(schema.room.c.only.is_not(None)))
    masks = dict(rows.all())
    gates = [
        (one.id, one.gate, one.room_id, SHOWS[one.has])
        for one in reach.read(connection, parts.clock()).carriers
        if one.lets_in and one.room_id in masks
    ]
    return {"masks": masks, "gates": gates}


def _mark(seen: object) -> str:
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]
