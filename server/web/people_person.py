"""One person: all that is known of them, corrected, their sessions and badges changed; pages of ``people``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from babel.dates import format_datetime
from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext
from flask_login import current_user

from admission.errors import ConfigError
from server import directory, dossier, people, printing, trail
from server.layouts import LAYOUTS
from server.live import NEWS, ROOMS
from server.people import BadFacts, Edited, Facts, NoSuchPerson
from server.store.instants import from_ms
from server.store.schema import category
from server.web.auth import AUDITORS, DESK, LOG_READERS, ORGANISERS, only, who

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from server.web import Parts
    from server.web.viewings import Viewings

LAYOUT = "layout"
TAKEN = frozenset({"new", "import", "delegations"})
LANGUAGES = ("en", "fr", "ar", "zh", "es", "ru", "pt", "de", "hi", "ja", "sw", "tr")
HISTORY = 30


def register(pages: Blueprint, parts: Parts, viewings: Viewings) -> None:
    """/people/<ref> and what is done there."""

    @pages.get("/people/<ref>")
    @only(DESK)
    def person(ref: str) -> ResponseReturnValue:
        page = _page(parts, ref)
        viewings.note("person", ref.removeprefix("-"))
        return page

    _change(pages, parts)
    _entitle(pages, parts)
    _badge(pages, parts)


def address(ref: str, printed: str | None = None, open_at: str | None = None) -> str:
    """The address of a person's page, also of one whose reference is the name of another page. ``printed``: the print
    that it is to lead to; ``open_at``: the part of the page that is to be open."""
    name = f"-{ref}" if ref in TAKEN else ref
    return url_for("people.person", ref=name, printed=printed, open=open_at, _anchor=open_at)


def moment(parts: Parts, ms: int, form: str = "") -> str:
    """An instant by the venue's clock, in the page's language."""
    local = from_ms(ms).astimezone(parts.current.get().event.zone)
    return (
        format_datetime(local, form or "EEE d MMM HH:mm", locale=get_locale()) if form != "iso" else local.isoformat()
    )


def words(parts: Parts) -> dict[str, Any]:
    """What templates about people call: ``person_url`` and ``moment``."""
    return {"person_url": address, "moment": lambda ms, form="": moment(parts, ms, form)}


def remembered_layout() -> str:
    """What this user has printed on last."""
    name = str(session.get(LAYOUT, ""))
    return name if name in LAYOUTS else next(iter(LAYOUTS))


def tell(parts: Parts) -> None:
    """Kiosks that listen look at once."""
    parts.hub.tell(NEWS, ROOMS)


def choices(connection: Connection) -> dict[str, Any]:
    """What the forms about a person offer."""
    return {
        "categories": people.categories(connection),
        "delegations": people.delegation_names(connection),
        "languages_known": LANGUAGES,
        "layouts": LAYOUTS,
        "layout": remembered_layout(),
    }


def _change(pages: Blueprint, parts: Parts) -> None:
    @pages.post("/people/<ref>/correct")
    @only(ORGANISERS)
    def correct(ref: str) -> ResponseReturnValue:
        act = (who(), parts.clock(), os.urandom)
        edition = request.form.get("edition", "")
        if not (edition.isascii() and edition.isdigit()) or len(edition) > 9:
            abort(400)
        facts: Facts | None = None
        try:
            with parts.store.read() as connection:
                facts = people.parse(connection, request.form, request.form.getlist("zones"))
            asked = facts
            done = parts.store.write(lambda c: people.correct(c, ref.removeprefix("-"), int(edition), asked, act))
        except BadFacts as error:
            return _page(parts, ref, problems=error.problems), 400
        except Edited as error:
            return _page(parts, ref, problem=error, ours=facts), 409
        tell(parts)
        if not done.fields:
            flash(gettext("Nothing was changed."), "note")
        elif done.reprint:
            text = gettext("Corrected. The badge still says the old category or zones: print it again.")
            flash(text, "warn")
        else:
            flash(gettext("Corrected. The badge stays as it is; kiosks in reach know within seconds."), "done")
        return redirect(address(ref.removeprefix("-")), 303)


def _entitle(pages: Blueprint, parts: Parts) -> None:
    @pages.post("/people/<ref>/sessions")
    @only(ORGANISERS)
    def set_right(ref: str) -> ResponseReturnValue:
        act, name, asked = (who(), parts.clock()), request.form.get("session", ""), request.form.get("may", "")
        may = {"yes": True, "no": False}.get(asked)
        if asked not in ("yes", "no", ""):
            abort(400)

        def work(connection: Connection) -> None:
            people.set_right(connection, ref.removeprefix("-"), name, may, act)

        return _act(parts, ref, work, _allowed, "sessions")


def _allowed(_outcome: object) -> str:
    return str(gettext("The session's list was changed; kiosks in reach know within seconds."))


def _badge(pages: Blueprint, parts: Parts) -> None:
    @pages.post("/people/<ref>/revoke")
    @only(DESK)
    def revoke(ref: str) -> ResponseReturnValue:
        act, why = (who(), parts.clock()), request.form.get("why", "")
        return _act(parts, ref, lambda c: people.revoke(c, ref.removeprefix("-"), why, act), _revoked)

    @pages.post("/people/<ref>/reprint")
    @only(DESK)
    def reprint(ref: str) -> ResponseReturnValue:
        act, why = (who(), parts.clock(), os.urandom), request.form.get("why", "")
        try:
            serial = parts.store.write(lambda c: people.replace(c, ref.removeprefix("-"), why, act))
        except NoSuchPerson:
            abort(404)
        except ConfigError as error:
            return _page(parts, ref, problem=error), 400
        tell(parts)
        flash(gettext("Badge %(serial)s replaces the old one, which no gate takes any more.", serial=serial), "done")
        return order_print(parts, ref.removeprefix("-"))

    @pages.post("/people/<ref>/print")
    @only(DESK)
    def print_badge(ref: str) -> ResponseReturnValue:
        return order_print(parts, ref.removeprefix("-"))


def _revoked(count: object) -> str:
    if not count:
        return str(gettext("There was no live badge to revoke."))
    return str(gettext("Revoked; kiosks in reach know within seconds."))


def order_print(parts: Parts, ref: str) -> ResponseReturnValue:
    """Orders a print of one badge; its page then leads to the file."""
    act, layout = (who(), parts.clock(), os.urandom), request.form.get(LAYOUT) or remembered_layout()
    asked = printing.Order(layout, directory.Wanted(), (ref,))
    try:
        done = parts.store.write(lambda connection: printing.order(connection, asked, act))
    except ConfigError as error:
        return _page(parts, ref, problem=error), 400
    session[LAYOUT] = layout
    tell(parts)
    return redirect(address(ref, printed=done.name), 303)


def _act(
    parts: Parts,
    ref: str,
    work: Callable[[Connection], object],
    told: Callable[[object], str],
    open_at: str | None = None,
) -> ResponseReturnValue:
    """Does it and goes back to the person's page, or shows there why not."""
    try:
        outcome = parts.store.write(work)
    except NoSuchPerson:
        abort(404)
    except ConfigError as error:
        return _page(parts, ref, problem=error), 400
    tell(parts)
    flash(told(outcome), "done")
    return redirect(address(ref.removeprefix("-"), open_at=open_at), 303)


def _page(
    parts: Parts,
    ref: str,
    *,
    problem: ConfigError | None = None,
    problems: Mapping[str, str] | None = None,
    ours: Facts | None = None,
) -> str:
    """A person's page. ``ours``: what was typed while somebody else changed the person."""
    picture = parts.current.get()
    with parts.store.read() as connection:
        try:
            row = people.find(connection, ref.removeprefix("-") if "\0" not in ref else "")
        except NoSuchPerson:
            abort(404)
        kinds = {one.code: one for one in connection.execute(category.select())}
        named = {code: one.name for code, one in kinds.items()}
        return render_template(
            "person.html",
            active="people",
            person=row,
            kind=kinds.get(row["category"]),
            zones=people.zone_numbers(row["zones"]),
            held=dossier.badges_of(connection, row),
            where=dossier.whereabouts(connection, row["id"]),
            tickets=dossier.tickets(connection, row, picture.programme, named),
            passages=dossier.passages_of(connection, row["id"]),
            history=_history(connection, row["ref"]),
            named=named,
            zone_numbers=people.zone_numbers,
            badge_numbers=dossier.name_of_badge,
            printed=printing.find(connection, request.args.get("printed", ""), who(), parts.clock()),
            problem=problem,
            problems=problems or {},
            typed=_typed(dict(row), kinds),
            theirs=_differences(ours, people.facts_of(row)) if ours else [],
            reasons=people.REASONS,
            may_edit=current_user.role in ORGANISERS,
            may_read_log=current_user.role in LOG_READERS,
            correcting=bool(problems or ours),
            today=parts.clock(),
            **choices(connection),
        )


def _history(connection: Connection, ref: str) -> list[trail.Step]:
    """What was done to the person; who has looked at them is for auditors."""
    if current_user.role in AUDITORS:
        return trail.newest(connection, HISTORY, about="person", ref=ref)
    return trail.deeds(connection, "person", ref, HISTORY)


def _typed(row: Mapping[str, Any], kinds: Mapping[int, Any]) -> dict[str, Any]:
    """What the form of corrections holds: what was typed, else what is known."""
    if request.endpoint == "people.correct":
        return {**request.form, "zones": request.form.getlist("zones")}
    zones = [str(number) for number in people.zone_numbers(row["zones"])]
    kind = kinds.get(row["category"])
    plain = {name: row[name] for name in ("name", "organisation", "delegation", "language")}
    return {**plain, "category": kind.slug if kind else "", "zones": zones}


def _differences(ours: Facts, theirs: Facts) -> list[tuple[str, Any, Any]]:
    """(field, what was typed, what it is now) where the two differ."""
    mine, now = asdict(ours), asdict(theirs)
    return [(name, mine[name], now[name]) for name in mine if mine[name] != now[name]]
