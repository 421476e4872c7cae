"""The page on which the registration desk is handed to the next shift: what was done, and what is open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from admission.errors import ConfigError
from server import shift
from server.columns import YEARS
from server.phrase import marked as _
from server.phrase import phrase
from server.store.instants import from_ms, to_ms
from server.web.auth import DESK, only, who

if TYPE_CHECKING:
    from server.web import Parts
    from server.web.viewings import Viewings

LABELS = {
    "printed": _("Printed"),
    "handed": _("Handed over"),
    "reprinted": _("Reprinted"),
    "added": _("Walk-ins"),
    "check-in": _("Checked in by hand"),
    "undo-check-in": _("Undone"),
    "companions-in": _("Companions in"),
    "companions-out": _("Companions out"),
}
"""What each kind of work is called at the head of its column."""


def add(pages: Blueprint, parts: Parts, viewings: Viewings) -> None:
    """Adds the page to the desk's."""

    @pages.get("/desk/handover")
    @only(DESK)
    def handover() -> ResponseReturnValue:
        viewings.note("desk", "handover")
        return _page(parts)

    @pages.post("/desk/handover")
    @only(DESK)
    def hand_on() -> ResponseReturnValue:
        by, note, now = who(), request.form.get("note", "").replace("\0", " "), parts.clock()
        local = now.astimezone(parts.current.get().event.zone)
        day = to_ms(shift.day_of(local))
        parts.store.write(lambda c: shift.hand_on(c, by, note, shift.report(c, shift.began(c, local), day), now))
        flash(gettext("The desk is handed to the next shift."), "done")
        return redirect(url_for("desk.handover"), 303)


def _page(parts: Parts) -> ResponseReturnValue:
    picture, now = parts.current.get(), parts.clock()
    local = now.astimezone(picture.event.zone)
    problem: ConfigError | None = None
    asked: int | None = None
    try:
        asked = _since(request.args.get("since", ""), local)
    except ConfigError as error:
        problem = error
    with parts.store.read() as connection:
        since = asked if asked is not None else shift.began(connection, local)
        found = shift.report(connection, since, to_ms(shift.day_of(local)))
        last = shift.last_handed_on(connection)
    names = {room.id: room.name for room in picture.programme.rooms}
    page = render_template(
        "desk_handover.html",
        active="desk",
        problem=problem,
        report=found,
        labels=LABELS,
        last=last,
        since=from_ms(since).astimezone(local.tzinfo),
        typed=request.args.get("since", ""),
        now=local,
        room_name=lambda room: names.get(room, room),
        when=clock(local),
    )
    return (page, 400) if problem is not None else page


def _since(text: str, local: datetime) -> int | None:
    """The beginning that was asked for, in the venue's zone; None if none was. Raises ConfigError."""
    if not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
        if at.year not in YEARS:
            raise ValueError("no event was then")
    except ValueError as error:
        said = phrase("{text!r} is no time; write it like 2026-11-23T14:00", text=text[:40])
        raise ConfigError(said) from error
    return to_ms(at if at.tzinfo else at.replace(tzinfo=local.tzinfo))


def clock(local: datetime) -> Callable[[int], str]:
    """Says an instant by the venue's clock: the time of day, and the day unless it is today."""

    def say(ms: int) -> str:
        at = from_ms(ms).astimezone(local.tzinfo)
        return f"{at:%H:%M}" if at.date() == local.date() else f"{at:%d.%m. %H:%M}"

    return say
