"""Sweep and lockdown: closing rooms with one act, and opening them again by category."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from flask.typing import ResponseReturnValue

from server.web.auth import SUPERVISORS, only

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(_parts: Parts) -> Blueprint:
    """Sweep and lockdown: closing rooms with one act, and opening them again by category."""
    pages = Blueprint("sweep", __name__)

    @pages.get("/sweep")
    @only(SUPERVISORS)
    def index() -> ResponseReturnValue:
        return "to come"

    return pages
