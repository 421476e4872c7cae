"""The kiosks' one endpoint: checks the signature, hands the message to the exchange, signs the answer.

Long polls are counted and capped: above the cap they are answered at once.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection

from admission import wire
from admission.errors import BadMessage, BadSignature, DiskError, ThresholdError
from admission.seats import is_excess
from admission.wire import Answer, Cursors, Exchange, Lane, Whereabouts
from server import incidents, news
from server.current import Picture
from server.exchange import Desk, Outcome
from server.incidents import Place
from server.live import NEWS, ROOMS
from server.news import Claims
from server.store import passages
from server.store.instants import to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from server.web import Parts

log = logging.getLogger(__name__)

LONGEST_WAIT_MS = 5000
MAX_HELD = 100
FEW = 20
"""A letter of the news lane with more passages is a backlog, and waits behind those who wait at a door."""
LOOK_S = 1.0
MOST_EVIDENCE = 20_000
"""Records kept of a revoked kiosk: a stolen one must not fill the disk."""
_DEVICE = f"HTTP_{wire.DEVICE_HEADER.upper().replace('-', '_')}"
_SIGNATURE = f"HTTP_{wire.SIGNATURE_HEADER.upper().replace('-', '_')}"


@dataclass(frozen=True, slots=True)
class _Found:
    """What one transaction found: the outcome, and the word on the holder asked about."""

    outcome: Outcome
    whereabouts: Whereabouts | None


class Lanes:
    """Answers exchanges, in any number of threads."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._claims = Claims()
        self._sought = parts.sought
        self._room_to_hold = threading.BoundedSemaphore(MAX_HELD)

    def converse(self, body: bytes, name: str, signature: str) -> tuple[bytes, str]:
        """The answer to a signed message, and its signature. Raises BadSignature or BadMessage; nothing is changed."""
        picture = self._parts.current.get()
        try:
            message = _open(body, name, signature, picture)
        except (BadSignature, BadMessage) as error:
            self.note(body, name, signature, error)
            raise
        answer = wire.encode(self.answer(message))
        return answer, wire.sign(wire.DOWN, answer, picture.event.signing)

    def carry(self, messages: Sequence[Exchange]) -> Outcome:
        """Takes messages of one kiosk that came by courier, in the order of their passages, in one transaction."""
        picture = self._parts.current.get()
        gate = picture.devices[messages[0].device][1]

        def take(connection: Connection) -> Outcome:
            desk = Desk(connection, picture.programme, self._parts.clock(), gate, self._sought)
            return [desk.handle(message, carried=True) for message in messages][-1]

        outcome = self._parts.store.write(take)
        self._parts.hub.tell(ROOMS)
        self._tell(outcome)
        return outcome

    def answer(self, message: Exchange) -> Answer:
        """Takes the message and says what the kiosk needs to know. A news lane waits until there is news."""
        seen = self._parts.hub.counts((NEWS, topic_of(message.device)))
        picture = self._parts.current.get()
        backlog = message.lane is Lane.NEWS and len(message.passages) > FEW
        found = self._parts.store.write(lambda connection: self._take(connection, message, picture), patient=backlog)
        self._tell(found.outcome)
        parts: tuple[wire.ProgrammeNews | None, wire.BadgeNews | None, wire.PresenceNews | None] = (None, None, None)
        if message.lane is Lane.NEWS and message.cursors is not None:
            if message.wait_ms and not _urgent(message, found.outcome) and self._hold(message, seen, picture.acts):
                found = self._look_again(message, found, self._parts.current.get())  # capacities may have moved
            picture = self._parts.current.get()
            parts = self._news(message, message.cursors, picture)
        programme, badges, presence = parts
        outcome = found.outcome
        return Answer(
            device=message.device,
            incarnation=message.incarnation,
            boot=message.boot,
            boot_ms=message.boot_ms,
            now=self._parts.clock(),
            have_seq=outcome.have_seq,
            era=outcome.era,
            verdicts=outcome.verdicts,
            grants=outcome.grants,
            whereabouts=found.whereabouts,
            programme=programme,
            badges=badges,
            presence=presence,
        )

    def _take(self, connection: Connection, message: Exchange, picture: Picture) -> _Found:
        now = self._parts.clock()
        gate = picture.devices[message.device][1]
        outcome = Desk(connection, picture.programme, now, gate, self._sought).handle(message)
        asked = message.presenting
        if asked is None or outcome.holder is None:
            return _Found(outcome, None)
        word = news.whereabouts(connection, asked, outcome.holder, to_ms(now))
        if not self._claims.take(outcome.holder.id, message.device, to_ms(now)):
            word = msgspec.structs.replace(word, claimed=True)
        return _Found(outcome, word)

    def note(self, body: bytes, name: str, signature: str, error: ThresholdError) -> None:
        """Shows the admin that a known kiosk's messages are refused; keeps what a revoked one sends as evidence."""
        picture = self._parts.current.get()
        late = name in picture.revoked and _late(body, signature, picture.revoked[name])
        if late:
            self._parts.store.write(lambda connection: self._keep_evidence(connection, late))
        elif name in picture.devices:
            self._note_refusal(name, error)

    def _keep_evidence(self, connection: Connection, late: Exchange) -> None:
        if passages.quarantined_of(connection, late.device) < MOST_EVIDENCE:
            programme, now = self._parts.current.get().programme, self._parts.clock()
            Desk(connection, programme, now, None).keep_evidence(late, "a revoked kiosk")

    def _note_refusal(self, name: str, error: ThresholdError) -> None:
        """Writes only what is not written yet: anybody can send messages that are refused, and many."""
        kind, place = "bad_signature" if isinstance(error, BadSignature) else "bad_message", Place(device=name)
        with self._parts.store.read() as connection:
            if incidents.is_open(connection, kind, place):
                return
        now, facts = to_ms(self._parts.clock()), {"what": str(error)[:300]}
        self._parts.store.write(lambda c: incidents.raise_while_open(c, kind, now, place, facts))

    def _tell(self, outcome: Outcome) -> None:
        if outcome.touched:
            self._parts.hub.tell(ROOMS)
        if outcome.recalled:
            self._parts.hub.tell(*(topic_of(name) for name in outcome.recalled))

    def _look_again(self, message: Exchange, found: _Found, picture: Picture) -> _Found:
        """After a wait the seats may have moved: the report is taken once more, without its passages."""
        again = msgspec.structs.replace(message, passages=(), presenting=None, health=None)
        fresh = self._parts.store.write(lambda connection: self._take(connection, again, picture))
        self._tell(fresh.outcome)
        return _Found(replace(fresh.outcome, verdicts=found.outcome.verdicts), None)

    def _up_to_date(self, message: Exchange) -> bool:
        held, picture = message.cursors or Cursors(), self._parts.current.get()
        return held.programme == picture.programme.version and held.badges == picture.badges_version

    def _hold(self, message: Exchange, seen: tuple[int, ...], acts: int) -> bool:
        """Waits for news; True if seats may have moved meanwhile. What a command of an admin changed is not told to
        the hub: looks once a second, too."""
        if not self._room_to_hold.acquire(blocking=False):
            return False
        left = min(message.wait_ms, LONGEST_WAIT_MS) / 1000
        topics = (NEWS, topic_of(message.device))
        try:
            while left > 0 and self._parts.hub.serving() and self._up_to_date(message):
                if self._parts.current.get().acts != acts:
                    return True
                if self._parts.hub.wait(topics, seen, min(left, LOOK_S)) != seen:
                    return True
                left -= LOOK_S
        finally:
            self._room_to_hold.release()
        return False

    def _news(
        self, message: Exchange, held: Cursors, picture: Picture
    ) -> tuple[wire.ProgrammeNews | None, wire.BadgeNews | None, wire.PresenceNews | None]:
        fresh = news.programme_news(picture, message.device)
        gate = picture.programme.gate(fresh.gate)
        room = gate.room if gate is not None else ""
        with self._parts.store.read() as connection:
            behind = held.badges != picture.badges_version
            badges = news.badge_news(connection, held.badges, room, picture.badges_version) if behind else None
            came = held.presence != news.presence_version(connection)
            presence = news.presence_news(connection, room) if came else None
        return (fresh if held.programme != fresh.programme.version else None), badges, presence


def topic_of(device: str) -> str:
    """What the hub is told when a kiosk should hear at once."""
    return f"kiosk:{device}"


def _urgent(message: Exchange, outcome: Outcome) -> bool:
    """Whether the kiosk must hear at once: it was given seats, holds too many, or has passages acknowledged."""
    held = {report.room: report for report in message.reports}
    for grant in outcome.grants:
        mine = held[grant.room]
        balance = mine.granted - mine.returned - mine.entries + mine.exits
        moved = (grant.era, grant.granted, grant.hold) != (mine.era, mine.granted, mine.hold if grant.hold else 0)
        if moved or is_excess(balance, grant.target) or grant.recall > mine.returned:
            return True
    rolled_back = outcome.have_seq > message.head_seq
    return bool(message.passages) or outcome.era != message.era or rolled_back


class Endpoint:
    """POST /api/v1/exchange, in front of the pages: signed messages need no cookie, session or CSRF token, and what
    Flask does for those takes a third of an exchange's time."""

    def __init__(self, lanes: Lanes, pages: WSGIApplication) -> None:
        self._lanes = lanes
        self._pages = pages

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers the kiosks; passes everything else on."""
        if environ["PATH_INFO"] != wire.PATH:
            return self._pages(environ, start_response)
        signature = ""
        try:
            status, (reply, signature) = "200 OK", self._lanes.converse(*self._received(environ))
        except BadSignature as error:
            status, reply = "403 FORBIDDEN", _refusal("Not known here", error)
        except BadMessage as error:
            status, reply = "400 BAD REQUEST", _refusal("Not understood", error)
        except DiskError as error:
            log.error("an exchange failed: %s", error)
            status, reply = "503 SERVICE UNAVAILABLE", _refusal("Not now", error)
        except Exception as error:
            log.exception("an exchange failed")
            status, reply = "500 INTERNAL SERVER ERROR", _refusal("Our mistake", error)
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(reply)))]
        start_response(status, [*headers, (wire.SIGNATURE_HEADER, signature)])
        return [reply]

    def _received(self, environ: WSGIEnvironment) -> tuple[bytes, str, str]:
        try:
            return _read(environ)
        except BadMessage as error:
            self._lanes.note(b"", environ.get(_DEVICE, ""), "", error)
            raise


def _read(environ: WSGIEnvironment) -> tuple[bytes, str, str]:
    """(body, kiosk's name, signature). Raises BadMessage for what is no POST, or too large."""
    if environ["REQUEST_METHOD"] != "POST":
        raise BadMessage("exchanges are sent with POST")
    length = environ.get("CONTENT_LENGTH") or ""
    if not length.isdecimal() or int(length) > wire.MAX_BODY:
        raise BadMessage(f"a message needs a Content-Length of at most {wire.MAX_BODY}, not {length[:20]!r}")
    name, signature = environ.get(_DEVICE, ""), environ.get(_SIGNATURE, "")
    return environ["wsgi.input"].read(int(length)), name, signature


def _refusal(title: str, error: Exception) -> bytes:
    """The one shape of errors for programs."""
    log.warning("exchange refused: %s", error)
    ours = isinstance(error, ThresholdError)
    what = str(error) if ours else "the server failed at this"
    return msgspec.json.encode({"error": title, "what": what, "do": "the kiosk tries again by itself"})


def _late(body: bytes, signature: str, key: Ed25519PublicKey) -> Exchange | None:
    """The message of a revoked kiosk, if it really is its own."""
    try:
        wire.check(wire.UP, body, signature, key)
        return wire.decode_exchange(body)
    except (BadSignature, BadMessage):
        return None


def _open(body: bytes, name: str, signature: str, picture: Picture) -> Exchange:
    known = picture.devices.get(name)
    if known is None:
        raise BadSignature(f"no kiosk named {name[:64]!r} is enrolled here, or it was revoked")
    wire.check(wire.UP, body, signature, known[0])
    message = wire.decode_exchange(body)
    if message.device != name:
        raise BadMessage(f"kiosk {name!r} sent a message in the name of {message.device!r}")
    return message
