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


def nearby() -> ResponseReturnValue | None:
    """What to answer another machine, or a page of another name; None for a browser on this one. For
    ``before_request``."""
    return None if _is_near() else (_ELSEWHERE, 403)


def guard() -> ResponseReturnValue | None:
    """What to answer anybody but the door's own page; None for that. For ``before_request`` of a blueprint."""
    return None if _is_near() and _is_own() else (_ELSEWHERE, 403)


def _is_near() -> bool:
    """Whether the request comes from this machine, by one of its own names: pages that had their own name lead here are
    kept out."""
    return _is_loopback(request.remote_addr) and _host_name(request.host) in _HERE


def _is_own() -> bool:
    """Whether what changes something comes from a page of this screen: the header, which no form can send, and the
    origin keep out every other page in the same browser."""
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
