"""Admins' pages: the pairing of a new kiosk. Those of the kiosks are in :mod:`server.web.fleet`.

The token of a pairing is kept in the session of the browser that began it, as the store has only its hash: only there
are code and digits shown, and only from there can it be confirmed.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from flask import Blueprint, abort, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import Connection

from admission import pairing as words
from admission.errors import ConfigError
from server import pairing, symbol, trail
from server.pairing import Pairing, State, Wanted
from server.phrase import phrase
from server.store.instants import to_ms
from server.web import auth, enrolment, fleet
from server.web.auth import ADMINS, only

if TYPE_CHECKING:
    from server.web import Parts


TOKENS = "pairing-tokens"
MOST_TOKENS = 5


def blueprint(parts: Parts) -> Blueprint:
    """The list of kiosks, and the pages of a pairing."""
    pages = Blueprint("admin", __name__)
    fleet.register(pages, parts)

    @pages.post("/kiosks")
    @only(ADMINS)
    def begin() -> ResponseReturnValue:
        name, gate, server = (request.form.get(field, "").strip() for field in ("name", "gate", "server"))
        wanted, token = Wanted(name, gate, server.rstrip("/"), current_user.name), secrets.token_bytes(16)
        now, who = parts.clock(), auth.who()

        def work(connection: Connection) -> Pairing:
            one = pairing.begin(connection, wanted, token, now)
            trail.note(connection, who, to_ms(now), "began", "pairing", one.device, {"gate": one.gate})
            return one

        try:
            enrolment.trusted()  # better said here than on the page of the code
            begun = parts.store.write(work)
        except ConfigError as error:
            return fleet.listing(parts, error), 400
        held = dict(session.get(TOKENS, {})) | {str(begun.id): token.hex()}
        session[TOKENS] = dict(list(held.items())[-MOST_TOKENS:])
        return redirect(url_for("admin.pair", number=begun.id), 303)

    @pages.get("/kiosks/pair/<int:number>")
    @only(ADMINS)
    def pair(number: int) -> ResponseReturnValue:
        return _page(parts, number, None)

    @pages.get("/kiosks/pair/<int:number>/state")
    @only(ADMINS)
    def state(number: int) -> ResponseReturnValue:
        reply = jsonify(state=_find(parts, number).state)
        reply.headers["Cache-Control"] = "no-store"
        return reply

    @pages.post("/kiosks/pair/<int:number>")
    @only(ADMINS)
    def decide(number: int) -> ResponseReturnValue:
        one = _find(parts, number)
        try:
            _decide(parts, one)
        except ConfigError as error:
            return _page(parts, number, error), 409
        return redirect(url_for("admin.pair", number=number), 303)

    return pages


def _decide(parts: Parts, one: Pairing) -> None:
    """Yes, for the digits that the page showed, or no. Raises ConfigError."""
    now, who = parts.clock(), auth.who()
    if request.form.get("same") != "yes":
        parts.store.write(lambda connection: pairing.refuse(connection, one.id))
        return
    shown = _digits(parts, one)
    if not shown or not hmac.compare_digest(request.form.get("digits", "").encode(), shown.encode()):
        raise ConfigError(phrase("these are not the digits of this pairing; compare them again"))

    def work(connection: Connection) -> None:
        pairing.confirm(connection, one.id, now)
        trail.note(connection, who, to_ms(now), "paired", "kiosk", one.device, {"gate": one.gate})

    parts.store.write(work)


def _page(parts: Parts, number: int, problem: ConfigError | None) -> str:
    one = _find(parts, number)
    code = _code(parts, one) if one.state is State.OPEN else None
    return render_template(
        "pair.html",
        active="kiosks",
        one=one,
        state=one.state.value,
        code=code,
        symbol=symbol.draw(code) if code else None,
        digits=_digits(parts, one) if one.state is State.ASKED else None,
        until=f"{one.expires.astimezone(parts.current.get().event.zone):%H:%M}",
        problem=problem,
    )


def _find(parts: Parts, number: int) -> Pairing:
    with parts.store.read() as connection:
        found = pairing.look(connection, number, parts.clock()) if number < 2**63 else None
    return found if found is not None else abort(404)


def _token(one: Pairing) -> bytes | None:
    held = session.get(TOKENS, {}).get(str(one.id))
    return None if held is None else bytes.fromhex(held)


def _code(parts: Parts, one: Pairing) -> str | None:
    """The code's text, in the browser that began the pairing."""
    token = _token(one)
    if token is None:
        return None
    with parts.store.read() as connection:
        return words.write_code(pairing.code(connection, one, token, enrolment.trusted()))


def _digits(parts: Parts, one: Pairing) -> str | None:
    """The digits, in the browser that began the pairing, once a kiosk has answered."""
    token = _token(one)
    if token is None or one.public is None:
        return None
    with parts.store.read() as connection:
        return words.digits(pairing.code(connection, one, token), one.public)
