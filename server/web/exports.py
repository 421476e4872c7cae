"""Files of the log: made in the background, with their progress; who has made which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, abort, flash, jsonify, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from admission.errors import ConfigError
from server import archive, exports, filters, log
from server.exports import Format, Order, State
from server.filters import BadFilter, parse_filters
from server.phrase import marked as _
from server.store.instants import from_ms
from server.web import auth, errors, i18n
from server.web.auth import LOG_READERS, only
from server.web.organisers import LABELS, said
from server.workshop import Workshop

if TYPE_CHECKING:
    from server.web import Parts

NAMES = {
    Format.CSV: _("CSV"),
    Format.XLSX: _("Excel"),
    Format.JSON_LINES: _("JSON Lines"),
    Format.ARCHIVE: _("Archive of the whole event"),
    Format.WITH_AUDIT: _("Archive with the audit trail"),
}
STATES = {
    State.WAITING: (_("waits"), "off"),
    State.RUNNING: (_("being made"), "info"),
    State.DONE: (_("ready"), "good"),
    State.STOPPED: (_("stopped"), "off"),
    State.FAILED: (_("failed"), "bad"),
}


def blueprint(parts: Parts) -> Blueprint:
    """The list of files, and what can be done with them."""
    pages = Blueprint("exports", __name__)
    workshop = Workshop(parts.store, parts.clock, archive.make)
    workshop.begin()
    _show(pages, parts, workshop)
    _act(pages, parts, workshop)
    return pages


def _show(pages: Blueprint, parts: Parts, workshop: Workshop) -> None:
    @pages.get("/exports")
    @only(LOG_READERS)
    def index() -> ResponseReturnValue:
        workshop.clear()
        return _page(parts)

    @pages.get("/exports/state")
    @only(LOG_READERS)
    def state() -> ResponseReturnValue:
        with parts.store.read() as connection:
            orders = exports.newest(connection)
        going = [{"id": one.id, "rows": one.rows, "total": one.total, "text": _far(one)} for one in orders if one.going]
        reply = jsonify(mark=_mark(orders), going=going)
        reply.headers["Cache-Control"] = "no-store"
        return reply

    @pages.get("/exports/<int:number>/file")
    @only(LOG_READERS)
    def file(number: int) -> ResponseReturnValue:
        order = _find(parts, number)
        if not exports.may(current_user.role, order.format):
            abort(403)
        if exports.is_old(order, parts.clock()):
            abort(404)  # somebody in it may be erased by now
        path = workshop.path(order.file) or abort(404)
        who = auth.who()
        parts.store.write(lambda c: exports.note(c, who, parts.clock(), "downloaded", number))
        reply = send_file(path.absolute(), as_attachment=True, download_name=order.file, conditional=False)
        reply.headers["Cache-Control"] = "no-store"
        return reply


def _act(pages: Blueprint, parts: Parts, workshop: Workshop) -> None:
    @pages.post("/exports")
    @only(LOG_READERS)
    def ask() -> ResponseReturnValue:
        workshop.clear()
        if (refused := _ask(parts)) is not None:
            return refused
        workshop.wake()
        return redirect(url_for("exports.index"), 303)

    @pages.post("/exports/<int:number>/stop")
    @only(LOG_READERS)
    def stop(number: int) -> ResponseReturnValue:
        _find(parts, number)
        who = auth.who()
        if not parts.store.write(lambda c: exports.stop(c, number, who, parts.clock())):
            flash(gettext("It had ended already."), "note")
        return redirect(url_for("exports.index"), 303)

    @pages.post("/exports/<int:number>/delete")
    @only(LOG_READERS)
    def delete(number: int) -> ResponseReturnValue:
        _find(parts, number)
        who = auth.who()
        name = parts.store.write(lambda c: exports.remove(c, number, who, parts.clock()))
        if name:
            workshop.delete(name)
        flash(gettext("The file is deleted."), "done")
        return redirect(url_for("exports.index"), 303)


def _ask(parts: Parts) -> ResponseReturnValue | None:
    """Writes the order of this request down; the answer if it cannot be."""
    form, fields, who = request.form.get("format", ""), filters.given(request.form), auth.who()
    try:
        if not exports.may(current_user.role, exports.parse(form)):
            abort(403)
        parse_filters(fields, parts.current.get().event.zone)
        parts.store.write(lambda c: exports.ask(c, form, fields, who, parts.clock()))
    except exports.TooMany as error:
        return errors.answer(409, error)
    except (BadFilter, ConfigError) as error:
        return errors.answer(400, error)
    return None


def _find(parts: Parts, number: int) -> Order:
    if number >= 2**63:
        abort(404)
    with parts.store.read() as connection:
        return exports.find(connection, number) or abort(404)


def _page(parts: Parts) -> str:
    zone = parts.current.get().event.zone
    with parts.store.read() as connection:
        orders, choices = exports.newest(connection), log.choices(connection)
    return render_template(
        "exports.html",
        active="log",
        orders=orders,
        names=NAMES,
        may=lambda form: exports.may(current_user.role, form),
        formats=Format,
        states=STATES,
        far=_far,
        size=_size,
        told=lambda order: [(LABELS[name], said(name, value, choices)) for name, value in order.fields.items()],
        when=lambda ms: from_ms(ms).astimezone(zone),
        kept=exports.KEPT,
        mark=_mark(orders),
    )


def _mark(orders: list[Order]) -> str:
    """Differs when the list has to be drawn anew; how far something has come is told beside it."""
    return " ".join(f"{one.id}{one.state[0]}{bool(one.file):d}" for one in orders)


def _far(order: Order) -> str:
    """How far it has come, in words."""
    if order.state is State.WAITING:
        return str(gettext("waits for its turn"))
    if not order.total:
        return str(gettext("begins"))
    if order.rows >= order.total:
        return str(gettext("putting the file together"))
    rows, total = i18n.number(order.rows), i18n.number(order.total)
    return str(gettext("%(rows)s of %(total)s rows", rows=rows, total=total))


def _size(count: int) -> str:
    """A file's size, roughly."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{i18n.number(round(count / size, 1))} {unit}"
    return f"{count} B"
