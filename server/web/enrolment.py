"""POST /api/v1/enrol: a kiosk that has read a pairing code asks to be enrolled; signed both ways like an exchange.

Needs no cookie and no CSRF token: the request is signed by the key that it names, and the token admits it once.
GET /api/v1/ca.pem: the roots of the TLS in front, for a kiosk that holds their fingerprint, and for browsers.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Blueprint, Response, current_app, jsonify, make_response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from admission import pairing as words
from admission import wire
from admission.errors import BadMessage, BadSignature, ConfigError
from admission.pairing import Enrol
from server import pairing, roots
from server.pairing import NotPending

if TYPE_CHECKING:
    from server.web import Parts

log = logging.getLogger(__name__)

MOST_WRONG = 10
WITHIN = timedelta(minutes=1)
CA = "CA"
"""Where the application's settings name the file with the roots; "" or nothing: there is none."""
AGAIN = "show the kiosk a new pairing code from the server's Kiosks page"


class Wrongs:
    """Counts wrong attempts, of whomever: tokens cannot be guessed, and those who try are not even answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lately: deque[datetime] = deque(maxlen=MOST_WRONG)

    def one_more(self, now: datetime) -> bool:
        """Counts one; False if there were too many within a minute."""
        with self._lock:
            if len(self._lately) == MOST_WRONG and abs(now - self._lately[0]) < WITHIN:
                return False
            self._lately.append(now)
            return True


def blueprint(parts: Parts) -> Blueprint:
    """The endpoint; to be exempted from CSRF protection."""
    endpoint = Blueprint("enrolment", __name__)
    wrongs = Wrongs()

    @endpoint.post(words.PATH)
    def enrol() -> ResponseReturnValue:
        try:
            asked = _read()
            now = parts.clock()
            enrolled = parts.store.write(lambda connection: pairing.answer(connection, asked, now))
        except (BadMessage, BadSignature, NotPending) as error:
            log.warning("an enrolment was not taken: %s", error)
            return _refusal(error) if wrongs.one_more(parts.clock()) else _too_many()
        body = words.encode(enrolled)
        signature = wire.sign(words.DOWN, body, parts.current.get().event.signing)
        return Response(body, mimetype="application/json", headers={wire.SIGNATURE_HEADER: signature})

    @endpoint.get(words.ROOTS_PATH)
    def ca() -> ResponseReturnValue:
        try:
            pem = trusted()
        except ConfigError as error:
            log.error("%s", error)
            return _say(503, "Not now", "the file with the certificates cannot be used", "see the server's log")
        if not pem:
            return _say(404, "Nothing here", "this server names no certificates to trust", "use the system's own")
        return Response(pem, mimetype="application/x-pem-file")

    return endpoint


def trusted() -> str:
    """The roots of the TLS in front of this server as PEM; "" where the settings name none. Raises ConfigError."""
    return roots.read(current_app.config.get(CA, ""))


def _read() -> Enrol:
    """The request, signed by the key in it. Raises BadMessage or BadSignature."""
    request.max_content_length = words.MAX_BODY
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise BadMessage(f"a message of more than {words.MAX_BODY} bytes") from error
    asked = words.decode_enrol(body)
    signature = request.headers.get(wire.SIGNATURE_HEADER, "")
    wire.check(words.UP, body, signature, Ed25519PublicKey.from_public_bytes(asked.public))
    return asked


def _refusal(error: BadMessage | BadSignature | NotPending) -> ResponseReturnValue:
    if isinstance(error, NotPending):
        return _say(410, "Gone", str(error), AGAIN)
    if isinstance(error, BadSignature):
        return _say(403, "Not known here", str(error), AGAIN)
    return _say(400, "Not understood", str(error), "bring kiosk and server to the same version, and try again")


def _too_many() -> ResponseReturnValue:
    return _say(429, "Too many", "there were too many wrong attempts within a minute", "wait a minute and try again")


def _say(status: int, error: str, what: str, do: str) -> ResponseReturnValue:
    """The one shape of errors for programs."""
    return make_response(jsonify(error=error, what=what, do=do), status)
