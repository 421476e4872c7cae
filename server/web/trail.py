"""The audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from flask.typing import ResponseReturnValue

from server.web.auth import AUDITORS, only

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(_parts: Parts) -> Blueprint:
    """The audit trail."""
    pages = Blueprint("trail", __name__)

    @pages.get("/audit")
    @only(AUDITORS)
    def index() -> ResponseReturnValue:
        return "to come"

    return pages
