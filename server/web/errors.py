"""Errors have one shape: a page for people, {"error", "what", "do"} for programs."""

from __future__ import annotations

import logging

from flask import Flask, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from admission.errors import ThresholdError

log = logging.getLogger(__name__)

SAYS = {
    400: ("This cannot be", "The request was not understood.", "Go back, correct it and try again."),
    403: ("Not for this role", "Your role does not open this page.", "Sign in as somebody else, or ask an admin."),
    404: ("Nothing here", "There is no such page.", "Check the address, or begin at the start."),
    405: ("Not like this", "The page cannot be used in this way.", "Go back and use the buttons of the page."),
    413: ("Too large", "What was sent is too large.", "Send less at a time."),
    429: ("Too many", "Too many are connected at this moment.", "Wait a few seconds and try again."),
    500: ("Our mistake", "The server failed at this.", "Try again; if it stays, tell the admin the time."),
    503: ("Not now", "The server cannot do this at the moment.", "Wait a few seconds and try again."),
}


def answer(status: int, what: str | None = None) -> ResponseReturnValue:
    """The error in the form that the client reads."""
    title, usual, do = SAYS.get(status, SAYS[400 if status < 500 else 500])
    if request.path.startswith(("/api/", "/courier/")):
        return make_response(jsonify(error=title, what=what or usual, do=do), status)
    return make_response(render_template("error.html", status=status, title=title, what=what or usual, do=do), status)


def register(app: Flask) -> None:
    """Gives every error its one shape."""

    @app.errorhandler(CSRFError)
    def _csrf(_error: CSRFError) -> ResponseReturnValue:
        return answer(400, "This page was open for too long, or cookies are off.")

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> ResponseReturnValue:
        if error.response is not None:
            return error.response
        return answer(error.code or 500)

    @app.errorhandler(ThresholdError)
    def _ours(error: ThresholdError) -> ResponseReturnValue:
        log.error("request failed: %s", error)
        return answer(503, str(error))

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> ResponseReturnValue:
        log.error("unexpected error on %s", request.path, exc_info=error)
        return answer(500)
