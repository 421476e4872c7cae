"""Security's pages: the board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from server.web import errors
from server.web.auth import LOG_READERS, WATCHERS, only

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
        return render_template("board.html", board=parts.boards.look(), wall="wall" in request.args, active="board")

    @pages.get("/board/stream")
    @only(WATCHERS)
    def stream() -> ResponseReturnValue:
        events = parts.boards.listen()
        if events is None:
            return errors.answer(429)
        return Response(events, mimetype="text/event-stream", headers={"Cache-Control": "no-store"})

    return pages
