"""The API's routes and their document: each route is declared once, with its words, and OpenAPI 3.1 is made from it.

A route without a sentence that says what it is for cannot be declared. Knows nothing of Flask.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from server.api_keys import Key, Scope
from server.web.api.shapes import Nothing, Problem

if TYPE_CHECKING:
    from server.web import Parts

Q = TypeVar("Q", bound=msgspec.Struct)
Answer = msgspec.Struct | tuple[int, msgspec.Struct]
REFS = "#/components/schemas/{name}"
PROBLEMS: Mapping[int, str] = {
    400: "A parameter or the body cannot be; what says which.",
    401: "No key, or one that is not known (any more).",
    403: "The key does not have the scope.",
    404: "There is no such thing.",
    405: "The address has no such method; Allow names those that it has.",
    413: "The body is larger than 1 MB.",
    415: "The body is not application/json.",
    429: "Too many requests with this key; Retry-After says how long to wait.",
    503: "The database cannot answer now; try again.",
}


@dataclass(frozen=True, slots=True)
class Call(Generic[Q]):
    """One request: by which key, with which parameters of the query and the path, and which body."""

    parts: Parts
    key: Key
    query: Q
    path: Mapping[str, str]
    body: Any = None


@dataclass(frozen=True, slots=True)
class Words:
    """What a route takes and gives. ``path``: the type of each parameter in the path; ``answer``: by status."""

    scope: Scope
    answers: Mapping[int, type[msgspec.Struct]]
    query: type[msgspec.Struct] = Nothing
    body: type[msgspec.Struct] | None = None
    path: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A method of an address, and everything that is said of it."""

    method: str
    address: str
    words: Words
    summary: str
    description: str
    view: Callable[[Call[Any]], Answer]

    @property
    def problems(self) -> Sequence[int]:
        """The statuses with which it may fail."""
        usual = [400, 401, 403, 405, 429, 503]
        return sorted(usual + ([404] if self.words.path else []) + ([413, 415] if self.words.body else []))


class Routes:
    """The routes of the API, in the order in which they are declared."""

    def __init__(self) -> None:
        self.all: list[Route] = []

    def add(
        self, method: str, address: str, words: Words
    ) -> Callable[[Callable[[Call[Any]], Answer]], Callable[[Call[Any]], Answer]]:
        """Declares a route; its docstring is what the document says. Raises TypeError without one, or without the
        type of a parameter in the path."""
        named = set(re.findall(r"{(\w+)}", address))
        if named != set(words.path or ()):
            raise TypeError(f"{address}: say the type of each of {sorted(named)}")

        def declare(view: Callable[[Call[Any]], Answer]) -> Callable[[Call[Any]], Answer]:
            said = inspect.getdoc(view)
            if not said:
                raise TypeError(f"{method} {address}: write a docstring; it is the route's documentation")
            summary, _, rest = said.partition("\n\n")
            self.all.append(Route(method, address, words, " ".join(summary.split()), rest.strip(), view))
            return view

        return declare

    def addresses(self) -> dict[str, dict[str, Route]]:
        """The routes of each address, by method."""
        found: dict[str, dict[str, Route]] = {}
        for route in self.all:
            found.setdefault(route.address, {})[route.method] = route
        return found


def document(routes: Routes, event: str, version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes."""
    structs = sorted({one for route in routes.all for one in _structs(route)}, key=lambda one: one.__name__)
    refs, components = msgspec.json.schema_components([*structs, Problem], ref_template=REFS)
    schemas = dict(zip([*structs, Problem], refs, strict=True))
    queries = {route.words.query.__name__ for route in routes.all}
    parameters = {name: components[name] for name in queries}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Threshold: {event}", "version": version, "description": INTRODUCTION},
        "servers": [{"url": "/api/v1"}],
        "paths": {
            address: {
                method.lower(): _operation(route, schemas, parameters[route.words.query.__name__])
                for method, route in methods.items()
            }
            for address, methods in routes.addresses().items()
        },
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in queries},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": KEYS}},
        },
    }


INTRODUCTION = (
    "People, sessions, occupancy and passages for programs. Every request carries a key: "
    "`Authorization: Bearer thr_...`; an admin makes keys on the page API keys. Times are ISO 8601 with the venue's "
    "offset. Answers carry an ETag: sent back as If-None-Match, an unchanged answer is a 304 without a body. Lists are "
    "read on with a cursor, which stays good while rows are added. A key may ask 600 times a minute. Errors have one "
    "shape: error, what, do."
)
KEYS = "A key with the route's scope, shown once when it is made."


def _structs(route: Route) -> Iterator[type[msgspec.Struct]]:
    yield route.words.query
    yield from route.words.answers.values()
    if route.words.body is not None:
        yield route.words.body


def _operation(route: Route, schemas: Mapping[Any, Any], query: Mapping[str, Any]) -> dict[str, Any]:
    words = route.words
    said: dict[str, Any] = {
        "operationId": route.view.__name__,
        "summary": route.summary,
        "security": [{"key": [words.scope.value]}],
        "parameters": [*_in_path(words), *_in_query(query)],
        "responses": {
            **{str(status): _says("As asked for.", schemas[kind]) for status, kind in words.answers.items()},
            **({"304": {"description": "Unchanged since the answer with this ETag."}} if route.method == "GET" else {}),
            **{str(status): _says(PROBLEMS[status], schemas[Problem]) for status in route.problems},
        },
    }
    if route.description:
        said["description"] = route.description
    if words.body is not None:
        said["requestBody"] = {"required": True, "content": {"application/json": {"schema": schemas[words.body]}}}
    return said


def _says(description: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _in_path(words: Words) -> Iterator[dict[str, Any]]:
    for name, kind in (words.path or {}).items():
        yield {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(kind)}


def _in_query(query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, schema in query["properties"].items():
        plain = {key: value for key, value in _never_null(schema).items() if key != "description"}
        yield {"name": name, "in": "query", "description": schema.get("description", ""), "schema": plain}


def _never_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A query has no null: a parameter is given, or left out."""
    if "anyOf" not in schema:
        return schema
    given = [one for one in schema["anyOf"] if one.get("type") != "null"]
    return {**given[0], "description": schema.get("description", given[0].get("description", ""))}
