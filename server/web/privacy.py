"""Privacy: what is kept of people and until when, everything about one person, erasing one, and who has looked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from admission.errors import ConfigError
from server import archive, disclosure, retention, trail, tray
from server.live import NEWS, ROOMS
from server.phrase import phrase
from server.retention import Keeper
from server.settings import Retention
from server.store.instants import to_ms
from server.web import auth, subjects
from server.web.auth import ORGANISERS, only
from server.web.subjects import READERS, local_now, page_of
from server.workshop import Workshop

if TYPE_CHECKING:
    from server.web import Parts

PAGE = 50
RUNS = 20


def blueprint(parts: Parts) -> Blueprint:
    """The pages, and the thread that cuts what is due."""
    pages = Blueprint("privacy", __name__, url_prefix="/privacy")

    def serving() -> bool:
        return parts.hub.serving()  # which it does is said later, by the process that serves

    workshop = Workshop(parts.store, parts.clock, archive.make)

    def heard() -> None:
        workshop.withdraw()  # every file may name somebody who was cut
        parts.hub.tell(NEWS, ROOMS)

    def tidy(now: datetime) -> None:
        with parts.store.read() as connection:
            old = tray.has_old(connection, now)
        if old:
            parts.store.write(lambda connection: tray.clear(connection, now))
        workshop.clear()

    keeper = Keeper(parts.store, parts.clock, heard, serving, tidy)

    @pages.record_once
    def _register(state: BlueprintSetupState) -> None:
        state.app.extensions["threshold_retention"] = keeper
        keeper.start()

    _add_retention(pages, parts)
    subjects.add(pages, parts)

    @pages.get("/looks")
    @only(READERS)
    def looks() -> ResponseReturnValue:
        before, by = _number(request.args.get("before", "")), request.args.get("by", "").strip()[:64]
        with parts.store.read() as connection:
            rows = disclosure.looks(connection, PAGE + 1, before, "" if "\0" in by else by)
        older = rows[PAGE - 1]["id"] if len(rows) > PAGE else None
        return page_of(
            parts, "looks", "privacy_looks.html", rows=rows[:PAGE], older=older, paged=before is not None, by=by
        )

    return pages


def _add_retention(pages: Blueprint, parts: Parts) -> None:
    def show(problem: object = "", typed: dict[str, Any] | None = None, status: int = 200) -> ResponseReturnValue:
        with parts.store.read() as connection:
            plan = retention.plan(connection, parts.current.get().event.zone)
            held, runs = retention.held(connection), trail.newest(connection, RUNS, about="retention")
        form = {"days": plan.setting.days, "active": plan.setting.active, "edition": plan.edition} | (typed or {})
        words = {"plan": plan, "held": held, "runs": runs, "form": form, "problem": problem}
        page = page_of(parts, "retention", "privacy.html", **words, now=local_now(parts), keeps=plan.setting)
        return page, status

    @pages.get("")
    @only(READERS)
    def index() -> ResponseReturnValue:
        return show()

    @pages.post("/retention")
    @only(ORGANISERS)
    def set_retention() -> ResponseReturnValue:
        typed = {"days": request.form.get("days", "").strip()[:12], "active": "active" in request.form}
        edition = _number(request.form.get("edition", "")) or 0
        try:
            setting = _setting(typed["days"], active=bool(typed["active"]))
        except ConfigError as error:
            return show(error, typed | {"edition": edition, "field": "days"}, 400)
        with parts.store.read() as connection:
            plan = retention.plan(connection, parts.current.get().event.zone, setting)
        if plan.is_due(parts.clock()) and "sure" not in request.form:
            return show("", typed | {"edition": edition, "confirm": True}, 409)
        who, now = auth.who(), to_ms(parts.clock())
        try:
            parts.store.write(lambda c: retention.set_to(c, setting, edition, who, now))
        except ConfigError as error:
            return show(error, typed, 409)
        flash(gettext("Retention is set."), "done")
        return redirect(url_for("privacy.index"), 303)


def _setting(days: object, *, active: bool) -> Retention:
    text = str(days)
    if not (text.isascii() and text.isdigit() and 0 <= int(text) <= 3650):
        raise ConfigError(phrase("write a number of days from 0 to 3650"))
    return Retention(int(text), active)


def _number(text: str) -> int | None:
    """A row's number or an edition; None for what can be none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
