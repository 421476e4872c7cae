"""READY=1 and WATCHDOG=1 to systemd (sd_notify(3)), only while frames come and the gate gets through them."""

from __future__ import annotations

import socket

FEED_MS = 5000


class Watchdog:
    """Says nothing where there is no systemd. ``address``: the value of NOTIFY_SOCKET."""

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._ready = False
        self._fed_ms = 0

    def feed(self, now_ms: int) -> None:
        """The gate got through a frame at ``now_ms``; tells systemd every few seconds."""
        if self._ready and now_ms - self._fed_ms < FEED_MS:
            return
        self._fed_ms = now_ms
        self._tell(b"WATCHDOG=1" if self._ready else b"READY=1")
        self._ready = True

    def _tell(self, word: bytes) -> None:
        if not self._address:
            return
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
            try:
                way.sendto(word, path)
            except OSError:
                return  # systemd will restart a kiosk that it no longer hears
