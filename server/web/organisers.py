"""Organisers' pages: the log."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from server import log
from server.web import errors
from server.web.auth import LOG_READERS, only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.web import Parts

FIELDS = ("q", "session", "gate", "organisation", "verdict", "since", "until")


def blueprint(parts: Parts) -> Blueprint:
    """The log as a page and as CSV."""
    pages = Blueprint("organisers", __name__)

    @pages.get("/log", endpoint="log")
    @only(LOG_READERS)
    def log_page() -> ResponseReturnValue:
        zone = parts.current.get().event.zone
        try:
            filters = log.parse_filters(request.args, zone)
        except log.BadFilter as error:
            return errors.answer(400, str(error))
        before, after = request.args.get("before", type=_number), request.args.get("after", type=_number)
        with parts.store.read() as connection:
            page = log.page(connection, filters, before, after, zone)
            choices = log.choices(connection)
        return render_template(
            "log.html",
            active="log",
            rows=page.rows,
            filters={name: request.args.get(name, "") for name in FIELDS},
            choices=choices,
            older=_link(before=page.older),
            newer=_link(after=page.newer),
            csv_url=f"{url_for('organisers.log_csv')}?{urlencode(_given())}",
        )

    @pages.get("/log.csv")
    @only(LOG_READERS)
    def log_csv() -> ResponseReturnValue:
        picture = parts.current.get()
        try:
            filters = log.parse_filters(request.args, picture.event.zone)
        except log.BadFilter as error:
            return errors.answer(400, str(error))

        def lines() -> Iterator[str]:
            with parts.store.read() as connection:
                yield from log.export(connection, filters, picture.event.zone)

        name = f"threshold-log-{parts.clock().astimezone(picture.event.zone):%Y%m%d-%H%M}.csv"
        headers = {"Content-Disposition": f"attachment; filename={name}", "Cache-Control": "no-store"}
        return Response(stream_with_context(lines()), mimetype="text/csv", headers=headers)

    return pages


def _number(text: str) -> int:
    """A passage's number. Raises ValueError, upon which the cursor is passed over."""
    if not 0 <= (number := int(text)) < 2**63:
        raise ValueError("no passage can have this number")
    return number


def _given() -> dict[str, str]:
    return {name: request.args[name] for name in FIELDS if request.args.get(name)}


def _link(**cursor: int | None) -> str | None:
    """This page's address with another cursor; None where there is nothing."""
    if all(value is None for value in cursor.values()):
        return None
    return f"{url_for('organisers.log')}?{urlencode(_given() | {k: str(v) for k, v in cursor.items()})}"
