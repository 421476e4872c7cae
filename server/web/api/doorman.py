"""Who may ask what of the API: keys, scopes, how often; and how a request becomes a call and an answer becomes JSON."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Response, current_app, g, request
from flask_limiter import Limiter

from server import api_keys, trail
from server.api_keys import Key, Scope
from server.store.instants import to_ms
from server.trail import Who
from server.web import errors
from server.web.api.description import Call, Route
from server.web.api.shapes import Problem

if TYPE_CHECKING:
    from server.web import Parts

PER_KEY = "API_PER_KEY"
USUALLY = "600/minute"
NOTED_MS = 3_600_000
UNKNOWN = Problem(
    "No key",
    "The request carries no key that is known here.",
    "Send Authorization: Bearer thr_...; an admin makes keys.",
)


class Turned(Exception):
    """A request that is not answered as it was asked. ``problem``: what is said instead."""

    def __init__(self, status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.what)
        self.status, self.problem, self.headers = status, problem, dict(headers or {})


def refuse(status: int, what: str, do: str) -> Turned:
    """The error of that status, in the words of the whole house, with what was wrong."""
    return Turned(status, Problem(errors.SAYS.get(status, errors.SAYS[400])[0], what, do))


class Doorman:
    """Lets requests in. Of who has read the log by which key it notes the first time in an hour."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.limiter = Limiter(_key_id, storage_uri="memory://", strategy="fixed-window", headers_enabled=True)
        self._noted: dict[tuple[int, str], int] = {}
        self._lock = threading.Lock()
        limit = self.limiter.shared_limit(lambda: str(current_app.config.get(PER_KEY, USUALLY)), scope="api")
        self._counted: Callable[[], None] = limit(_pass)

    def admit(self, scope: Scope) -> Key:
        """The key of this request. Raises Turned with 401 or 403."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        with self.parts.store.read() as connection:
            key = api_keys.find(connection, text.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            raise Turned(401, UNKNOWN, {"WWW-Authenticate": 'Bearer realm="threshold"'})
        g.api_key = key.id
        if scope not in key.scopes:
            what = f"The key {key.name!r} does not have the scope {scope.value}."
            raise Turned(403, Problem("Not with this key", what, "Ask an admin for a key that has it."))
        now = to_ms(self.parts.clock())
        if api_keys.is_used(key, now):
            self.parts.store.write(lambda connection: api_keys.use(connection, key, now))
        return key

    def answer(self, route: Route, path: Mapping[str, str]) -> Response:
        """Admits the request, reads it, and gives what the route's view says. Raises Turned."""
        key = self.admit(route.words.scope)
        self._counted()
        call = Call(self.parts, key, _query(route), _path(route, path), _body(route))
        said = route.view(call)
        status, struct = said if isinstance(said, tuple) else (200, said)
        response = said_as(struct, status)
        if route.method == "GET":
            response.add_etag()
            response.headers["Cache-Control"] = "private, no-cache"
            response.make_conditional(request)
        return response

    def note(self, key: Key, what: str, about: str) -> None:
        """Writes into the trail that a program has read what is about people; once an hour of each key."""
        now = to_ms(self.parts.clock())
        with self._lock:
            if now - self._noted.get((key.id, about), -NOTED_MS) < NOTED_MS:
                return
            self._noted[key.id, about] = now
        who = by(key)
        facts = {"key": key.name}
        self.parts.store.write(lambda connection: trail.note(connection, who, now, what, about, "", facts))


def by(key: Key) -> Who:
    """A program, as the trail names it."""
    return Who(f"key {key.name}", request.remote_addr or "")


def said_as(struct: msgspec.Struct, status: int) -> Response:
    """The struct as a JSON answer."""
    return Response(msgspec.json.encode(struct), status, mimetype="application/json")


def turned(one: Turned) -> Response:
    """The answer to a request that was turned away."""
    response = said_as(one.problem, one.status)
    response.headers.update(one.headers)
    return response


def _query(route: Route) -> Any:
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        raise refuse(400, f"The parameter {twice[0][:64]!r} is given twice.", "Give it once.")
    try:
        return msgspec.convert(request.args.to_dict(), route.words.query, strict=False)
    except msgspec.ValidationError as error:
        raise refuse(400, f"Parameters: {error}", "See /api/docs for what each takes.") from error


def _path(route: Route, given: Mapping[str, str]) -> dict[str, str]:
    try:
        return {name: msgspec.convert(given[name], kind) for name, kind in (route.words.path or {}).items()}
    except msgspec.ValidationError as error:
        raise refuse(404, "No reference is written like this.", "Use letters, digits, dots, hyphens.") from error


def _body(route: Route) -> Any:
    if route.words.body is None:
        return None
    if request.mimetype != "application/json":
        raise Turned(415, Problem("Not JSON", "The body is not application/json.", "Send JSON, and say so."))
    try:
        return msgspec.json.decode(request.get_data(), type=route.words.body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise refuse(400, f"Body: {error}", "See /api/docs for its shape.") from error


def _pass() -> None:
    """What is counted for each request of a key."""


def _key_id() -> str:
    return f"key {g.get('api_key', '')}"
