"""Notes in the trail who looked at names: once for a user and a thing or a filter in an hour, not each page that is
turned.

What was looked at last is kept in memory only, as a filter may hold a person's name.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from server import filters, trail
from server.store.instants import to_ms
from server.web import auth

if TYPE_CHECKING:
    from server.web import Parts

AGAIN = timedelta(hours=1)
Viewing = tuple[str, str, str, frozenset[tuple[str, str]]]


class Viewings:
    """Who has looked at what within the last hour."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._seen: dict[Viewing, datetime] = {}

    def is_first(self, about: str, ref: str = "", fields: Mapping[str, str] | None = None) -> bool:
        """Whether the signed-in user has not looked at this within the hour; from now on they have."""
        now, viewing = self._parts.clock(), _viewing(about, ref, fields)
        with self._lock:
            self._seen = {one: at for one, at in self._seen.items() if abs(now - at) < AGAIN}
            if viewing in self._seen:
                return False
            self._seen[viewing] = now
            return True

    def note(self, about: str, ref: str = "", fields: Mapping[str, str] | None = None) -> None:
        """The signed-in user looks at this: ``about`` and ``ref`` as in the trail, ``fields``: the filter."""
        if not self.is_first(about, ref, fields):
            return
        who, now = auth.who(), to_ms(self._parts.clock())
        facts = {"filters": filters.discreet(fields)} if fields else {}
        try:
            self._parts.store.write(lambda connection: trail.note(connection, who, now, "viewed", about, ref, facts))
        except BaseException:
            with self._lock:
                self._seen.pop(_viewing(about, ref, fields), None)
            raise


def _viewing(about: str, ref: str, fields: Mapping[str, str] | None) -> Viewing:
    return (auth.who().name, about, ref, frozenset((fields or {}).items()))
