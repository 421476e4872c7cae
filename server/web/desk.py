"""The registration desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from flask.typing import ResponseReturnValue

from server.web.auth import DESK, only

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(_parts: Parts) -> Blueprint:
    """The registration desk."""
    pages = Blueprint("desk", __name__)

    @pages.get("/desk")
    @only(DESK)
    def index() -> ResponseReturnValue:
        return "to come"

    return pages
