"""The page that shows the API's document to people."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import render_template

from server.web.api.description import Routes, document

if TYPE_CHECKING:
    from server.web import Parts


def page(parts: Parts, routes: Routes, version: str) -> Callable[[], str]:
    """The view."""

    def show() -> str:
        made = document(routes, parts.current.get().event.name, version)
        operations = [
            {"method": method.upper(), "address": f"/api/v1{address}"} | said
            for address, methods in made["paths"].items()
            for method, said in methods.items()
        ]
        return render_template(
            "api_docs.html",
            active="",
            document=made,
            operations=operations,
            schemas=made["components"]["schemas"],
            told=told,
        )

    return show


def told(schema: dict[str, Any]) -> dict[str, str]:
    """A schema in words: its type, the schema that it is a link to, and what it is limited to."""
    if "anyOf" in schema:
        first = next(one for one in schema["anyOf"] if one.get("type") != "null")
        return told(first) | {"null": "yes"}
    if "$ref" in schema:
        return {"type": "", "link": schema["$ref"].rpartition("/")[2], "limits": ""}
    if schema.get("type") == "array":
        return told(schema["items"]) | {"list": "yes"}
    kind = schema.get("format") or schema.get("type", "")
    return {"type": str(kind), "link": "", "limits": _limits(schema)}


def _limits(schema: dict[str, Any]) -> str:
    found = []
    if "minimum" in schema and "maximum" in schema:
        most = schema["maximum"]
        found.append(f"{schema['minimum']}-{most}" if most < 2**53 else f"≥ {schema['minimum']}")
    if "maxLength" in schema:
        found.append(f"≤ {schema['maxLength']}")
    if schema.get("default") not in (None, "", []):
        found.append(f"= {schema['default']}")
    return ", ".join(found)
