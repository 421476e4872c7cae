"""Tells systemd that the server answers (sd_notify(3)): once a worker has loaded the application.

Knows nothing of what is served.
"""

from __future__ import annotations

import socket
from collections.abc import MutableMapping

VARIABLE = "NOTIFY_SOCKET"


class Readiness:
    """Takes the address out of ``environ``: gunicorn would otherwise say so itself, before a worker has begun."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._address = environ.pop(VARIABLE, "")

    def tell(self) -> None:
        """Says it. Nothing where there is no systemd, or where it no longer listens; more than once does no harm."""
        if not self._address:
            return
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
            try:
                way.sendto(b"READY=1", path)
            except OSError:
                return  # systemd will not wait for ever, and the log says what was served
