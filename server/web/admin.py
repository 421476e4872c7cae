"""Admins' pages: the kiosks, and the pairing of a new one.

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

from admission import pairing as words
from admission.errors import ConfigError
from server import health, pairing, symbol
from server.pairing import Pairing, State, Wanted
from server.web.auth import ADMINS, only

if TYPE_CHECKING:
    from server.web import Parts


TOKENS = "pairing-tokens"
MOST_TOKENS = 5


def blueprint(parts: Parts) -> Blueprint:
    """The list of kiosks, and the pages of a pairing."""
    pages = Blueprint("admin", __name__)

    @pages.get("/kiosks")
    @only(ADMINS)
    def kiosks() -> ResponseReturnValue:
        return _list(parts, None)

    @pages.post("/kiosks")
    @only(ADMINS)
    def begin() -> ResponseReturnValue:
        name, gate, server = (request.form.get(field, "").strip() for field in ("name", "gate", "server"))
        wanted, token = Wanted(name, gate, server.rstrip("/"), current_user.name), secrets.token_bytes(16)
        now = parts.clock()
        try:
            begun = parts.store.write(lambda connection: pairing.begin(connection, wanted, token, now))
        except ConfigError as error:
            return _list(parts, str(error)), 400
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
            return _page(parts, number, str(error)), 409
        return redirect(url_for("admin.pair", number=number), 303)

    return pages


def _decide(parts: Parts, one: Pairing) -> None:
    """Yes, for the digits that the page showed, or no. Raises ConfigError."""
    now = parts.clock()
    if request.form.get("same") != "yes":
        parts.store.write(lambda connection: pairing.refuse(connection, one.id))
        return
    shown = _digits(parts, one)
    if not shown or not hmac.compare_digest(request.form.get("digits", "").encode(), shown.encode()):
        raise ConfigError("these are not the digits of this pairing; compare them again")
    parts.store.write(lambda connection: pairing.confirm(connection, one.id, now))


def _list(parts: Parts, problem: str | None) -> str:
    now = parts.clock()
    with parts.store.read() as connection:
        known, gates = pairing.kiosks(connection), pairing.gates(connection)
        figures = health.read(connection, now)
    form = {"name": "", "gate": "", "server": request.url_root.rstrip("/")} | request.form.to_dict()
    zone = parts.current.get().event.zone
    return render_template(
        "kiosks.html",
        active="kiosks",
        kiosks=known,
        figures=figures,
        gates=gates,
        form=form,
        problem=problem,
        zone=zone,
        now=now,
    )


def _page(parts: Parts, number: int, problem: str | None) -> str:
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
        return words.write_code(pairing.code(connection, one, token))


def _digits(parts: Parts, one: Pairing) -> str | None:
    """The digits, in the browser that began the pairing, once a kiosk has answered."""
    token = _token(one)
    if token is None or one.public is None:
        return None
    with parts.store.read() as connection:
        return words.digits(pairing.code(connection, one, token), one.public)
