"""Posts a single letter over HTTP, for a kiosk that is not enrolled yet; see kiosk.uplink for those that are."""

from __future__ import annotations

import urllib3

from admission import pairing, wire
from admission.errors import NetworkError
from kiosk.pairing import Reply


class Postbox:
    """A Post. ``ca``: the certificate that the server's TLS is pinned to, or ""."""

    def __init__(self, ca: str) -> None:
        self._http = urllib3.PoolManager(num_pools=1, maxsize=1, retries=False, ca_certs=ca or None)
        self._wait = urllib3.Timeout(connect=2.0, read=5.0)

    def __call__(self, url: str, body: bytes, signature: str) -> Reply:
        """See Post."""
        if not url.startswith(("http://", "https://")):
            raise NetworkError("the address in the code does not begin with http:// or https://")
        headers = {wire.SIGNATURE_HEADER: signature, "Content-Type": "application/json"}
        try:
            reply = self._http.request(
                "POST", url, body=body, headers=headers, timeout=self._wait, redirect=False, preload_content=False
            )
            with reply:
                content = reply.read(pairing.MAX_BODY + 1)  # whoever answers here is not trusted with our memory
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:  # ValueError: an address that is none
            raise NetworkError("the server cannot be reached") from error
        return Reply(reply.status, content, reply.headers.get(wire.SIGNATURE_HEADER, ""))
