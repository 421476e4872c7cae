"""Security's pages: the board, and from which share on it warns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from babel.dates import get_day_names
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext
from flask_login import current_user
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from admission.errors import ConfigError
from server import settings, trail
from server.live import ROOMS
from server.phrase import phrase
from server.settings import Thresholds
from server.store.instants import to_ms
from server.trail import Who
from server.web import errors, presence
from server.web.auth import LOG_READERS, SUPERVISORS, WATCHERS, only, who

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(parts: Parts) -> Blueprint:
    """The board and its live stream."""
    pages = Blueprint("security", __name__)

    @pages.get("/")
    @only(WATCHERS | LOG_READERS)
    def home() -> ResponseReturnValue:
        return redirect(url_for("security.board" if current_user.role in WATCHERS else "organisers.log"))

    @pages.get("/board")
    @only(WATCHERS)
    def board() -> ResponseReturnValue:
        with parts.store.read() as connection:
            sound = settings.read(connection, Thresholds).sound
        return render_template(
            "board.html",
            board=parts.boards.look(),
            wall="wall" in request.args,
            days=[get_day_names("abbreviated", locale=get_locale())[day] for day in range(7)],
            sound=sound,
            active="board",
        )

    @pages.get("/board/stream")
    @only(WATCHERS)
    def stream() -> ResponseReturnValue:
        cookie = current_user.get_id()
        events = parts.boards.listen(current_user.number, lambda: _may_watch(parts, cookie))
        if events is None:
            return errors.answer(429)
        return Response(events, mimetype="text/event-stream", headers={"Cache-Control": "no-store"})

    @pages.get("/board/thresholds")
    @only(SUPERVISORS)
    def thresholds() -> ResponseReturnValue:
        return _thresholds(parts, None)

    @pages.post("/board/thresholds")
    @only(SUPERVISORS)
    def set_thresholds() -> ResponseReturnValue:
        try:
            wanted, edition = _typed()
            by, now = who(), to_ms(parts.clock())
            parts.store.write(lambda connection: _set(connection, (wanted, edition), by, now))
        except ConfigError as error:
            return _thresholds(parts, error), 409 if request.form.get("near", "").isdigit() else 400
        parts.hub.tell(ROOMS)
        flash(gettext("The thresholds are set; every board shows them at once."), "done")
        return redirect(url_for("security.board"), 303)

    return pages


def _may_watch(parts: Parts, cookie: str) -> bool:
    """Whether the session of that cookie is open and its user's role watches boards; to watch is to use it. A database
    that cannot say ends nothing: it has no board to show either."""
    try:
        one = presence.find(parts, cookie)
    except SQLAlchemyError:
        return True
    return one is not None and one.role in WATCHERS


def _thresholds(parts: Parts, problem: ConfigError | None) -> str:
    with parts.store.read() as connection:
        now, edition = settings.read_edition(connection, Thresholds)
    typed = msgspec.structs.asdict(now) | {"edition": edition}
    if problem is not None:
        typed |= {name: request.form.get(name, "") for name in ("near", "tight", "full")}
        typed["sound"] = "sound" in request.form
    return render_template("thresholds.html", active="board", typed=typed, problem=problem)


def _typed() -> tuple[Thresholds, int]:
    """Raises ConfigError for numbers that cannot be."""
    numbers = {}
    for name in ("near", "tight", "full", "edition"):
        text = request.form.get(name, "").strip()
        if not text.isdecimal() or len(text) > 9:
            raise ConfigError(phrase("{text!r} is no whole number; write per cent, like 80", text=text[:20]))
        numbers[name] = int(text)
    edition = numbers.pop("edition")
    try:
        return Thresholds(**numbers, sound="sound" in request.form), edition
    except ValueError as error:
        raise ConfigError(phrase("The three thresholds must rise, from 1 to 100 %.")) from error


def _set(connection: Connection, typed: tuple[Thresholds, int], by: Who, now: int) -> None:
    wanted, edition = typed
    settings.write(connection, wanted, edition)
    trail.note(connection, by, now, "changed", "setting", "thresholds", msgspec.structs.asdict(wanted))
