"""The courier: a steward's phone brings what a cut-off kiosk shows, and takes back what it may spend.

The page works offline; what it posts here are the very messages of the kiosk, signed by it, so that a phone can
neither forge nor change them. Each is taken like one that came over the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Blueprint, Response, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from admission import courier
from admission.errors import BadMessage, BadSignature
from admission.wire import Exchange
from server import symbol
from server.exchange import Outcome
from server.store import passages
from server.users import Role
from server.web.auth import only
from server.web.kiosks import Lanes

if TYPE_CHECKING:
    from server.web import Parts

COURIERS = frozenset({Role.STEWARD, Role.SUPERVISOR, Role.ADMIN})
MOST_FRAMES = 2000
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; worker-src 'self'; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
)


def blueprint(parts: Parts, lanes: Lanes) -> Blueprint:
    """The page, its service worker, and where it posts."""
    pages = Blueprint("courier", __name__)

    @pages.get("/courier")
    @only(COURIERS)
    def page() -> ResponseReturnValue:
        answer = Response(render_template("courier.html", active="courier"))
        answer.headers["Content-Security-Policy"] = POLICY
        return answer

    @pages.get("/courier/worker.js")
    def worker() -> ResponseReturnValue:
        """Open to all: a browser renews it when nobody is signed in; it holds nothing secret."""
        answer = current_app.send_static_file("courier-worker.js")
        answer.headers["Service-Worker-Allowed"] = "/courier"
        return answer

    @pages.post("/courier/letters")
    @only(COURIERS)
    def letters() -> ResponseReturnValue:
        try:
            return jsonify(deliver(parts, lanes, _texts(request.get_json(silent=True))))
        except BadSignature as error:
            return _refused("Not believed", str(error), "check that the kiosk is enrolled here; pair it anew", 403)
        except BadMessage as error:
            return _refused("Not understood", str(error), "read the kiosk's screen again", 400)

    return pages


def deliver(parts: Parts, lanes: Lanes, texts: Sequence[str]) -> dict[str, object]:
    """Takes the codes of one letter, in any order; what the page is told, with the code for the kiosk.

    Codes behind a missing one wait: nothing is taken out of order. Raises BadMessage or BadSignature.
    """
    picture = parts.current.get()
    parted: dict[int, Exchange] = {}
    total = 0
    for text in texts:
        frame = courier.read_frame(text)
        if frame.device not in picture.devices:
            raise BadSignature(f"no kiosk named {frame.device!r} is enrolled here, or it was revoked")
        parted[frame.part] = courier.open_frame(frame, picture.devices[frame.device][0])
        total = max(total, frame.parts)
    messages = sorted(parted.values(), key=lambda message: message.first_seq)
    if len({(message.device, message.incarnation) for message in messages}) != 1:
        raise BadMessage("codes of more than one kiosk in one letter")
    outcome = lanes.carry(_unbroken(parts, messages))
    missing = sorted(set(range(1, total + 1)) - set(parted))
    return _told(parts, messages[0], outcome, missing)


def _unbroken(parts: Parts, messages: Sequence[Exchange]) -> list[Exchange]:
    """The messages up to the first hole in their passages; of the rest only the report is taken."""
    with parts.store.read() as connection:
        known = passages.chain_of(connection, messages[0].device, messages[0].incarnation)
    have = known.have_seq if known is not None else 0
    taken = []
    for message in messages:
        if message.first_seq > have + 1:
            break
        taken.append(message)
        have = max(have, message.first_seq + len(message.passages) - 1)
    return taken or [msgspec.structs.replace(messages[0], passages=())]


def _told(parts: Parts, message: Exchange, outcome: Outcome, missing: list[int]) -> dict[str, object]:
    picture = parts.current.get()
    given = courier.deliver(message, parts.clock(), outcome.have_seq, outcome.era, outcome.grants)
    text = courier.answer(given, picture.event.signing)
    gate = picture.programme.gate(picture.devices[message.device][1])
    place = gate.name if gate is not None else message.device
    more = sum(
        grant.granted - report.granted
        for report in message.reports
        for grant in outcome.grants
        if grant.room == report.room and grant.granted > report.granted
    )
    return {
        "device": message.device,
        "gate": place,
        "taken": outcome.have_seq,
        "missing": missing,
        "waiting": max(0, message.head_seq - outcome.have_seq),
        "grant": text,
        "svg": symbol.svg(text),
        "says": f"{more} more seats for {place}" if more else f"No more seats for {place} just now",
    }


def _texts(body: Any) -> list[str]:
    texts = body.get("frames") if isinstance(body, dict) else None
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise BadMessage('a letter is {"frames": ["TR:...", ...]}')
    if len(texts) > MOST_FRAMES:
        raise BadMessage(f"{len(texts)} codes at once; at most {MOST_FRAMES} are taken")
    return texts


def _refused(title: str, what: str, do: str, status: int) -> ResponseReturnValue:
    return jsonify({"error": title, "what": what, "do": do}), status
