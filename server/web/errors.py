"""Errors have one shape: a page for people, {"error", "what", "do"} for programs."""

from __future__ import annotations

import logging

from flask import Flask, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from admission.errors import ThresholdError
from server.phrase import marked as _
from server.web import i18n

log = logging.getLogger(__name__)

SAYS = {
    400: (_("This cannot be"), _("The request was not understood."), _("Go back, correct it and try again.")),
    403: (
        _("Not for this role"),
        _("Your role does not open this page."),
        _("Sign in as somebody else, or ask an admin."),
    ),
    404: (_("Nothing here"), _("There is no such page."), _("Check the address, or begin at the start.")),
    405: (_("Not like this"), _("The page cannot be used in this way."), _("Go back and use the buttons of the page.")),
    413: (_("Too large"), _("What was sent is too large."), _("Send less at a time.")),
    429: (_("Too many"), _("Too many are connected at this moment."), _("Wait a few seconds and try again.")),
    500: (_("Our mistake"), _("The server failed at this."), _("Try again; if it stays, tell the admin the time.")),
    503: (_("Not now"), _("The server cannot do this at the moment."), _("Wait a few seconds and try again.")),
}


def answer(status: int, what: object = None) -> ResponseReturnValue:
    """The error in the form and the language that the client reads. ``what``: a sentence or an error, English here."""
    title, usual, do = SAYS.get(status, SAYS[400 if status < 500 else 500])
    said = [i18n.say(text) for text in (title, what or usual, do)]
    if request.path.startswith(("/api/", "/courier/")):
        return make_response(jsonify(error=said[0], what=said[1], do=said[2]), status)
    page = render_template("error.html", status=status, title=said[0], what=said[1], do=said[2])
    return make_response(page, status)


def register(app: Flask) -> None:
    """Gives every error its one shape."""

    @app.errorhandler(CSRFError)
    def _csrf(_error: CSRFError) -> ResponseReturnValue:
        return answer(400, _("This page was open for too long, or cookies are off."))

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> ResponseReturnValue:
        if error.response is not None:
            return error.response
        return answer(error.code or 500)

    @app.errorhandler(ThresholdError)
    def _ours(error: ThresholdError) -> ResponseReturnValue:
        log.error("request failed: %s", error)
        return answer(503, error)

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> ResponseReturnValue:
        log.error("unexpected error on %s", request.path, exc_info=error)
        return answer(500)
