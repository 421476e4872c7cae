"""The programme: rooms, gates, sessions, and who may enter what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from flask.typing import ResponseReturnValue

from server.web.auth import ORGANISERS, only

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(_parts: Parts) -> Blueprint:
    """The programme: rooms, gates, sessions, and who may enter what."""
    pages = Blueprint("programme", __name__)

    @pages.get("/programme")
    @only(ORGANISERS)
    def index() -> ResponseReturnValue:
        return "to come"

    return pages
