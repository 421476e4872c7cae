"""One person's privacy: found, everything that is held of them, taken home, erased."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from admission.errors import ConfigError
from server import archive, disclosure, erasure, trail
from server.erasure import Preview
from server.live import NEWS, ROOMS
from server.phrase import phrase
from server.store.instants import from_ms, to_ms
from server.users import Role
from server.web import auth
from server.web.auth import ORGANISERS, only
from server.workshop import Workshop

if TYPE_CHECKING:
    from server.web import Parts

READERS = ORGANISERS | {Role.AUDITOR}
MAKES = {"json": (disclosure.as_json, "application/json"), "zip": (disclosure.as_zip, "application/zip")}


def add(pages: Blueprint, parts: Parts) -> None:
    """Adds the pages of one person to those of privacy."""

    @pages.get("/person")
    @only(READERS)
    def search() -> ResponseReturnValue:
        q = request.args.get("q", "").strip()[:200]
        with parts.store.read() as connection:
            matches = erasure.search(connection, q)
        if q:
            _note(parts, "searched", "people", "", {"found": len(matches)})
        return page_of(parts, "person", "privacy_search.html", q=q, matches=matches, most=erasure.MOST)

    @pages.get("/person/<ref>")
    @only(READERS)
    def person(ref: str) -> ResponseReturnValue:
        one = _found(parts, ref)
        _note(parts, "viewed", "person", one.subject.ref)
        return _show(parts, one)

    @pages.get("/person/<ref>/everything.<kind>")
    @only(ORGANISERS)
    def everything(ref: str, kind: str) -> ResponseReturnValue:
        return _taken_home(parts, _found(parts, ref).subject.ref, kind)

    @pages.post("/person/<ref>/erase")
    @only(ORGANISERS)
    def erase(ref: str) -> ResponseReturnValue:
        one, typed, reason = _found(parts, ref), request.form.get("typed", "")[:64], request.form.get("reason", "")
        try:
            passages = _erase(parts, one.subject.ref, typed, reason)
        except ConfigError as error:
            return _show(parts, one, problem=error, typed=typed, reason=reason[:1000]), 400
        flash(gettext("Erased. Names were cut from %(passages)s passages; the counts stay.", passages=passages), "done")
        return redirect(url_for("privacy.search"), 303)


def page_of(parts: Parts, tab: str, template: str, **words: Any) -> str:
    """A page of privacy: one tab is open, times are the venue's."""
    zone = parts.current.get().event.zone
    words |= {"tab": tab, "may_act": current_user.role in ORGANISERS, "zone": str(zone)}
    return render_template(template, active="privacy", local=lambda ms: from_ms(ms).astimezone(zone), **words)


def local_now(parts: Parts) -> datetime:
    """Now, by the venue's clock."""
    return parts.clock().astimezone(parts.current.get().event.zone)


def _found(parts: Parts, ref: str) -> Preview:
    try:
        with parts.store.read() as connection:
            return erasure.preview(connection, ref)
    except ConfigError:
        abort(404)


def _erase(parts: Parts, ref: str, typed: str, reason: str) -> int:
    """Erases the person, deletes the files that may name them, and lets kiosks hear; the number of passages that were
    theirs. Raises ConfigError."""
    if "\0" in reason:
        raise ConfigError(phrase("the reason holds a character that cannot be kept; write it again"))
    who, now = auth.who(), parts.clock()
    _, done = parts.store.write(lambda c: erasure.erase(c, ref, typed, reason, who, now), patient=True)
    Workshop(parts.store, parts.clock, archive.make).withdraw()
    parts.hub.tell(NEWS, ROOMS)
    return done.passages


def _taken_home(parts: Parts, ref: str, kind: str) -> Response:
    if kind not in MAKES:
        abort(404)
    make, mimetype = MAKES[kind]
    event = parts.current.get().event
    with parts.store.read() as connection:
        rows = disclosure.collect(connection, ref, event.zone)
    _note(parts, "exported", "person", ref, {"rows": disclosure.count(rows), "format": kind})
    headers = {"Content-Disposition": f"attachment; filename=person-{ref}.{kind}", "Cache-Control": "no-store"}
    return Response(make(rows, event.name, local_now(parts)), mimetype=mimetype, headers=headers)


def _show(parts: Parts, one: Preview, **more: Any) -> str:
    with parts.store.read() as connection:
        rows = disclosure.collect(connection, one.subject.ref, parts.current.get().event.zone)
    words: dict[str, Any] = {"counts": {name: len(each) for name, each in rows.items()}, "what": disclosure.WHAT}
    words |= {"problem": "", "typed": "", "reason": ""} | more
    return page_of(parts, "person", "privacy_person.html", one=one, **words)


def _note(parts: Parts, what: str, about: str, ref: str, facts: dict[str, object] | None = None) -> None:
    who, now = auth.who(), to_ms(parts.clock())
    parts.store.write(lambda connection: trail.note(connection, who, now, what, about, ref, facts))
