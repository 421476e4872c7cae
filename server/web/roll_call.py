"""The roll call: who is inside now, and who has been seen safe.

What a roll call is, is in :mod:`server.roll_call`. A list of names must open even where its opening cannot be noted in
the trail (a full disk): people may be in danger; the failure is logged instead.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.exc import SQLAlchemyError

from admission.errors import ConfigError
from server import roll_call, roll_sheet, roster, trail
from server.roll_call import State
from server.roster import Roster
from server.store.instants import from_ms, to_ms
from server.web import roll_marks, roll_view
from server.web.auth import ROLL_CALLERS, only, who
from server.web.courier import POLICY
from server.web.roll_copy import Copies
from server.web.roll_marks import fresh, possible
from server.web.roll_view import Asked
from server.web.viewings import Viewings

if TYPE_CHECKING:
    from server.web import Parts

log = logging.getLogger(__name__)


def blueprint(parts: Parts) -> Blueprint:
    """Who is inside now, and the roll calls."""
    pages = Blueprint("roll_call", __name__)
    copies, viewings = Copies(parts), Viewings(parts)
    _now(pages, parts, copies, viewings)
    _show(pages, parts, copies, viewings)
    _end(pages, parts, copies)
    roll_marks.register(pages, parts, copies)
    return pages


def _now(pages: Blueprint, parts: Parts, copies: Copies, viewings: Viewings) -> None:
    """Who is inside at this moment."""

    @pages.get("/roll-call")
    @only(ROLL_CALLERS)
    def index() -> ResponseReturnValue:
        viewings.is_first(roll_call.ABOUT, "", {"room": _room(parts)})  # every one is noted; its script tells no more
        return _inside(parts, None)

    @pages.post("/roll-call")
    @only(ROLL_CALLERS)
    def begin() -> ResponseReturnValue:
        scope, by = (request.form.get("room", ""), request.form.get("reason", "")), who()
        programme, now = parts.current.get().programme, parts.clock()
        try:
            call, new = parts.store.write(lambda c: roll_call.begin(c, programme, by, scope, now))
        except ConfigError as problem:
            return _inside(parts, problem), 400
        if not new:
            flash(gettext("A roll call for this is running already. It is this one."), "note")
        return redirect(url_for("roll_call.call", number=call.id), 303)

    @pages.get("/roll-call/now")
    @only(ROLL_CALLERS)
    def now() -> ResponseReturnValue:
        room = _room(parts)
        return _told(parts, viewings, copies.inside(room, request.args.get("mark", "")), "", room)

    @pages.get("/roll-call/inside.csv")
    @only(ROLL_CALLERS)
    def inside_csv() -> ResponseReturnValue:
        return _file(parts, _look(parts, _room(parts)), None)

    @pages.get("/roll-call/print")
    @only(ROLL_CALLERS)
    def paper() -> ResponseReturnValue:
        return _paper(parts, _look(parts, _room(parts)), None)


def _show(pages: Blueprint, parts: Parts, copies: Copies, viewings: Viewings) -> None:
    """A roll call, running or ended."""

    @pages.get("/roll-call/<int:number>")
    @only(ROLL_CALLERS)
    def call(number: int) -> ResponseReturnValue:
        viewings.is_first(roll_call.ABOUT, str(number), {"room": ""})
        return _call(parts, number, None)

    @pages.get("/roll-call/<int:number>/state")
    @only(ROLL_CALLERS)
    def state(number: int) -> ResponseReturnValue:
        since = request.args.get("since", "")
        after = int(since) if re.fullmatch(r"[0-9]{1,15}", since, re.ASCII) else 0
        told = copies.state(possible(number), request.args.get("mark", ""), after)
        return _told(parts, viewings, told or abort(404), str(number), "")

    @pages.get("/roll-call/<int:number>.csv")
    @only(ROLL_CALLERS)
    def csv(number: int) -> ResponseReturnValue:
        found = _find(parts, number)
        return _file(parts, found.roster, found)

    @pages.get("/roll-call/<int:number>/print")
    @only(ROLL_CALLERS)
    def call_paper(number: int) -> ResponseReturnValue:
        found = _find(parts, number)
        return _paper(parts, found.roster, found)


def _end(pages: Blueprint, parts: Parts, copies: Copies) -> None:
    """Where one ends."""

    @pages.post("/roll-call/<int:number>/end")
    @only(ROLL_CALLERS)
    def end(number: int) -> ResponseReturnValue:
        _find(parts, number)
        if not request.form.get("sure"):
            return _call(parts, number, ConfigError(gettext("Tick that it may end, then end it."))), 400
        programme, by = parts.current.get().programme, who()
        if parts.store.write(lambda c: roll_call.end(c, programme, by, number, parts.clock())):
            flash(gettext("The roll call has ended. Its list stays here."), "done")
        copies.forget(number)
        return redirect(url_for("roll_call.call", number=number), 303)


def _inside(parts: Parts, problem: Exception | None) -> str:
    picture, asked = parts.current.get(), roll_view.parse(request.args)
    asked = asked if picture.programme.room(asked.room) else Asked(**{**asked.query(page=asked.page), "room": ""})
    with parts.store.read() as connection:
        found = roster.now(connection, picture.programme, parts.clock(), asked.room)
        calls = roll_call.listed(connection)
    _note(parts, "viewed", "", asked.room, len(found.people))
    return _page(parts, "roll_call.html", found, None, asked, problem=problem, calls=calls, form=request.form)


def _call(parts: Parts, number: int, problem: Exception | None) -> Response:
    found = _find(parts, number)
    _note(parts, "viewed", number, found.call.room, len(found.roster.people))
    page = Response(
        _page(parts, "roll_call_open.html", found.roster, found, roll_view.parse(request.values), problem=problem)
    )
    page.headers["Content-Security-Policy"] = POLICY
    return page


def _paper(parts: Parts, found: Roster, state: State | None) -> str:
    number, room = ("", request.args.get("room", "")) if state is None else (state.call.id, state.call.room)
    _note(parts, "printed", number, room, len(found.people))
    return _page(parts, "roll_call_print.html", found, state, roll_view.parse(request.args), paged=False)


def _page(
    parts: Parts, template: str, found: Roster, state: State | None, asked: Asked, *, paged: bool = True, **more: object
) -> str:
    is_safe = (lambda _holder: False) if state is None else state.is_safe
    if state is None:
        asked = Asked(**{**asked.query(page=asked.page), "show": "all"})
    zone, programme = parts.current.get().event.zone, parts.current.get().programme
    return render_template(
        template,
        active="roll-call",
        asked=asked,
        view=roll_view.view(found, asked, is_safe, paged=paged),
        delegations=roll_view.delegations(found.people, is_safe),
        roster=found,
        state=state,
        by_room=_by_room(found, is_safe),
        rooms=programme.rooms,
        room_names={one.id: one.name for one in programme.rooms},
        clock=lambda ms, form="%H:%M": f"{from_ms(ms).astimezone(zone):{form}}",
        now=to_ms(parts.clock()),
        **more,
    )


def _by_room(found: Roster, is_safe: Callable[[int], bool]) -> dict[str, dict[str, int]]:
    """Of each room with the rooms in it: people on the list who are safe or not, unbadged bodies, and what may be."""
    listed = [one for one in found.people if one.room]
    own = {
        "open": Counter(one.room for one in listed if not is_safe(one.holder)),
        "safe": Counter(one.room for one in listed if is_safe(one.holder)),
        "unbadged": {one.id: one.unbadged for one in found.places},
        "perhaps": {one.id: one.perhaps for one in found.places},
    }
    return {name: roster.summed(found.places, values) for name, values in own.items()}


def _file(parts: Parts, found: Roster, state: State | None) -> Response:
    zone = parts.current.get().event.zone
    number, room = ("", request.args.get("room", "")) if state is None else (state.call.id, state.call.room)
    _note(parts, "exported", number, room, len(found.people))
    text = "".join(roll_sheet.lines(found, found.people, zone, None if state is None else state.marks))
    name = f"threshold-roll-call-{parts.clock().astimezone(zone):%Y%m%d-%H%M%S}.csv"
    headers = {"Content-Disposition": f"attachment; filename={name}", "Cache-Control": "no-store"}
    return Response(text, mimetype="text/csv", headers=headers)


def _look(parts: Parts, room: str) -> Roster:
    with parts.store.read() as connection:
        return roster.now(connection, parts.current.get().programme, parts.clock(), room)


def _find(parts: Parts, number: int) -> State:
    with parts.store.read() as connection:
        found = roll_call.state(connection, parts.current.get().programme, possible(number), parts.clock())
    return found or abort(404)


def _room(parts: Parts) -> str:
    """The room of the address; the whole venue if there is no such room: rather too many names than none."""
    room = request.args.get("room", "")
    return room if parts.current.get().programme.room(room) else ""


def _told(parts: Parts, viewings: Viewings, told: Mapping[str, object], number: str, room: str) -> Response:
    """The answer to a script. That a whole list was told is noted as pages are, but once an hour: scripts ask every two
    seconds, and one that follows a page tells no more than that did."""
    people = told["people"]
    if told["full"] and viewings.is_first(roll_call.ABOUT, number, {"room": room}) and isinstance(people, list):
        _note(parts, "viewed", number, room, len(people))
    return fresh(told)


def _note(parts: Parts, what: str, number: object, room: str, people: int) -> None:
    by, at = who(), to_ms(parts.clock())
    facts = {"room": room, "people": people}
    try:
        parts.store.write(lambda c: trail.note(c, by, at, what, roll_call.ABOUT, number, facts))
    except SQLAlchemyError:
        log.exception("%s has %s a roll call, and it cannot be noted", by.name, what)
