"""Whether a request comes from the door's own page, in a browser on this very machine.

What shows the camera's picture, or takes a steward's presses, answers nobody else. Knows nothing of what that is.
"""

from __future__ import annotations

import ipaddress

from flask import request
from flask.typing import ResponseReturnValue

HEADER = "X-Threshold"
MARK = "steward"
_ELSEWHERE = {"error": "Not allowed", "what": "this is not the door's own page", "do": "use the door's screen"}
_HERE = frozenset({"localhost", "127.0.0.1", "[::1]"})


def guard() -> ResponseReturnValue | None:
    """What to answer anybody else; None for the door's own page. For ``before_request`` of a blueprint."""
    return None if _is_from_here() else (_ELSEWHERE, 403)


def _is_from_here() -> bool:
    """Whether the request comes from a page of this screen on this machine.

    The host's name keeps out pages that had their own name lead here; the header, which no form can send, and the
    origin keep out every other page in the same browser.
    """
    if not _is_loopback(request.remote_addr) or _host_name(request.host) not in _HERE:
        return False
    if request.method == "GET":
        return True
    return request.headers.get(HEADER) == MARK and request.headers.get("Origin") == request.host_url.rstrip("/")


def _host_name(host: str) -> str:
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False
