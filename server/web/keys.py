"""API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from flask.typing import ResponseReturnValue

from server.web.auth import ADMINS, only

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(_parts: Parts) -> Blueprint:
    """API keys."""
    pages = Blueprint("keys", __name__)

    @pages.get("/keys")
    @only(ADMINS)
    def index() -> ResponseReturnValue:
        return "to come"

    return pages
