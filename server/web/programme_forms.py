"""The programme's forms: sessions, rooms, gates, categories. What they do is in :mod:`server.schedule`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from sqlalchemy import Connection, select
from werkzeug.datastructures import MultiDict

from admission.errors import ConfigError
from admission.venue import ZONES, Direction, Exits
from server import counting, reach
from server.columns import EVERYONE, INVITED
from server.live import NEWS, ROOMS
from server.phrase import Phrase
from server.phrase import marked as _
from server.schedule import editing, facts, findings, history, lists, things
from server.schedule.editing import Edit
from server.schedule.things import CATEGORY, GATE, KINDS, ROOM, SESSION, Cells, Changed, Hurts, Kind, Missing, Wrong
from server.schedule.trial import trial
from server.store import schema
from server.users import Role
from server.web.auth import ORGANISERS, SUPERVISORS, only, who
from server.web.i18n import say

if TYPE_CHECKING:
    from server.web import Parts

FILES = {kind.file: kind for kind in KINDS.values()}
ROUTE = "/programme/<any(sessions, rooms, gates, categories):file>"
EXITS = {
    Exits.TRUSTED: _("Trusted: one-way gates; whoever leaves frees a seat at once"),
    Exits.MATCHED: _("Matched: an exit counts if the server knows of the entry"),
    Exits.NONE: _("None: nobody is counted out; heads are counted"),
}
DIRECTIONS = {
    Direction.IN: _("Leads in"),
    Direction.OUT: _("Leads out"),
    Direction.BOTH: _("Leads both ways"),
}
TITLES = {
    SESSION: (_("New session"), _("Session")),
    ROOM: (_("New room"), _("Room")),
    GATE: (_("New gate"), _("Gate")),
    CATEGORY: (_("New category"), _("Category")),
}


@dataclass(frozen=True)
class Shown:
    """What a form says besides its fields: problems by field, a problem of the whole, consequences to confirm."""

    problems: Mapping[str, Phrase] = field(default_factory=dict)
    problem: ConfigError | None = None
    consequences: tuple[Phrase, ...] = ()
    sure: str = ""
    mark: str = ""


def register(pages: Blueprint, parts: Parts) -> None:
    """Adds the forms to the programme's pages."""
    _make(pages, parts)
    _change(pages, parts)
    _end(pages, parts)


def _make(pages: Blueprint, parts: Parts) -> None:
    @pages.get(f"{ROUTE}/new")
    @only(ORGANISERS)
    def new(file: str) -> ResponseReturnValue:
        kind = FILES[file]
        with parts.store.read() as connection:
            return _page(parts, connection, kind, None, _blank(connection, parts, kind), Shown())

    @pages.post(f"{ROUTE}/new")
    @only(ORGANISERS)
    def make(file: str) -> ResponseReturnValue:
        kind, typed = FILES[file], typed_in(FILES[file], request.form)
        by = who()
        try:
            ref = parts.store.write(lambda c: editing.make(c, Edit(kind, typed), by, parts.clock()))
        except Wrong as error:
            with parts.store.read() as connection:
                shown = Shown(error.problems, error)
                return _page(parts, connection, kind, None, _blank(connection, parts, kind) | typed, shown), 400
        return _saved(parts, kind, ref, str(gettext("Made. The kiosks hear of it at once.")))

    @pages.post("/programme/sessions/check")
    @only(ORGANISERS)
    def check() -> ResponseReturnValue:
        typed, ref = typed_in(SESSION, request.form), request.form.get("ref", "")
        with parts.store.read() as connection:
            tried = trial(connection, typed, ref, parts.current.get().event, parts.clock())
        said = {name: say(what) for name, what in tried.problems.items()}
        found = [{"level": one.level.name.lower(), "what": say(one.what)} for one in tried.found]
        return jsonify(problems=said, found=found)


def _change(pages: Blueprint, parts: Parts) -> None:
    @pages.get(f"{ROUTE}/<ref>")
    @only(ORGANISERS)
    def edit(file: str, ref: str) -> ResponseReturnValue:
        kind = FILES[file]
        with parts.store.read() as connection:
            row = _find(connection, kind, ref)
            cells = things.cells(connection, kind, row, parts.current.get().event.zone)
            return _page(parts, connection, kind, row, cells, Shown(mark=things.mark(row)))

    @pages.post(f"{ROUTE}/<ref>")
    @only(ORGANISERS)
    def change(file: str, ref: str) -> ResponseReturnValue:
        kind, typed, given = FILES[file], typed_in(FILES[file], request.form), request.form
        wanted, by = Edit(kind, typed, given.get("mark", ""), given.get("sure", "")), who()
        try:
            moved = parts.store.write(lambda c: editing.change(c, ref, wanted, by, parts.clock()))
        except Missing:
            abort(404)
        except Changed as error:
            return _conflict(parts, kind, ref, typed, error), 409
        except Wrong as error:
            return _again(parts, kind, ref, typed, Shown(error.problems, error, mark=wanted.mark)), 400
        except Hurts as error:
            shown = Shown({}, error, error.consequences, error.sure, wanted.mark)
            return _again(parts, kind, ref, typed, shown), 409
        if not moved:
            flash(gettext("Nothing was different, so nothing was saved."), "note")
            return redirect(url_for("programme.edit", file=file, ref=ref), 303)
        told = gettext("Saved.") if kind is CATEGORY else gettext("Saved. The kiosks hear of it at once.")
        return _saved(parts, kind, ref, str(told))


def _end(pages: Blueprint, parts: Parts) -> None:
    @pages.post("/programme/sessions/<ref>/close")
    @only(ORGANISERS)
    def close(ref: str) -> ResponseReturnValue:
        by = who()
        try:
            parts.store.write(lambda c: editing.close(c, ref, by, parts.clock()))
        except Missing:
            abort(404)
        except ConfigError as error:
            return _refused(parts, ref, error), 409
        return _saved(parts, SESSION, ref, str(gettext("Its doors are closed. The kiosks hear of it at once.")))

    @pages.post("/programme/sessions/<ref>/delete")
    @only(ORGANISERS)
    def delete(ref: str) -> ResponseReturnValue:
        by, seen = who(), request.form.get("mark", "")
        try:
            parts.store.write(lambda c: editing.remove(c, ref, seen, by, parts.clock()))
        except Missing:
            abort(404)
        except ConfigError as error:
            return _refused(parts, ref, error), 409
        parts.hub.tell(NEWS, ROOMS)
        flash(gettext("Deleted. The kiosks hear of it at once."), "done")
        return redirect(url_for("programme.index"), 303)


def typed_in(kind: Kind, form: MultiDict[str, str]) -> Cells:
    """The fields of a form as the cells of an import."""
    cells = {name: form[name].strip() for name in kind.words if name in form}
    if kind is not SESSION:
        return cells
    rule = form.get("rule", "")
    ticked = " ".join(form.getlist("category"))
    cells["who"] = {"everyone": EVERYONE, "invited": INVITED}.get(rule, ticked)
    cells["zones"] = " ".join(form.getlist("zone"))
    return cells | {name: form.get(name, "") for name in ("starts_fold", "ends_fold")}


def _saved(parts: Parts, kind: Kind, ref: str, told: str) -> ResponseReturnValue:
    parts.hub.tell(NEWS, ROOMS)
    flash(told, "done")
    return redirect(url_for("programme.edit", file=kind.file, ref=ref), 303)


def _find(connection: Connection, kind: Kind, ref: str) -> Mapping[str, Any]:
    try:
        return things.find(connection, kind, ref)
    except Missing:
        abort(404)


def _again(parts: Parts, kind: Kind, ref: str, typed: Cells, shown: Shown) -> str:
    with parts.store.read() as connection:
        row = _find(connection, kind, ref)
        cells = things.cells(connection, kind, row, parts.current.get().event.zone)
        return _page(parts, connection, kind, row, cells | typed, shown)


def _refused(parts: Parts, ref: str, error: ConfigError) -> str:
    with parts.store.read() as connection:
        row = _find(connection, SESSION, ref)
        cells = things.cells(connection, SESSION, row, parts.current.get().event.zone)
        return _page(parts, connection, SESSION, row, cells, Shown(problem=error, mark=things.mark(row)))


def _conflict(parts: Parts, kind: Kind, ref: str, typed: Cells, error: Changed) -> str:
    with parts.store.read() as connection:
        line = next(iter(history.read(connection, kind, ref, 1).lines), None)
        names = _names(connection)
    mine = error.theirs | typed
    return render_template(
        "programme_conflict.html",
        active="programme",
        kind=kind,
        ref=ref,
        last=line,
        theirs=error.theirs,
        mine=mine,
        differs=[name for name in kind.words if mine.get(name, "") != error.theirs.get(name, "")],
        mark=error.mark,
        said=lambda name, cell: _said(names, name, cell),
        problem=error,
    )


def _blank(connection: Connection, parts: Parts, kind: Kind) -> Cells:
    """A new one's fields: empty, those of the one that is copied, or what the link to the form says."""
    cells = dict.fromkeys(kind.words, "")
    if kind is SESSION:
        cells |= {"who": EVERYONE, "doors_open": "30"}
    if kind is CATEGORY:
        cells["colour"] = "#1f6f8b"
    if copied := request.args.get("copy", ""):
        cells = things.cells(connection, kind, _find(connection, kind, copied), parts.current.get().event.zone)
        cells[kind.column] = ""
    return cells | {name: request.args[name][:300] for name in kind.words if name in request.args}


def _names(connection: Connection) -> dict[tuple[str, str], str]:
    """What cells stand for, in words: (column, cell)."""
    rooms = connection.execute(select(schema.room.c.id, schema.room.c.name)).all()
    found = {(column, ref): name for ref, name in rooms for column in ("room", "inside", "from", "overflow")}
    found |= {("exits", name.value): say(word) for name, word in EXITS.items()}
    found |= {("direction", name.value): say(word) for name, word in DIRECTIONS.items()}
    return found | {("who", EVERYONE): say(_("everyone")), ("who", INVITED): say(_("invited only"))}


def _said(names: Mapping[tuple[str, str], str], name: str, cell: str) -> str:
    """A cell as a sentence names it."""
    return cell.replace("T", " ") if name in ("starts", "ends") else names.get((name, cell), cell)


def _page(
    parts: Parts, connection: Connection, kind: Kind, row: Mapping[str, Any] | None, cells: Cells, shown: Shown
) -> str:
    ref = str(row[kind.key]) if row is not None else ""
    names, now = _names(connection), parts.clock()
    known = facts.read(connection, parts.current.get().event)
    found = [one for one in findings.find(known, now) if ref and one.concerns(kind.name, ref)]
    category = schema.category.c
    return render_template(
        f"{kind.name}_form.html",
        active="programme",
        kind=kind,
        ref=ref,
        row=row,
        title=TITLES[kind][bool(ref)],
        cells=cells,
        shown=shown,
        found=found,
        facts=known,
        plan=known.programme,
        session=next((one for one in known.programme.sessions if one.id == ref), None) if kind is SESSION else None,
        listed=lists.counts(connection, ref) if kind is SESSION and ref else (0, 0),
        passed=editing.happened(connection, ref) if kind is SESSION and ref else 0,
        counted=counting.has_counted(connection, ref) if kind is ROOM and ref else False,
        categories=connection.execute(select(schema.category).order_by(category.code)).mappings().all(),
        themes=connection.execute(select(schema.session.c.theme).distinct().order_by(schema.session.c.theme))
        .scalars()
        .all(),
        zones=range(1, ZONES + 1),
        exits=EXITS,
        directions=DIRECTIONS,
        now=now,
        past=history.read(connection, kind, ref) if ref else None,
        said=lambda name, cell: _said(names, name, cell),
        spread=reach.read(connection, now),
        acts=current_user.role in SUPERVISORS or current_user.role is Role.ADMIN,
    )
