"""GET /metrics, for Prometheus: with a key that has metrics:read, or from this machine where that is allowed."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Response, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST

from server import metrics
from server.api_keys import Scope
from server.metrics import Tally
from server.store.instants import to_ms
from server.web.api.doorman import Doorman, Turned, turned

if TYPE_CHECKING:
    from server.watchman import Watchman
    from server.web import Parts

OPEN = "METRICS_OPEN_HERE"
"""In app.config: whether this machine may scrape without a key."""
WATCHMAN = "threshold_watchman"
"""In app.extensions: who knows the age of the newest backup, where there is one."""
LOOPBACK = frozenset({"127.0.0.1", "::1"})


def page(parts: Parts, doorman: Doorman) -> Callable[[], Response]:
    """The view."""
    tally = Tally()

    def scrape() -> Response:
        if not _is_here():
            try:
                doorman.admit(Scope.METRICS_READ)
            except Turned as error:
                return turned(error)
        board = parts.boards.look()
        with parts.store.read() as connection:
            passages = tally.count(connection, to_ms(parts.clock()))
            incidents = metrics.open_incidents(connection)
        figures = metrics.render(board, passages, incidents, _backup_age(parts))
        return Response(figures, content_type=CONTENT_TYPE_LATEST)

    return scrape


def _is_here() -> bool:
    """Whether it comes from this machine itself, and not through a proxy on it."""
    forwarded = any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"))
    return bool(current_app.config.get(OPEN)) and not forwarded and request.remote_addr in LOOPBACK


def _backup_age(parts: Parts) -> float | None:
    """In seconds; infinite where there should be one and none was ever seen."""
    watchman: Watchman | None = current_app.extensions.get(WATCHMAN)
    age = watchman.age(parts.clock()) if watchman is not None else None
    if age is None:
        return None
    return math.inf if age == timedelta.max else age.total_seconds()
