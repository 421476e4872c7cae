"""Organisers' pages: the log, a person's whole day, a session's whole attendance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import Connection

from server import filters as filtering
from server import log, trail
from server.cells import line as csv_line
from server.exports import Format
from server.filters import FIELDS, BadFilter, Filters, parse_filters
from server.phrase import marked as _
from server.store.instants import to_ms
from server.web import auth, errors, whole
from server.web.auth import LOG_READERS, only
from server.web.viewings import Viewings

if TYPE_CHECKING:
    from server.web import Parts

LABELS = {
    "q": _("Person or organisation"),
    "person": _("Person"),
    "badge": _("Badge"),
    "session": _("Session"),
    "room": _("Room"),
    "gate": _("Gate"),
    "kiosk": _("Kiosk"),
    "kind": _("Kind"),
    "verdict": _("Verdict"),
    "reason": _("Reason"),
    "flag": _("Mark"),
    "category": _("Category"),
    "delegation": _("Delegation"),
    "organisation": _("Organisation"),
    "steward": _("Steward"),
    "since": _("Since"),
    "until": _("Until"),
}
FIRST = ("q", "session", "verdict")
"""The filters that always show."""
CHOICES = {
    "session": "sessions",
    "gate": "gates",
    "room": "rooms",
    "kiosk": "kiosks",
    "category": "categories",
    "delegation": "delegations",
    "verdict": "verdicts",
    "kind": "kinds",
    "reason": "reasons",
    "flag": "flags",
}
WORDS = frozenset({"verdict", "kind", "reason", "flag"})
"""Choices whose words are ours, and so translated."""


def blueprint(parts: Parts) -> Blueprint:
    """The log as a page and as CSV; a person's day; a session's attendance."""
    pages = Blueprint("organisers", __name__)
    viewings = Viewings(parts)

    @pages.get("/log", endpoint="log")
    @only(LOG_READERS)
    def log_page() -> ResponseReturnValue:
        zone, fields = parts.current.get().event.zone, filtering.given(request.args)
        try:
            filters = parse_filters(request.args, zone)
        except BadFilter as error:
            return errors.answer(400, error)
        viewings.note("log", "", fields)
        before, after = request.args.get("before", type=_number), request.args.get("after", type=_number)
        with parts.store.read() as connection:
            page = log.page(connection, filters, before, after, zone)
            choices = log.choices(connection)
        return render_template(
            "log.html",
            active="log",
            rows=page.rows,
            filters={name: request.args.get(name, "") for name in FIELDS},
            fields=fields,
            more=any(name in fields for name in FIELDS if name not in FIRST),
            chips=list(_chips(fields, choices)),
            quick=_quick(parts, fields),
            choices=choices,
            labels=LABELS,
            formats=list(Format),
            older=_link(fields, before=page.older),
            newer=_link(fields, after=page.newer),
            csv_url=_address("organisers.log_csv", fields),
            **words(),
        )

    @pages.get("/log.csv")
    @only(LOG_READERS)
    def log_csv() -> ResponseReturnValue:
        picture, now = parts.current.get(), parts.clock()
        try:
            filters = parse_filters(request.args, picture.event.zone)
        except BadFilter as error:
            return errors.answer(400, error)
        facts = {"format": "csv", "filters": filtering.discreet(filtering.given(request.args))}
        who = auth.who()
        parts.store.write(lambda c: trail.note(c, who, to_ms(now), "exported", "log", "", facts))
        name = f"threshold-log-{now.astimezone(picture.event.zone):%Y%m%d-%H%M}.csv"
        return taken_home(_lines(parts, filters), "text/csv", name)

    whole.add(pages, parts, viewings)
    return pages


def said(name: str, value: str, choices: Mapping[str, list[tuple[str, str]]]) -> str:
    """A filter's value in words."""
    if name in CHOICES:
        known = dict(choices[CHOICES[name]]).get(value) or value
        return str(gettext(known)) if name in WORDS else known
    return value.replace("T", " ") if name in ("since", "until") else value


def taken_home(body: Iterable[str] | bytes, mimetype: str, name: str) -> Response:
    """A file that the browser saves, and that nobody on the way keeps."""
    headers = {"Content-Disposition": f"attachment; filename={name}", "Cache-Control": "no-store"}
    whole_body = body if isinstance(body, bytes) else stream_with_context(iter(body))
    return Response(whole_body, mimetype=mimetype, headers=headers)


def words() -> dict[str, Any]:
    """What a passage's words are called on pages; a word that is missing is shown as it was noted."""
    return {
        "kinds": dict(filtering.KINDS),
        "verdicts": dict(filtering.VERDICTS),
        "marks": dict(filtering.FLAGS)
        | {"counted": _("counted without a badge"), "annuls_nothing": _("names no entry")},
        "reasons": dict(filtering.REASONS),
    }


def _lines(parts: Parts, filters: Filters) -> Iterator[str]:
    """The log as CSV. Every part is read with a connection of its own, that is not held while the client takes it."""

    def reading(work: Callable[[Connection], list[log.Record]]) -> list[log.Record]:
        with parts.store.read() as connection:
            return work(connection)

    with parts.store.read() as connection:
        last = log.newest(connection)
    yield "\ufeff" + csv_line(log.HEADER)
    for records in log.parts(reading, filters, last, parts.current.get().event.zone):
        yield "".join(csv_line(log.cells(record)) for record in records)


def _number(text: str) -> int:
    """A passage's number. Raises ValueError, upon which the cursor is passed over."""
    if not 0 <= (number := int(text)) < 2**63:
        raise ValueError("no passage can have this number")
    return number


def _link(fields: Mapping[str, str], **cursor: int | None) -> str | None:
    """This page's address with another cursor; None where there is nothing."""
    if all(value is None for value in cursor.values()):
        return None
    return _address("organisers.log", dict(fields) | {name: str(value) for name, value in cursor.items()})


def _address(endpoint: str, fields: Mapping[str, str]) -> str:
    return url_for(endpoint) + (f"?{urlencode(fields)}" if fields else "")


def _chips(fields: Mapping[str, str], choices: Mapping[str, list[tuple[str, str]]]) -> Iterator[dict[str, str]]:
    """What is filtered by, in words, each with the address without it."""
    for name, value in fields.items():
        rest = {key: kept for key, kept in fields.items() if key != name}
        yield {"name": LABELS[name], "value": said(name, value, choices), "without": _address("organisers.log", rest)}


def _quick(parts: Parts, fields: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """What is asked for most: (in words, the address, whether that is what is shown)."""
    now = parts.clock().astimezone(parts.current.get().event.zone)
    hour, today = f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}", f"{now:%Y-%m-%d}T00:00"
    asked = (
        (_("Today"), {"since": today}),
        (_("The last hour"), {"since": hour}),
        (_("Refusals"), {"verdict": "refused"}),
        (_("Let in by a steward"), {"verdict": "forced"}),
    )
    found = []
    for label, wanted in asked:
        on = all(fields.get(name) == value for name, value in wanted.items())
        rest = {name: value for name, value in fields.items() if name not in wanted}
        rest = {name: value for name, value in rest.items() if not ("since" in wanted and name == "until")}
        found.append((label, _address("organisers.log", rest if on else rest | wanted), on))
    return found
