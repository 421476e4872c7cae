"""The registration desk: one screen to find a person, print, hand over, check in by hand, and count companions."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, flash, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from sqlalchemy import Connection

from admission.errors import ConfigError
from server import badges, cards, desk, finding, guest, shift, trail
from server.acts import Actor
from server.finding import Found
from server.guest import Card
from server.layouts import LAYOUTS
from server.live import NEWS, ROOMS
from server.phrase import marked as _
from server.store.instants import to_ms
from server.web import handover, i18n, people_person
from server.web.auth import DESK, only, who
from server.web.desk_words import WORDS, badge_words
from server.web.seats import with_seats
from server.web.viewings import Viewings

if TYPE_CHECKING:
    from server.web import Parts

ONE_CARD = "a6"
"""What the desk's printer takes, until its user has printed on something else."""


def blueprint(parts: Parts) -> Blueprint:
    """The desk's screen, what it does, and the page that hands it to the next shift."""
    pages = Blueprint("desk", __name__)
    viewings = Viewings(parts)
    _show(pages, parts, viewings)
    _papers(pages, parts)
    _rooms(pages, parts)
    handover.add(pages, parts, viewings)
    return pages


def _show(pages: Blueprint, parts: Parts, viewings: Viewings) -> None:
    """What only shows."""

    @pages.get("/desk")
    @only(DESK)
    def index() -> ResponseReturnValue:
        text = request.args.get("q", "")[: finding.LONGEST]
        if finding.looks_scanned(text):
            return _scanned(parts, text)
        with parts.store.read() as connection:
            found = finding.find(connection, text)
        if len(found) == 1:
            return redirect(url_for("desk.index", person=found[0].ref), 303)
        page = _screen(parts, request.args.get("person", ""), found=found if text.strip() else None, q=text)
        _note_view(viewings, page[1])
        return page

    @pages.get("/desk/find")
    @only(DESK)
    def find() -> ResponseReturnValue:
        with parts.store.read() as connection:
            found = finding.find(connection, request.args.get("q", ""))
        viewings.note("desk")
        reply = jsonify(people=[_line(parts, one) for one in found])
        reply.headers["Cache-Control"] = "no-store"
        return reply

    @pages.post("/desk/scan")
    @only(DESK)
    def scan() -> ResponseReturnValue:
        text = request.form.get("q", "")
        if "scanned" in request.form or finding.looks_scanned(text):
            return _scanned(parts, text)
        return redirect(url_for("desk.index", q=text[: finding.LONGEST]), 303)

    @pages.get("/desk/badge/<int:serial>.pdf")
    @only(DESK)
    def pdf(serial: int) -> ResponseReturnValue:
        return _pdf(parts, serial)


def _papers(pages: Blueprint, parts: Parts) -> None:
    """What is done with badges."""

    @pages.post("/desk/print")
    @only(DESK)
    def print_badge() -> ResponseReturnValue:
        ref, by, now = _ref(), who(), parts.clock()
        return _printed(parts, lambda c: desk.print_badge(c, ref, by, now, os.urandom))

    @pages.post("/desk/reprint")
    @only(DESK)
    def reprint() -> ResponseReturnValue:
        ref, was, why, by = _ref(), _number("instead_of"), _reason(), (who(), os.urandom)
        return _printed(parts, lambda c: desk.reprint(c, ref, was, why, by, parts.clock()))

    @pages.post("/desk/hand-over")
    @only(DESK)
    def hand_over() -> ResponseReturnValue:
        serial, again, by = _number("serial"), "again" in request.form, who()
        try:
            parts.store.write(lambda c: desk.hand_over(c, serial, by, parts.clock(), again=again))
        except ConfigError as error:
            return _screen(parts, _ref(), 409, problem=error)
        flash(gettext("Badge %(serial)s is handed over.", serial=serial), "done")
        return redirect(url_for("desk.index", person=_ref()), 303)


def _rooms(pages: Blueprint, parts: Parts) -> None:
    """What is done in rooms: the acts of the desk."""

    @pages.post("/desk/<any('check-in', 'undo-check-in', 'companions-in', 'companions-out'):kind>")
    @only(DESK)
    def act(kind: str) -> ResponseReturnValue:
        fields = ("person", "room", "act", "delegation", "bodies")
        asked = {name: request.form.get(name, "").replace("\0", " ").strip()[:200] for name in fields}
        by, why = (Actor(current_user.name, current_user.role), who()), _reason()
        try:
            wanted = int(asked["bodies"]) if asked["bodies"].isdecimal() else 1
            done = with_seats(parts, asked["room"], wanted, lambda c: desk.ask(c, kind, asked, by, why, parts.clock()))
        except ConfigError as error:
            return _screen(parts, _ref(), 409, problem=error, about=kind)
        parts.hub.tell(ROOMS, NEWS)
        flash(i18n.say(done.outcome)[:1].upper() + i18n.say(done.outcome)[1:] + ".", "done")
        kept = {"person": _ref(), "delegation": asked["delegation"], "room": done.room if asked["delegation"] else ""}
        return redirect(
            f"{url_for('desk.index')}?{urlencode({name: text for name, text in kept.items() if text})}", 303
        )


def _note_view(viewings: Viewings, status: int) -> None:
    """That the desk was looked at, and the person whom it showed."""
    viewings.note("desk")
    if status == 200 and (ref := request.args.get("person", "")):
        viewings.note("person", ref)


def _ref() -> str:
    return request.form.get("person", "").replace("\0", " ").strip().lower()[:64]


def _number(name: str) -> int:
    """A whole number that a button carries; 0 for what is none."""
    text = request.form.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _reason() -> str:
    """The reason that was chosen, in the users' own words if there are any."""
    chosen, words = request.form.get("choice", "").strip(), request.form.get("reason", "").strip()
    return ": ".join(text.replace("\0", " ") for text in (chosen, words) if text)


def _scanned(parts: Parts, text: str) -> ResponseReturnValue:
    """Leads to the holder of the badge that was read, or says what is wrong with it."""
    with parts.store.read() as connection:
        scan = finding.scan(connection, text, guest.keys_of(parts.current.get()))
    if scan.problem:
        return _screen(parts, "", 404, problem=scan.problem)
    return redirect(url_for("desk.index", person=scan.ref, scanned=scan.serial), 303)


def _printed(parts: Parts, work: Callable[[Connection], int]) -> ResponseReturnValue:
    try:
        serial = parts.store.write(work)
    except ConfigError as error:
        return _screen(parts, _ref(), 409, problem=error, about="reprint")
    parts.hub.tell(NEWS)
    return redirect(url_for("desk.index", person=_ref(), ready=serial), 303)


def _pdf(parts: Parts, serial: int) -> ResponseReturnValue:
    """The card of a valid badge, to be printed; it is noted who took it."""
    if not 0 < serial < 2**31:
        abort(404)

    by = who()

    def take(connection: Connection) -> list[cards.Card]:
        if not desk.is_valid(connection, serial):
            return []
        trail.note(connection, by, to_ms(parts.clock()), "took", "badge", serial)
        return badges.cards(connection, [serial])

    drawn = parts.store.write(take)
    if not drawn:
        abort(404)
    out = io.BytesIO()
    cards.draw_cards(drawn, out, parts.current.get().event.name, LAYOUTS[_paper()][1])
    headers = {"Content-Disposition": f"attachment; filename=badge-{serial}.pdf", "Cache-Control": "no-store"}
    return Response(out.getvalue(), mimetype="application/pdf", headers=headers)


def _paper() -> str:
    return name if (name := str(session.get(people_person.LAYOUT, ONE_CARD))) in LAYOUTS else ONE_CARD


def _line(parts: Parts, one: Found) -> dict[str, object]:
    """Somebody, as the script lists them: all in words of the page's language."""
    return {
        "url": url_for("desk.index", person=one.ref),
        "name": one.name,
        "language": one.language,
        "of": " · ".join(text for text in (one.organisation, one.delegation) if text),
        "category": one.category,
        "colour": one.colour,
        "state": one.badge,
        "badge": badge_words(one.badge, one.serial),
        "where": ", ".join(_room_name(parts)(room) for room in one.rooms),
    }


def _room_name(parts: Parts) -> Callable[[str], str]:
    names = {str(room.id): room.name for room in parts.current.get().programme.rooms}
    return lambda room: names.get(room, room)


def _screen(  # noqa: PLR0913 - what is shown, by name
    parts: Parts,
    ref: str,
    status: int = 200,
    *,
    problem: object = None,
    about: str = "",
    found: list[Found] | None = None,
    q: str = "",
) -> tuple[str, int]:
    """The desk. ``about``: what was being done when the problem arose; what was typed for it is kept."""
    now, picture = parts.clock(), parts.current.get()
    local = now.astimezone(picture.event.zone)
    today = to_ms(shift.day_of(local))
    with parts.store.read() as connection:
        card = guest.card(connection, picture, ref, now) if ref and "\0" not in ref else None
        facts = {
            "recent": desk.checked_in(connection, today),
            "counters": desk.counters(connection, today, current_user.name),
            "balances": desk.balances(connection),
            "delegations": desk.delegations(connection),
        }
    if ref and card is None and problem is None:
        problem, status = _("Nobody has this reference. Search again."), 404
    page = render_template(
        "desk.html",
        active="desk",
        problem=problem,
        about=about,
        typed=request.form,
        q=q,
        found=found,
        card=card,
        doors=_doors(card),
        rooms=picture.programme.rooms,
        on=next((one.room for one in picture.programme.sessions if one.starts <= now < one.ends), ""),
        room_name=_room_name(parts),
        when=handover.clock(local),
        until=lambda session: f"{session.ends.astimezone(local.tzinfo):%H:%M}",
        words=WORDS,
        badge_words=badge_words,
        person_url=people_person.address,
        paper=LAYOUTS[_paper()][0],
        ready=_asked("ready", card.badge) if card is not None else None,
        scanned=request.args.get("scanned", type=int),
        **facts,
    )
    return page, status


def _doors(card: Card | None) -> dict[str, list[guest.Door]]:
    """The rooms that are open now: those that the person may enter, and the others."""
    every = card.doors if card is not None else ()
    return {"open": [one for one in every if one.why is None], "shut": [one for one in every if one.why is not None]}


def _asked(name: str, paper: guest.Paper | None) -> int | None:
    """The serial that the address names, if it is that of this valid badge."""
    return paper.serial if paper is not None and request.args.get(name) == str(paper.serial) else None
