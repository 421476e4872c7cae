"""Where a roll call's marks arrive: from the page's script, many at once, and from its buttons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Blueprint, Response, abort, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from sqlalchemy import Connection

from admission.errors import ConfigError
from server import roll_call
from server.roll_call import Ended, Scanned
from server.web import i18n, roll_view
from server.web.auth import ROLL_CALLERS, only
from server.web.roll_copy import Copies

if TYPE_CHECKING:
    from server.web import Parts

MOST_MARKS = 5_000
MOST_SCANS = 100
LONGEST_CODE = 500
NUMBERS = range(-(2**31), 2**63)


def register(pages: Blueprint, parts: Parts, copies: Copies) -> None:
    """Adds where marks are posted to."""

    @pages.post("/roll-call/<int:number>/marks")
    @only(ROLL_CALLERS)
    def marks(number: int) -> ResponseReturnValue:
        """Ticks, what is taken back, and scanned badges; all of it or nothing."""
        asked = _marks(request.get_json(silent=True))
        if asked is None:
            return jsonify(error="Not understood", what="these are no marks", do="load the page again"), 400
        try:
            seen = _mark(parts, possible(number), *asked)
        except Ended as problem:
            return jsonify(error="Ended", what=i18n.say(problem), do=""), 409
        except ConfigError:
            abort(404)
        copies.forget(number)
        return fresh({"scans": [_seen(one) for one in seen]})

    @pages.post("/roll-call/<int:number>/mark")
    @only(ROLL_CALLERS)
    def mark(number: int) -> ResponseReturnValue:
        """A person, or a whole delegation."""
        asked, whole = roll_view.parse(request.form), request.form.get("whole")
        safe = _delegation(parts, possible(number), whole) if whole is not None else _holders("safe")
        try:
            _mark(parts, number, safe, dict.fromkeys(_holders("undo")), [])
        except ConfigError as problem:
            flash(i18n.say(problem), "warn")
        else:
            _tell(len(safe), whole=whole is not None)
        copies.forget(number)
        return redirect(url_for("roll_call.call", number=number, **asked.query(page=asked.page)), 303)


def fresh(body: Mapping[str, object]) -> Response:
    """An answer to the page's script, with what it needs to go on: whose page it is, and a token that is good now."""
    text = msgspec.json.encode({**body, "user": current_user.name, "csrf": generate_csrf()})
    return Response(text, mimetype="application/json", headers={"Cache-Control": "no-store"})


def possible(number: int) -> int:
    """A number that a roll call can have; the page is not found otherwise."""
    return number if number in NUMBERS else abort(404)


def _tell(people: int, *, whole: bool) -> None:
    if whole:
        flash(ngettext("%(num)s person is marked safe.", "%(num)s people are marked safe.", people), "done")


def _delegation(parts: Parts, number: int, name: str) -> list[int]:
    with parts.store.read() as connection:
        found = roll_call.state(connection, parts.current.get().programme, number, parts.clock())
    return [one.holder for one in (found or abort(404)).listed if one.delegation == name]


def _holders(name: str) -> list[int]:
    one = request.form.get(name, type=int)
    return [one] if one is not None and one in NUMBERS else []


def _mark(
    parts: Parts, number: int, ticks: list[int], undone: Mapping[int, int | None], scans: list[tuple[str, str]]
) -> list[tuple[str, Scanned]]:
    picture, by = parts.current.get(), current_user.name
    keys = roll_call.keys_of(picture.keyring)

    def work(connection: Connection) -> list[tuple[str, Scanned]]:
        now = parts.clock()
        roll_call.mark(connection, picture.programme, number, ticks, roll_call.TICK, by, now)
        roll_call.undo(connection, number, undone, by, now)
        return [
            (key, roll_call.scan(connection, picture.programme, keys, number, code, by, now)) for key, code in scans
        ]

    return parts.store.write(work)


def _marks(body: Any) -> tuple[list[int], dict[int, int | None], list[tuple[str, str]]] | None:
    """What the script posts: {"safe": [holder], "undo": [[holder, at]], "scans": [[key, code]]}; None for all else."""
    if not isinstance(body, dict):
        return None
    safe, undone, scans = (body.get(name, []) for name in ("safe", "undo", "scans"))
    if not all(isinstance(each, list) and len(each) <= MOST_MARKS for each in (safe, undone, scans)):
        return None
    if not all(map(_is_number, safe)) or not all(_is_pair(one) and all(map(_is_number, one)) for one in undone):
        return None
    texts = all(
        _is_pair(one) and all(isinstance(text, str) and len(text) <= LONGEST_CODE for text in one) for one in scans
    )
    if not texts or len(scans) > MOST_SCANS:
        return None
    return safe, dict(undone), [(key, code) for key, code in scans]


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2


def _is_number(value: object) -> bool:
    return type(value) is int and value in NUMBERS


def _seen(one: tuple[str, Scanned]) -> dict[str, object]:
    key, found = one
    whose = found.who
    person = {} if whose is None else {"holder": whose.holder, "name": whose.name, "delegation": whose.delegation}
    return {"key": key, "seen": found.seen.value, **person}
