"""The JSON API for programs under /api/v1, its document and the page that shows it, and the figures at /metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from flask_limiter import RateLimitExceeded

from server.web import errors
from server.web.api import docs, passages, people, scraping, venue
from server.web.api.description import Route, Routes, document
from server.web.api.doorman import Doorman, Turned, turned
from server.web.api.shapes import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.web import Parts

VERSION = "1"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def blueprint(parts: Parts) -> Blueprint:
    """The API. Everything in it needs a key, but for its document."""
    pages = Blueprint("api", __name__, url_prefix="/api/v1")
    doorman, routes = Doorman(parts), Routes()
    for part in (venue, people, passages):
        part.declare(routes, doorman)
    for address, methods in routes.addresses().items():
        rule = address.replace("{", "<").replace("}", ">")
        pages.add_url_rule(rule, _endpoint(address), _view(doorman, methods), methods=METHODS)

    @pages.get("/openapi.json")
    def openapi() -> Response:
        made = document(routes, parts.current.get().event.name, VERSION)
        return Response(msgspec.json.encode(made), mimetype="application/json")

    @pages.errorhandler(Turned)
    def _turned(error: Turned) -> Response:
        return turned(error)

    @pages.errorhandler(RateLimitExceeded)
    def _too_many(_error: RateLimitExceeded) -> Response:
        title, _usual, do = errors.SAYS[429]
        return turned(Turned(429, Problem(title, "This key has asked too often within a minute.", do)))

    @pages.record_once
    def _register(state: BlueprintSetupState) -> None:
        doorman.limiter.init_app(state.app)  # type: ignore[arg-type]  # it is a Flask
        state.app.add_url_rule("/api/docs", "api_docs", docs.page(parts, routes, VERSION))
        state.app.add_url_rule("/metrics", "metrics", scraping.page(parts, doorman))

    return pages


def _endpoint(address: str) -> str:
    return address.strip("/").replace("/", "_").replace("{", "").replace("}", "")


def _view(doorman: Doorman, methods: Mapping[str, Route]) -> Callable[..., Response]:
    allowed = ", ".join(sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])}))

    def view(**path: Any) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            what = f"{request.method} is not a method of this address."
            raise Turned(405, Problem(errors.SAYS[405][0], what, f"Use one of: {allowed}."), {"Allow": allowed})
        return doorman.answer(methods[method], path)

    return view
