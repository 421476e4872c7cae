"""A person's whole day and a session's whole attendance, as pages and as files."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue

from server import attendance, person_day, trail
from server.attendance import Held
from server.cells import line as csv_line
from server.deeds import DEEDS
from server.filters import FLAGS, KINDS, REASONS, VERDICTS
from server.phrase import marked as _
from server.spreadsheet import Heading, Workbook
from server.store.instants import to_ms
from server.web import auth
from server.web.auth import LOG_READERS, only

if TYPE_CHECKING:
    from server.web import Parts
    from server.web.viewings import Viewings

TABS = {"came": _("Came"), "absent": _("Listed and absent"), "refused": _("Sent away")}
HOWS = {
    "exit": _("left"),
    "elsewhere": _("seen in another room"),
    "annulled": _("entry annulled"),
    "swept": _("the room was cleared"),
    "forgiven": _("set to outside by a supervisor"),
}
STEPS = dict(KINDS) | {
    "issued": _("Badge issued"),
    "revoked": _("Badge revoked"),
    "printed": _("Badge printed"),
    "handed": _("Badge handed over"),
}
TYPES = {"csv": "text/csv", "jsonl": "application/jsonl"}
TYPES["xlsx"] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WIDE = {"name": 28, "organisation": 28, "delegation": 20, "came": 18, "left": 18}


def add(pages: Blueprint, parts: Parts, viewings: Viewings) -> None:
    """Adds the pages to the log's."""
    _person(pages, parts, viewings)
    _session(pages, parts, viewings)
    _files(pages, parts)


def _person(pages: Blueprint, parts: Parts, viewings: Viewings) -> None:
    @pages.get("/log/person/<ref>")
    @only(LOG_READERS)
    def person(ref: str) -> ResponseReturnValue:
        zone, now = parts.current.get().event.zone, parts.clock()
        with parts.store.read() as connection:
            who = person_day.find(connection, _possible(ref).lower()) or abort(404)
            days = person_day.days(connection, who, zone)
            on = _day(request.args.get("day", "")) or (days[-1] if days else now.astimezone(zone).date())
            day = person_day.read(connection, who, on, now, zone)
            cards = person_day.cards(connection, who, zone)
        viewings.note("person", who.ref)
        titles = {kind: deed.title for kind, deed in DEEDS.items()}
        rooms = list(dict.fromkeys(bar.room for bar in day.bars))
        shown = {"days": days, "day": day, "cards": cards, "rooms": rooms, "titles": titles}
        return render_template("log_person.html", active="log", who=who, **shown, **_words())


def _session(pages: Blueprint, parts: Parts, viewings: Viewings) -> None:
    @pages.get("/log/session/<number>")
    @only(LOG_READERS)
    def session(number: str) -> ResponseReturnValue:
        show, page = request.args.get("show", "came"), request.args.get("page", 0, type=int)
        if show not in TABS or not 0 <= page < 10_000:
            abort(404)
        zone, now = parts.current.get().event.zone, parts.clock()
        with parts.store.read() as connection:
            held = attendance.find(connection, _possible(number), zone) or abort(404)
            figures = attendance.figures(connection, held, now)
            rows: list[Any] = []
            if show == "came":
                rows = list(attendance.attendees(connection, held, now, page=page))
            elif show == "absent":
                rows = list(attendance.absentees(connection, held, page=page))
        viewings.note("session", held.id)
        counts = {"came": figures.came, "absent": figures.absent, "refused": figures.refusals}
        shown = {"held": held, "figures": figures, "show": show, "page": page, "rows": rows}
        more = show != "refused" and (page + 1) * attendance.PAGE < counts[show]
        labels = TABS | ({"absent": _("Listed, not there yet")} if now <= held.ends else {})
        tabs = [(name, label, counts[name]) for name, label in labels.items()]
        return render_template("log_session.html", active="log", now=now, tabs=tabs, more=more, **shown, **_words())


def _files(pages: Blueprint, parts: Parts) -> None:
    @pages.get("/log/session/<number>/attendance.<any(csv, xlsx, jsonl):form>")
    @only(LOG_READERS)
    def attendance_file(number: str, form: str) -> ResponseReturnValue:
        zone, now, who = parts.current.get().event.zone, parts.clock(), auth.who()
        absent = request.args.get("show") == "absent"
        with parts.store.read() as connection:
            held = attendance.find(connection, _possible(number), zone) or abort(404)
            if absent:
                header = attendance.HEADER_ABSENT
                rows = attendance.lines(attendance.absentees(connection, held, size=None), header)
            else:
                header = attendance.HEADER
                rows = attendance.lines(attendance.attendees(connection, held, now, size=None), header)
        facts = {"format": form, "show": "absent" if absent else "came"}
        parts.store.write(lambda c: trail.note(c, who, to_ms(now), "exported", "session", held.id, facts))
        return _file(held, rows, header, form)


def _words() -> dict[str, Any]:
    marks = dict(FLAGS) | dict(VERDICTS)
    return {"steps": STEPS, "reasons": dict(REASONS), "marks": marks, "hows": HOWS}


def _possible(ref: str) -> str:
    """A reference that may be one. Gives 404 for what no database takes."""
    if "\0" in ref or len(ref) > 64:
        abort(404)
    return ref


def _day(text: str) -> date | None:
    """A day, as addresses have it; None: of none. Gives 404 for what is none."""
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        abort(404)
    return found if 2000 <= found.year < 3000 else abort(404)


def _file(held: Held, rows: list[dict[str, Any]], header: list[str], form: str) -> Response:
    name = f"threshold-attendance-{held.id}.{form}"
    headers = {"Content-Disposition": f"attachment; filename={name}", "Cache-Control": "no-store"}
    return Response(_body(rows, header, form), mimetype=TYPES[form], headers=headers)


def _body(rows: list[dict[str, Any]], header: list[str], form: str) -> bytes:
    if form == "xlsx":
        return _sheet(rows, header)
    if form == "jsonl":
        return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    lines = [csv_line([_text(row[name]) for name in header]) for row in rows]
    return ("\ufeff" + csv_line(header) + "".join(lines)).encode()


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:%Y-%m-%d %H:%M:%S}" if hasattr(value, "strftime") else str(value)


def _sheet(rows: list[dict[str, Any]], header: list[str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="threshold-") as folder:
        path = Path(folder) / "attendance.xlsx"
        instants = ("came", "left")
        columns = [Heading(n, WIDE.get(n, 11), "yyyy-mm-dd hh:mm:ss" if n in instants else "") for n in header]
        with Workbook(path, "Attendance", columns) as book:
            for row in rows:
                cells = [row[name] for name in header]
                book.append([c.replace(tzinfo=None, microsecond=0) if hasattr(c, "tzinfo") else c for c in cells])
        return path.read_bytes()
