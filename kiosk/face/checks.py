"""The kiosk's self-test as the steward's page, and ``threshold-kiosk doctor`` on the same machine, ask for it.

Part of the local page (:mod:`kiosk.face.screen`). Tells figures of the machine and the camera, and nothing of people.
"""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from admission.findings import encode
from kiosk.face.here import HEADER, MARK, guard
from kiosk.self_test import SelfTest

_FRESH = {"Cache-Control": "no-store"}


def blueprint(test: SelfTest) -> Blueprint:
    """``/self-test`` makes one and answers when it is over, to whoever says that it is no page; ``/self-test/now`` says
    how far the present one is."""
    pages = Blueprint("checks", __name__)
    pages.before_request(guard)

    @pages.get("/self-test")
    def examine() -> ResponseReturnValue:
        if request.headers.get(HEADER) != MARK:  # no page of another can send it
            return {"error": "Not allowed", "what": "this is for the doctor", "do": "threshold-kiosk doctor"}, 403
        found = test.examine(with_target=request.args.get("target") != "no")
        return Response(encode(found), mimetype="application/json", headers=_FRESH)

    @pages.get("/self-test/now")
    def now() -> ResponseReturnValue:
        said = {"on": test.on, "findings": test.findings()}
        return Response(msgspec.json.encode(said), mimetype="application/json", headers=_FRESH)

    return pages
