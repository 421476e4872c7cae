"""Posts a single letter over HTTP, for a kiosk that is not enrolled yet; see kiosk.uplink for those that are."""

from __future__ import annotations

import urllib3

from admission import pairing, roots, wire
from admission.errors import NetworkError
from kiosk import trust
from kiosk.pairing import Reply

WEB = ("http://", "https://")


class Postbox:
    """A Post. ``ca``: what is trusted where a code names no roots; see kiosk.trust."""

    def __init__(self, ca: str) -> None:
        self._ca = ca
        self._pools: dict[str, urllib3.PoolManager] = {}
        self._wait = urllib3.Timeout(connect=2.0, read=5.0)

    def __call__(self, url: str, body: bytes, signature: str, pinned: str) -> Reply:
        """See Post."""
        if not url.startswith(WEB):
            raise NetworkError("the address in the code does not begin with http:// or https://")
        headers = {wire.SIGNATURE_HEADER: signature, "Content-Type": "application/json"}
        ca = pinned or self._ca
        with trust.told():
            http = self._pools[ca] = self._pools.get(ca) or trust.pool(ca, 1)
            reply = http.request(
                "POST", url, body=body, headers=headers, timeout=self._wait, redirect=False, preload_content=False
            )
            return Reply(reply.status, _content(reply, pairing.MAX_BODY), reply.headers.get(wire.SIGNATURE_HEADER, ""))

    def fetch(self, url: str) -> bytes:
        """See Post."""
        with trust.told(), trust.blind() as http:
            reply = http.request("GET", url, timeout=self._wait, redirect=False, preload_content=False)
            content = _content(reply, roots.MOST_BYTES)
        if reply.status != 200:
            raise NetworkError(f"the server answered {reply.status} when it was asked for its certificates")
        return content


def _content(reply: urllib3.BaseHTTPResponse, most: int) -> bytes:
    """One byte more than the most, at most: whoever answers is not trusted with our memory."""
    with reply:
        return reply.read(most + 1)
