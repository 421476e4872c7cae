"""Supervisors' pages: what waits for a second person, the acts that one can begin, and the audit log.

What an act does, who may do it and whether somebody has to confirm it is decided in :mod:`server.acts`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from admission.errors import ConfigError
from admission.venue import Exits
from server import acts, counting, effects, incidents, particulars, restore
from server.acts import Act, Actor, State
from server.deeds import DEEDS
from server.live import NEWS, ROOMS
from server.store import schema
from server.store.accounts import DESK
from server.users import Role
from server.web.auth import ACTORS, only

if TYPE_CHECKING:
    from server.web import Parts

READERS = ACTORS | {Role.AUDITOR}
PAGE = 30
COUNTS = ("count", "clear")


def blueprint(parts: Parts) -> Blueprint:
    """The overview, a page for each act, and where a second person confirms."""
    pages = Blueprint("supervision", __name__)
    _show(pages, parts)
    _act(pages, parts)
    return pages


def _show(pages: Blueprint, parts: Parts) -> None:
    """What only shows."""

    @pages.app_context_processor
    def _badge() -> dict[str, object]:
        return {"open_incidents": lambda: count_open(parts)}

    @pages.get("/supervision")
    @only(READERS)
    def index() -> ResponseReturnValue:
        return _overview(parts, None)

    @pages.get("/supervision/state")
    @only(READERS)
    def state() -> ResponseReturnValue:
        with parts.store.read() as connection:
            room = request.args.get("room", "")
            mark = _mark(_hold(connection, room) if room else _now(parts, connection))
        reply = jsonify(mark=mark, open=count_open(parts))
        reply.headers["Cache-Control"] = "no-store"
        return reply

    @pages.get("/supervision/<kind>")
    @only(ACTORS)
    def form(kind: str) -> ResponseReturnValue:
        return _form(parts, kind, None)


def _act(pages: Blueprint, parts: Parts) -> None:
    """What does something."""

    @pages.post("/supervision/<kind>")
    @only(ACTORS)
    def ask(kind: str) -> ResponseReturnValue:
        typed, why, who = _typed(kind), request.form.get("reason", ""), _who()
        try:
            asked = parts.store.write(lambda c: acts.ask(c, kind, typed, who, why, parts.clock()))
        except ConfigError as error:
            return _form(parts, kind, error), 400
        return _after(parts, asked)

    @pages.post("/supervision/acts/<int:number>/<any(confirm, decline):answer>")
    @only(ACTORS)
    def decide(number: int, answer: str) -> ResponseReturnValue:
        if number >= 2**63:
            abort(404)
        decided, who = acts.confirm if answer == "confirm" else acts.decline, _who()
        try:
            done = parts.store.write(lambda c: decided(c, number, who, parts.clock()))
        except ConfigError as error:
            return _overview(parts, error), 409
        return _after(parts, done)


def count_open(parts: Parts) -> int:
    """The open incidents; none where the database cannot say, so that its error can be shown."""
    try:
        with parts.store.read() as connection:
            return incidents.count_open(connection)
    except SQLAlchemyError:
        return 0


def _who() -> Actor:
    return Actor(current_user.name, current_user.role)


def _typed(kind: str) -> dict[str, Any]:
    """What the form of this act says, or the link that led to it."""
    deed = DEEDS.get(kind) or abort(404)
    given = request.form if request.method == "POST" else request.args
    texts = {need: given.get(need, "").strip() for need in deed.needs if need != "retired"}
    return texts | ({"retired": given.getlist("retired")} if "retired" in deed.needs else {})


def _after(parts: Parts, act: Act) -> ResponseReturnValue:
    """Tells everybody, and leads to a page that can be loaded again without doing anything twice."""
    if act.state is State.DONE:
        parts.hub.tell(ROOMS, NEWS)
    then = request.form.get("then", "")
    if act.kind == "hold" and then in COUNTS:
        return redirect(url_for("supervision.form", kind=then, room=act.room), 303)
    return redirect(url_for("supervision.index", did=act.id), 303)


# ---- the overview ----


def _overview(parts: Parts, problem: ConfigError | None) -> str:
    before = request.args.get("before", type=int)
    with parts.store.read() as connection:
        seen = _now(parts, connection)
        rows = acts.newest(connection, PAGE + 1, before if before is not None and 0 < before < 2**63 else None)
        known = _names(parts, connection, [*seen["waiting"], *rows])
        did = _did(connection)
    return render_template(
        "acts.html",
        active="supervision",
        problem=problem,
        now=seen,
        mark=_mark(seen),
        log=rows[:PAGE],
        older=rows[PAGE - 1].id if len(rows) > PAGE else None,
        paged=before is not None,
        did=did,
        names=known,
        told=effects.told,
        effects=effects.EFFECTS,
        deeds=DEEDS,
        groups=_groups(),
        who=_who(),
        may_act=current_user.role in ACTORS,
        over=lambda act: act.state is State.WAITING and act.id not in {one.id for one in seen["waiting"]},
        lasts_ms=int(acts.LASTS.total_seconds() * 1000),
    )


def _now(parts: Parts, connection: Connection) -> dict[str, Any]:
    """What is going on: acts that wait, rooms that are held, rooms that a restore has closed."""
    held = connection.execute(select(schema.book.c.room).where(schema.book.c.held).order_by(schema.book.c.room))
    era = connection.execute(select(schema.event.c.era)).scalar_one()
    newest = acts.newest(connection, 1)
    return {
        "waiting": acts.waiting(connection, parts.clock()),
        "held": [_hold(connection, room) for room in held.scalars()],
        "closed": list(restore.closed_rooms(connection)),
        "awaited": list(restore.awaited(connection, era)) if restore.is_recovering(connection) else [],
        "last": [(one.id, one.state) for one in newest],
    }


def _mark(seen: object) -> str:
    """Differs when what it is made of does."""
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def _did(connection: Connection) -> Act | None:
    number = request.args.get("did", type=int)
    if number is None or not 0 < number < 2**63:
        return None
    try:
        return acts.find(connection, number)
    except ConfigError:
        return None


def _groups() -> list[tuple[str, list[str]]]:
    """The acts that this user may begin, group by group."""
    mine = [kind for kind, deed in DEEDS.items() if current_user.role in deed.roles]
    shown = [group for group in effects.GROUPS if group not in effects.ELSEWHERE]
    found = [(group, [kind for kind in mine if effects.EFFECTS[kind].group == group]) for group in shown]
    return [(group, kinds) for group, kinds in found if kinds]


def _names(parts: Parts, connection: Connection, some: Sequence[Act]) -> particulars.Names:
    badges = [act.facts["badge"] for act in some if "badge" in act.facts]
    return particulars.names(connection, parts.current.get().event.zone, badges)


# ---- one act ----


def _form(parts: Parts, kind: str, problem: ConfigError | None) -> str:
    typed = _typed(kind)
    if current_user.role not in DEEDS[kind].roles:
        abort(403)
    if effects.EFFECTS[kind].group in effects.ELSEWHERE:
        abort(404)
    with parts.store.read() as connection:
        room = typed.get("room", "")
        hold = _hold(connection, room) if kind in COUNTS and room else None
        return render_template(
            "act.html",
            active="supervision",
            kind=kind,
            deed=DEEDS[kind],
            effect=effects.EFFECTS[kind],
            typed=typed | {"reason": request.form.get("reason", "")},
            problem=problem,
            rooms=_rooms(connection, kind),
            kiosks=_kiosks(connection),
            hold=hold,
            mark=_mark(hold) if hold else "",
            entries=_entries(connection, request.values.get("person", "")) if kind == "annul" else None,
            person=request.values.get("person", ""),
            awaited=list(restore.awaited(connection, parts.current.get().event.era)) if kind == "confirm-room" else [],
            names=_names(parts, connection, []),
        )


def _hold(connection: Connection, room: str) -> dict[str, Any] | None:
    """How far the hold of a room has come: who keeps it, who does not, and what was counted. None: no such room."""
    row = connection.execute(select(schema.book).where(schema.book.c.room == room)).mappings().first()
    if row is None:
        return None
    stores = counting.stores(connection, room)
    several = {one.device for one in stores if sum(one.device == other.device for other in stores) > 1}
    told = [(one.device, one.incarnation, one.state.value, one.keeps, one.device in several) for one in stores]
    late = sorted({one.device for one in stores if not one.keeps})
    return {"room": room, "held": bool(row["held"]), "heads": row["heads"], "stores": told, "late": late}


def _rooms(connection: Connection, kind: str) -> list[dict[str, Any]]:
    """The rooms for which this act makes sense."""
    query = select(schema.room, schema.book.c.held).join(schema.book, schema.book.c.room == schema.room.c.id)
    query = query.where(schema.room.c.limit.is_not(None)).order_by(schema.room.c.position, schema.room.c.id)
    if kind in ("hold", "reopen"):
        query = query.where(schema.book.c.held.is_(kind == "reopen"))
    if kind == "unbadged-out":
        query = query.where(schema.room.c.exits == Exits.TRUSTED)
    if kind == "confirm-room":
        query = query.where(schema.room.c.id.in_(restore.closed_rooms(connection)))
    return [dict(row) for row in connection.execute(query).mappings()]


def _kiosks(connection: Connection) -> list[str]:
    """Kiosks whose key is believed, and those that are still asked about."""
    real = schema.device.c.id != DESK
    return list(connection.execute(select(schema.device.c.id).where(real).order_by(schema.device.c.id)).scalars())


def _entries(connection: Connection, ref: str) -> list[dict[str, Any]] | None:
    """The entries by which this person is inside somewhere, the newest first. None: nobody was asked about."""
    if not ref.strip():
        return None
    query = (
        select(schema.passage.c.id, schema.passage.c.room, schema.passage.c.gate, schema.passage.c.at)
        .join(schema.stay, schema.stay.c.entry == schema.passage.c.id)
        .join(schema.person, schema.person.c.id == schema.stay.c.holder)
        .where(schema.person.c.ref == ref.strip().lower(), schema.stay.c.closed.is_(None))
        .order_by(schema.passage.c.id.desc())
    )
    return [dict(row) for row in connection.execute(query.limit(20)).mappings()]
