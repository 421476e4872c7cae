"""Privacy: retention, export and erasure of one person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from flask.typing import ResponseReturnValue

from server.web.auth import ORGANISERS, only

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(_parts: Parts) -> Blueprint:
    """Privacy: retention, export and erasure of one person."""
    pages = Blueprint("privacy", __name__)

    @pages.get("/privacy")
    @only(ORGANISERS)
    def index() -> ResponseReturnValue:
        return "to come"

    return pages
