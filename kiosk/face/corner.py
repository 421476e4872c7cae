"""The steward's corner on the door's page: says where the steward is, and passes presses on.

Only a page of this very screen, in a browser on this very machine, may press. Knows nothing of what a press means;
keeps neither codes nor names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated

import msgspec
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from admission.wire import UNREADABLE
from kiosk.face.here import guard
from kiosk.stages import Note, Stage, View
from kiosk.steward import Corner
from kiosk.stewarding import MOST, Reason

HEARTBEAT_S = 1.0
_FRESH = {"Cache-Control": "no-store"}
_NOT_READY = {"error": "Not ready", "what": "this kiosk is not set up", "do": "pair it first"}
NOTES: Mapping[Note, str] = {
    Note.NONE: "",
    Note.NO: "That did not work.",
    Note.STRANGER: "That is not a badge of this event. Hold up another, or press No badge.",
    Note.OWN: "That is your own badge. Hold up the visitor's.",
    Note.FORCED: "Written: one person is let in.",
    Note.COUNTED_IN: "Written: {bodies} in without a badge.",
    Note.COUNTED_OUT: "Written: {bodies} out without a badge.",
    Note.ANNULLED: "Written: that entry is annulled.",
    Note.NOTHING: "There is no entry here that could be annulled.",
    Note.TOO_LATE: "The last entry is older than 60 seconds. A supervisor can annul it on the server.",
    Note.LEFT: "They have gone out again since; nothing is left to annul.",
    Note.BAD_NUMBER: f"Give a number from 1 to {MOST}.",
    Note.NO_BADGE: "Type the number that is printed on the badge.",
    Note.DISK: "Nothing was written: this kiosk's disk failed. Call help.",
    Note.WAY_OUT: "This gate is a way out now. Nobody is let in here until you turn it back.",
    Note.WAY_IN: "This gate lets people in again.",
    Note.GOING: "This kiosk will do so in a moment.",
    Note.NO_POWER: "This kiosk cannot do that by itself. Use the machine's own switch, or call help.",
}


class Press(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What comes with a press."""

    code: Annotated[str, msgspec.Meta(max_length=64)] = ""
    what: Stage | None = None
    why: Reason | None = None
    bodies: int = 0
    press: Annotated[str, msgspec.Meta(max_length=16)] = ""
    number: int = 0


_DEEDS: Mapping[str, Callable[[Corner, Press], None]] = {
    "open": lambda corner, _: corner.open(),
    "close": lambda corner, _: corner.close(),
    "back": lambda corner, _: corner.back(),
    "code": lambda corner, press: corner.try_code(press.code),
    "choose": lambda corner, press: corner.choose(press.what or Stage.CLOSED),
    "reason": lambda corner, press: corner.give_reason(press.why or Reason.OTHER),
    "nobody": lambda corner, _: corner.has_no_badge(),
    "count": lambda corner, press: corner.count(press.bodies),
    "agree": lambda corner, _: corner.agree(),
    "tool": lambda corner, press: corner.use_tool(press.press, press.number),
}


def blueprint(corner: Callable[[], Corner | None]) -> Blueprint:
    """The pages of the corner. ``corner``: None before this kiosk is set up."""
    pages = Blueprint("corner", __name__)

    pages.before_request(guard)

    @pages.post("/steward/<deed>")
    def press(deed: str) -> ResponseReturnValue:
        at, does = corner(), _DEEDS.get(deed)
        if at is None:
            return _NOT_READY, 409
        if does is None:
            return {"error": "No such press", "what": deed, "do": "load the page again"}, 404
        pressed = _pressed()
        if pressed is None:
            return {"error": "Not read", "what": "this press cannot be read", "do": "load the page again"}, 400
        does(at, pressed)
        return Response(msgspec.json.encode(shown(at.view())), mimetype="application/json", headers=_FRESH)

    @pages.get("/steward/events")
    def events() -> ResponseReturnValue:
        at = corner()
        if at is None:
            return _NOT_READY, 409
        return Response(_events(at), mimetype="text/event-stream", headers=_FRESH)

    return pages


def shown(view: View) -> dict[str, object]:
    """What the page shows of it."""
    entry = view.entry
    return {
        "number": view.number,
        "stage": view.stage,
        "note": NOTES[view.note].format(bodies=view.bodies),
        "bodies": view.bodies,
        "at": entry.at.isoformat() if entry is not None and entry.at is not None else "",
        "badge": entry.badge >> 32 if entry is not None else 0,
        "may_count_out": view.may_count_out,
        "sheet": view.sheet,
    }


def _events(corner: Corner) -> Iterator[str]:
    """Every change until it is shut."""
    number = -1
    while True:
        view = corner.await_change(number, HEARTBEAT_S)
        yield ":\n\n" if view.number == number else f"data: {msgspec.json.encode(shown(view)).decode()}\n\n"
        number = view.number
        if view.stage is Stage.CLOSED:
            return


def _pressed() -> Press | None:
    try:
        return msgspec.json.decode(request.get_data() or b"{}", type=Press)
    except UNREADABLE:
        return None
