"""Reports of attendance, as pictures and as a PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from flask.typing import ResponseReturnValue

from server.web.auth import LOG_READERS, only

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(_parts: Parts) -> Blueprint:
    """Reports of attendance, as pictures and as a PDF."""
    pages = Blueprint("reports", __name__)

    @pages.get("/reports")
    @only(LOG_READERS)
    def index() -> ResponseReturnValue:
        return "to come"

    return pages
