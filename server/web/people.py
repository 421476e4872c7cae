"""People and delegations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from flask.typing import ResponseReturnValue

from server.web.auth import DESK, only

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(_parts: Parts) -> Blueprint:
    """People and delegations."""
    pages = Blueprint("people", __name__)

    @pages.get("/people")
    @only(DESK)
    def index() -> ResponseReturnValue:
        return "to come"

    return pages
