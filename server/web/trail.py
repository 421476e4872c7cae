"""The audit log: the trail and the acts, as a page with filters and as CSV. Reading it is itself written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from admission.errors import ConfigError
from server import chronicle, trail
from server.chronicle import PAGE, Filters
from server.deeds import DEEDS
from server.phrase import marked as _
from server.store.instants import from_ms, to_ms
from server.web import auth, errors
from server.web.auth import AUDITORS, only

if TYPE_CHECKING:
    from server.web import Parts

FIELDS = ("by", "what", "about", "ref", "day")
NOTED = timedelta(hours=1)
"""That somebody reads it is written down so often at most."""
WORDS = (
    *(_("signed in"), _("signed out"), _("failed"), _("ended"), _("added"), _("changed"), _("removed"), _("began")),
    *(_("begun"), _("renewed"), _("required"), _("activated"), _("deactivated"), _("viewed"), _("searched")),
    *(_("exported"), _("printed"), _("reprinted"), _("moved"), _("renamed"), _("paired"), _("imported"), _("issued")),
    *(_("revoked"), _("erased"), _("found"), _("made"), _("deleted"), _("stopped"), _("closed"), _("cut")),
    *(_("listed"), _("unlisted"), _("took"), _("handed over"), _("downloaded"), _("marked"), _("refused")),
    *(_("wrote"), _("user"), _("sign-in"), _("session"), _("second factor"), _("pairing"), _("kiosk"), _("audit")),
    *(_("person"), _("people"), _("room"), _("gate"), _("log"), _("badge"), _("badges"), _("report"), _("export")),
    *(_("import"), _("api key"), _("setting"), _("retention"), _("delegation"), _("roll call"), _("act"), _("desk")),
    *(_("how"), _("role"), _("was"), _("label"), _("from"), _("to"), _("wrong"), _("what"), _("sessions"), _("rows")),
    *(_("filters"), _("password"), _("recovery"), _("app"), _("code"), _("device"), _("edition"), _("reason")),
    *(_("by"), _("print")),
)
"""What is written into the trail in words that a catalogue can say; any other is shown as it is."""
SHOWN = ("reason", "outcome", "state", "confirmed_by")
"""Facts of acts that have a place of their own."""


def blueprint(parts: Parts) -> Blueprint:
    """/audit and /audit.csv."""
    pages = Blueprint("trail", __name__)

    @pages.get("/audit")
    @only(AUDITORS)
    def index() -> ResponseReturnValue:
        try:
            filters = chronicle.parse(request.args, parts.current.get().event.zone)
        except ConfigError as error:
            return _page(parts, Filters(), error), 400
        _note_view(parts)
        return _page(parts, filters, None)

    @pages.get("/audit.csv")
    @only(AUDITORS)
    def csv() -> ResponseReturnValue:
        zone = parts.current.get().event.zone
        try:
            filters = chronicle.parse(request.args, zone)
        except ConfigError as error:
            return errors.answer(400, error)
        who, now, facts = auth.who(), parts.clock(), _given()
        parts.store.write(lambda c: trail.note(c, who, to_ms(now), "exported", "audit", "", facts))

        def reading(work: Callable[[Connection], chronicle.Part]) -> chronicle.Part:
            with parts.store.read() as connection:
                return work(connection)

        lines = chronicle.export(reading, filters, zone)
        name = f"threshold-audit-{now.astimezone(zone):%Y%m%d-%H%M}.csv"
        headers = {"Content-Disposition": f"attachment; filename={name}", "Cache-Control": "no-store"}
        return Response(stream_with_context(lines), mimetype="text/csv", headers=headers)

    return pages


def _note_view(parts: Parts) -> None:
    who, now = auth.who(), parts.clock()
    floor = to_ms(now - NOTED)
    with parts.store.read() as connection:
        seen = trail.newest(connection, 20, by=who.name, about="audit")
    if any(step.what == "viewed" and step.at > floor for step in seen):
        return
    parts.store.write(lambda connection: trail.note(connection, who, to_ms(now), "viewed", "audit"))


def _page(parts: Parts, filters: Filters, problem: ConfigError | None) -> str:
    before = chronicle.parse_place(request.args.get("before", ""))
    with parts.store.read() as connection:
        rows = chronicle.page(connection, filters, before, PAGE + 1)
        shown = rows[:PAGE]
        choices, names = chronicle.choices(connection), chronicle.names(connection, shown)
    older = shown[-1].place if len(rows) > PAGE else None
    return render_template(
        "trail.html",
        active="trail",
        rows=shown,
        names=names,
        filters={name: request.args.get(name, "")[:200] for name in FIELDS},
        choices=choices,
        titles={kind: deed.title for kind, deed in DEEDS.items()},
        told=SHOWN,
        problem=problem,
        older=f"{url_for('trail.index')}?{urlencode(_given() | {'before': older})}" if older else None,
        newest=f"{url_for('trail.index')}?{urlencode(_given())}" if before else None,
        csv_url=f"{url_for('trail.csv')}?{urlencode(_given())}",
        zone=parts.current.get().event.zone,
        from_ms=from_ms,
    )


def _given() -> dict[str, str]:
    return {name: request.args[name][:200] for name in FIELDS if request.args.get(name)}
