"""A try to reach the server, step by step, so that whoever is at the kiosk hears which one fails.

Goes the same way as an exchange does, and asks for a page that is not there: a Threshold server answers that in its
own way, and nothing is changed by it. Must not know what is made of the outcome (:mod:`kiosk.checkup`).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
import urllib3

from admission.roots import BadCertificate
from kiosk import trust
from kiosk.checkup import Reach, Step

PATIENCE_S = 5.0
NOWHERE = "/api/v1/nowhere"
MOST_BYTES = 10_000
_PORTS = {"http": 80, "https": 443}
_EARLY, _LATE, _NAME, _NUMBER = 9, 10, 62, 64
"""X509_V_ERR_…: not yet valid, expired, made out to another name, to another address."""
_UNTRUSTED = 'pair the kiosk anew, so that it learns the server\'s root; or set "ca" to the file of that root'
_OTHER = "pair the kiosk anew with the name that the certificate is made out to, or get one for this name"
_FIXES = {
    _EARLY: "this machine's date is wrong: connect it to a time server (timedatectl), or set it, and try again",
    _LATE: "renew the certificate on the server; if it is in date, this machine's date is wrong (timedatectl)",
    _NAME: _OTHER,
    _NUMBER: _OTHER,
}


class _Ours(msgspec.Struct):
    """How a Threshold server says that there is no such page."""

    error: str
    what: str
    do: str


def reach(url: str, ca: str, now_s: Callable[[], float]) -> Reach:
    """Goes as far as it gets. Never raises; takes PATIENCE_S a step at most, but for the look-up of a name, which takes
    as long as the system's resolver does. ``ca``: see kiosk.trust."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        host, port = None, 0
    if not host:
        return Reach(url, Step.ADDRESS)
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return Reach(url, Step.NAME, _plain(error))
    try:
        socket.create_connection((host, port), PATIENCE_S).close()
    except OSError as error:
        return Reach(url, Step.CONNECTION, _plain(error))
    began = now_s()
    asked = _asked(url, ca)
    return asked or Reach(url, ms=1000 * (now_s() - began))


def _asked(url: str, ca: str) -> Reach | None:
    """Why the server does not answer as ours does; None if it does."""
    wait = urllib3.Timeout(connect=PATIENCE_S, read=PATIENCE_S)
    try:
        with trust.pool(ca, 1) as http:
            page = url.rstrip("/") + NOWHERE
            reply = http.request("GET", page, timeout=wait, redirect=False, preload_content=False)
            with reply:
                body = reply.read(MOST_BYTES)
    except BadCertificate as error:
        return Reach(url, Step.TLS, str(error), _UNTRUSTED)
    except urllib3.exceptions.SSLError as error:
        return _of_tls(url, error)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        return Reach(url, Step.ANSWER, _plain(error), "on the server: threshold-server doctor")
    return _odd(url, reply.status, reply.headers.get("Location", ""), body)


def _of_tls(url: str, error: urllib3.exceptions.SSLError) -> Reach:
    cause = error.args[0] if error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Reach(url, Step.TLS, cause.verify_message, _FIXES.get(cause.verify_code, _UNTRUSTED))
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError):
        return Reach(url, Step.TLS, _plain(cause), 'see that the setting "ca" names a file of certificates')
    fix = "see that the address is right, and its port the one for https; on the server: threshold-server doctor"
    return Reach(url, Step.TLS, getattr(cause, "reason", None) or "it speaks no TLS", fix)


def _odd(url: str, status: int, elsewhere: str, body: bytes) -> Reach | None:
    """What is odd about an answer; None: it is that of a Threshold server."""
    if elsewhere.startswith("https:") and url.startswith("http:"):
        fix = "pair the kiosk anew with the address that begins with https://"
        return Reach(url, Step.ANSWER, "the server wants to be spoken to through TLS", fix)
    try:
        msgspec.json.decode(body, type=_Ours)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        behind = "a proxy answers, and no server behind it: start it (systemctl start threshold-server)"
        return Reach(url, Step.ANSWER, f"status {status}", behind if status >= 500 else "")
    return None


def _plain(error: Exception) -> str:
    if isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError):
        return f"no answer within {PATIENCE_S:.0f} s"
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return "it hangs up"
    return getattr(error, "strerror", None) or str(error)
