"""The JSON API for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

if TYPE_CHECKING:
    from server.web import Parts


def blueprint(_parts: Parts) -> Blueprint:
    """The JSON API for programs."""
    return Blueprint("api", __name__, url_prefix="/api/v1")
