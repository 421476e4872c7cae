"""Badges: preview, print, reprint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from flask.typing import ResponseReturnValue

from server.web.auth import DESK, only

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(_parts: Parts) -> Blueprint:
    """Badges: preview, print, reprint."""
    pages = Blueprint("badges", __name__)

    @pages.get("/badges")
    @only(DESK)
    def index() -> ResponseReturnValue:
        return "to come"

    return pages
