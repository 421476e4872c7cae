"""The roll call: who is inside now, and who has been seen safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from flask.typing import ResponseReturnValue

from server.web.auth import ROLL_CALLERS, only

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(_parts: Parts) -> Blueprint:
    """The roll call: who is inside now, and who has been seen safe."""
    pages = Blueprint("roll_call", __name__)

    @pages.get("/roll-call")
    @only(ROLL_CALLERS)
    def index() -> ResponseReturnValue:
        return "to come"

    return pages
