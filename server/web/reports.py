"""Reports of attendance: a page for the event and each of its days, one for each session, their pictures and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from babel.dates import format_date
from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, get_locale

from admission.errors import ConfigError
from server import minister, trail
from server.current import Picture
from server.reports import days, files, findings, pictures, session, tables
from server.reports.day import Report
from server.reports.days import Span
from server.reports.pictures import Canvas
from server.reports.session import SessionReport
from server.reports.shelf import Shelf
from server.reports.tables import Column, Table
from server.reports.voice import NO_DELEGATION, Voice
from server.store.instants import from_ms, to_ms
from server.web import auth, errors, i18n
from server.web.auth import LOG_READERS, only

if TYPE_CHECKING:
    from server.web import Parts

PAGE = 50
"""Rows of a long table on a page."""
PDF_LANGUAGES = ("en", "fr")


def blueprint(parts: Parts) -> Blueprint:
    """The event and its days; a session; pictures, tables as CSV, the day as a PDF."""
    pages = Blueprint("reports", __name__)
    shelf = Shelf(parts.store, parts.clock)
    _show(pages, parts, shelf)
    _session(pages, parts)
    _files(pages, parts, shelf)
    return pages


def voice_of(zone: Any, *, dated: bool = False) -> Voice:
    """The language of this request, by the venue's clock."""

    def full_day(day: Any) -> str:
        return str(format_date(day, "EEEE d MMMM y", locale=get_locale()))

    def short_day(day: Any) -> str:
        return str(format_date(day, "EEE d", locale=get_locale()))

    return Voice(zone, i18n.say, i18n.number, full_day, short_day, dated)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about: the present picture of the event, the span, its report, and how to say it."""

    picture: Picture
    span: Span
    report: Report
    voice: Voice


def _ask(parts: Parts, shelf: Shelf) -> Asked:
    """Raises ConfigError for what is no day."""
    picture = parts.current.get()
    zone = picture.event.zone
    span = days.choose(request.args.get("day", "").strip(), shelf.days(picture), zone, parts.clock())
    return Asked(picture, span, shelf.report(picture, span), voice_of(zone, dated=span.day is None))


def _show(pages: Blueprint, parts: Parts, shelf: Shelf) -> None:
    @pages.get("/reports")
    @only(LOG_READERS)
    def index() -> ResponseReturnValue:
        try:
            asked = _ask(parts, shelf)
        except ConfigError as error:
            return errors.answer(400, i18n.say(error))
        made = {name: tables.make(name, asked.report, asked.voice) for name in tables.TABLES if name != "arrivals"}
        made["arrivals"] = tables.arrivals_by_hour(asked.report, asked.voice)
        paged, turn = _paged(made["delegations"], request.args.get("delegations", 1, type=int))
        return render_template(
            "reports.html",
            active="reports",
            report=asked.report,
            days=[(one.isoformat(), asked.voice.short_day(one)) for one in shelf.days(asked.picture)],
            title=_title(asked),
            made=f"{from_ms(to_ms(asked.report.made)).astimezone(asked.voice.zone):%H:%M:%S}",
            voice=asked.voice,
            finding={name: said(asked.report, asked.voice) for name, said in findings.FINDINGS.items()},
            tables=made | {"delegations": paged},
            turn=turn,
            cell=_cell(asked.voice),
            source=_source("reports.picture", asked.report.made, day=asked.span.name),
            pdf_languages=PDF_LANGUAGES,
        )

    @pages.get("/reports/<name>.svg")
    @only(LOG_READERS)
    def picture(name: str) -> ResponseReturnValue:
        try:
            asked = _ask(parts, shelf)
            return _svg(pictures.draw(name, asked.report, asked.voice, _canvas()))
        except ConfigError as error:
            return errors.answer(404, i18n.say(error))


def _session(pages: Blueprint, parts: Parts) -> None:
    def read(name: str) -> tuple[SessionReport, Voice]:
        picture = parts.current.get()
        with parts.store.read() as connection:
            found = session.read(connection, picture.programme, name, parts.clock())
        return found, voice_of(picture.event.zone)

    @pages.get("/reports/session/<name>", endpoint="session")
    @only(LOG_READERS)
    def session_page(name: str) -> ResponseReturnValue:
        try:
            report, voice = read(name)
        except ConfigError as error:
            return errors.answer(404, i18n.say(error))
        starts, ends = (at.astimezone(voice.zone) for at in (report.talk.session.starts, report.talk.session.ends))
        return render_template(
            "report_session.html",
            active="reports",
            report=report,
            talk=report.talk,
            voice=voice,
            when=f"{voice.full_day(starts.date())}, {starts:%H:%M}–{ends:%H:%M}",  # noqa: RUF001
            day=starts.date().isoformat(),
            arrivals=[(voice.gate(gate), count) for gate, count in report.arrivals],
            finding=pictures.fullest(voice, report.talk),
            refused=[(voice.reason(code), count) for code, count in report.refused],
            categories=[(one.name, one.attendances) for one in report.categories],
            delegations=[(voice.group(one.name, NO_DELEGATION), one.attendances) for one in report.delegations],
            source=_source("reports.session_picture", report.made, name=name),
        )

    @pages.get("/reports/session/<name>/<which>.svg")
    @only(LOG_READERS)
    def session_picture(name: str, which: str) -> ResponseReturnValue:
        try:
            report, voice = read(name)
            return _svg(pictures.draw_session(which, report, voice, _canvas()))
        except ConfigError as error:
            return errors.answer(404, i18n.say(error))


def _files(pages: Blueprint, parts: Parts, shelf: Shelf) -> None:
    def taken(what: str, asked: Asked, facts: Mapping[str, object]) -> None:
        at, who = to_ms(parts.clock()), auth.who()
        told = {"day": asked.span.name} | dict(facts)
        parts.store.write(lambda connection: trail.note(connection, who, at, "exported", "report", what, told))

    @pages.get("/reports/<name>.csv")
    @only(LOG_READERS)
    def table(name: str) -> ResponseReturnValue:
        try:
            asked = _ask(parts, shelf)
            made = tables.make(name, asked.report, asked.voice)
        except ConfigError as error:
            return errors.answer(404, i18n.say(error))
        taken(name, asked, {"format": "csv", "rows": len(made.rows)})
        file = f"threshold-{name}-{asked.span.name}.csv"
        return Response("".join(files.lines(asked.voice, made)), mimetype="text/csv", headers=_attached(file))

    @pages.get("/reports/day.pdf")
    @only(LOG_READERS)
    def pdf() -> ResponseReturnValue:
        language = request.args.get("language", i18n.language())
        language = language if language in PDF_LANGUAGES else PDF_LANGUAGES[0]
        with force_locale(language):
            try:
                asked = _ask(parts, shelf)
            except ConfigError as error:
                return errors.answer(404, i18n.say(error))
            drawn = minister.draw(asked.report, asked.voice, minister.Cover(asked.picture.event.name, _title(asked)))
        taken("day", asked, {"format": "pdf", "language": language})
        file = f"threshold-day-{asked.span.name}-{language}.pdf"
        return Response(drawn, mimetype="application/pdf", headers=_attached(file))


def _title(asked: Asked) -> str:
    """The day in words, or the first and last of them."""
    if asked.span.day is not None:
        said = asked.voice.full_day(asked.span.day)
        return said[:1].upper() + said[1:]
    first = from_ms(asked.span.since).astimezone(asked.voice.zone).date()
    last = from_ms(asked.span.until - 1).astimezone(asked.voice.zone).date()
    return f"{asked.voice.full_day(first)} – {asked.voice.full_day(last)}"  # noqa: RUF001


def _paged(table: Table, page: int) -> tuple[Table, tuple[int, int]]:
    """A page of the table, and (this page, the last page)."""
    last = max(1, -(-len(table.rows) // PAGE))
    page = min(max(1, page), last)
    return Table(table.columns, table.rows[(page - 1) * PAGE : page * PAGE]), (page, last)


def _cell(voice: Voice) -> Callable[[Column, object], str]:
    return lambda column, value: tables.cell(voice, column, value)


def _canvas() -> Canvas:
    return Canvas(request.args.get("width", "wide"), request.args.get("look", "light"))


def _source(endpoint: str, made: Any, **which: str) -> Callable[[str, str, str], str]:
    """Addresses of pictures; they differ when their numbers or their language do, so that they can be kept."""

    def source(name: str, width: str, look: str) -> str:
        key = "which" if "name" in which else "name"
        values: dict[str, Any] = which | {key: name, "mark": f"{i18n.language()}{to_ms(made)}"}
        return url_for(endpoint, width=width, look=look, **values)

    return source


def _svg(text: str) -> Response:
    headers = {"Cache-Control": "private, max-age=300", "Content-Security-Policy": "default-src 'none'"}
    return Response(text, mimetype="image/svg+xml", headers=headers)


def _attached(file: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename={file}", "Cache-Control": "no-store"}


__all__: Sequence[str] = ("blueprint", "voice_of")
