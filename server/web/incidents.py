"""Incidents as they come: who looks after each, and how it ended."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from flask import Blueprint, abort, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import Connection

from admission.errors import ConfigError
from server import incidents, particulars
from server.deeds import DEEDS
from server.live import ROOMS
from server.particulars import Told
from server.store.instants import to_ms
from server.users import Role
from server.web.auth import ACTORS, INCIDENT_READERS, only

if TYPE_CHECKING:
    from server.web import Parts

MENDS = {
    "duplicate_entry": "forgive",
    "forced": "count",
    "hash_fork": "revoke",
    "impossible_report": "fence",
    "left_unseen": "count",
    "machine_changed": "fence",
    "over_limit": "hold",
    "restore": "confirm-room",
    "store_lost": "vouch",
}
"""The act that most often follows; it is offered, never done by itself."""


def blueprint(parts: Parts) -> Blueprint:
    """The list, and what is done with an incident."""
    pages = Blueprint("incidents", __name__)

    @pages.get("/incidents")
    @only(INCIDENT_READERS)
    def index() -> ResponseReturnValue:
        return _page(parts)

    @pages.get("/incidents/state")
    @only(INCIDENT_READERS)
    def state() -> ResponseReturnValue:
        with parts.store.read() as connection:
            found = incidents.listed(connection, resolved="resolved" in request.args)
            reply = jsonify(mark=_mark(found, _notes(connection, found)), open=incidents.count_open(connection))
        reply.headers["Cache-Control"] = "no-store"
        return reply

    @pages.post("/incidents/<int:number>/<any(claim, note, resolve):what>")
    @only(ACTORS)
    def look_after(number: int, what: str) -> ResponseReturnValue:
        if number >= 2**63:
            abort(404)
        by, note, now = current_user.name, request.form.get("note", ""), to_ms(parts.clock())

        def work(connection: Connection) -> None:
            _do(connection, what, number, by, note, now)

        try:
            parts.store.write(work)
        except ConfigError as error:
            return _page(parts, number, error), 409
        parts.hub.tell(ROOMS)
        return redirect(url_for("incidents.index", _anchor=None if what == "resolve" else f"incident-{number}"), 303)

    return pages


def _do(connection: Connection, what: str, number: int, by: str, note: str, now: int) -> None:
    """Raises ConfigError for what cannot be done."""
    match what:
        case "claim":
            incidents.claim(connection, number, by)
        case "note":
            incidents.add_note(connection, number, by, note, now)
        case _:
            incidents.resolve(connection, number, by, note, now)


def _page(parts: Parts, number: int | None = None, problem: ConfigError | None = None) -> str:
    resolved, named = "resolved" in request.args, _is_named()
    with parts.store.read() as connection:
        found = incidents.listed(connection, resolved=resolved)
        told = _told(parts, connection, found)
        many, notes = incidents.count_open(connection), _notes(connection, found)
        names = particulars.names(connection, parts.current.get().event.zone)
    return render_template(
        "incidents.html",
        active="incidents",
        told=told,
        notes=notes if named else {},
        named=named,
        mark=_mark(found, notes),
        many=many,
        resolved=resolved,
        names=names,
        mends={kind: act for kind, act in MENDS.items() if current_user.role in DEEDS[act].roles},
        deeds=DEEDS,
        may_act=current_user.role in ACTORS,
        wrong=number,
        problem=problem,
        note=request.form.get("note", ""),
    )


def _told(parts: Parts, connection: Connection, found: list[incidents.Incident]) -> list[Told]:
    """Incidents are watched by many: only who works with people sees names."""
    zone = parts.current.get().event.zone
    return particulars.tell(connection, found, zone, named=_is_named())


def _is_named() -> bool:
    """Whether names are shown, and what people have written: notes may hold names."""
    return current_user.role is not Role.VIEWER


def _notes(connection: Connection, found: list[incidents.Incident]) -> dict[int, list[incidents.Note]]:
    return incidents.notes(connection, [one.id for one in found])


def _mark(found: list[incidents.Incident], notes: dict[int, list[incidents.Note]]) -> str:
    """Differs when one came, was taken up, noted or resolved."""
    seen = [(one.id, one.claimed_by, len(notes.get(one.id, ()))) for one in found]
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]
