"""Files of the log: made in the background, with their progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from flask.typing import ResponseReturnValue

from server.web.auth import LOG_READERS, only

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(_parts: Parts) -> Blueprint:
    """Files of the log: made in the background, with their progress."""
    pages = Blueprint("exports", __name__)

    @pages.get("/exports")
    @only(LOG_READERS)
    def index() -> ResponseReturnValue:
        return "to come"

    return pages
