"""Messages between kiosk and server: versioned, strict on the way in, signed over the bytes sent.

One request and one answer (docs/protocol.md). Unknown fields are refused; a message of another version says so.
Knows nothing of HTTP beyond the names of two headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from admission import roots
from admission.errors import BadMessage, BadSignature
from admission.health import Health
from admission.venue import Programme

VERSION = 1
PATH = "/api/v1/exchange"
DEVICE_HEADER = "Threshold-Device"
SIGNATURE_HEADER = "Threshold-Signature"
MAX_BODY = 1_000_000
MAX_PASSAGES = 500
MAX_SMALL = 2**30
UP = b"threshold-exchange-1\0"
DOWN = b"threshold-answer-1\0"
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


Machine = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00]*$")]
"""A name of the hardware that tells two machines apart and says nothing else."""


class Lane(StrEnum):
    """Ask: a visitor is waiting, nothing is held back. News: backlog and changes, may be held for ``wait_ms``."""

    ASK = "ask"
    NEWS = "news"


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The kiosk's account in one room, all counters cumulative; ``arrivals``: entries asked for in the last 300 s;
    ``hold``: the newest hold of entries that it keeps (S6), or kept."""

    room: str
    era: int
    granted: int
    returned: int
    entries: int
    exits: int
    forced: int
    arrivals: int = 0
    hold: int = 0


class Presenting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A badge is held up now; ``ask`` numbers the question so that a late answer is not taken for another's."""

    ask: int
    badge: int
    room: str


class Cursors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How new the kiosk's programme, badges and presence are: the versions that it was given last."""

    programme: int = 0
    badges: int = 0
    presence: int = 0


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a kiosk says. ``passages`` are the journalled bytes from ``first_seq`` on; ``head`` is the chain's hash
    after the last passage that the kiosk has written, which has the number ``head_seq``; ``acknowledged``: the server
    has said that it holds everything up to here, in ``era``. ``closed``: this store ends here and spends no more.
    ``health``: how well it reads, now and then in the news lane."""

    v: int = VERSION
    device: str
    incarnation: int
    boot: str
    boot_ms: int
    lane: Lane
    reports: tuple[Report, ...] = ()
    first_seq: int = 1
    passages: tuple[bytes, ...] = ()
    head_seq: int = 0
    head: bytes = b""
    presenting: Presenting | None = None
    cursors: Cursors | None = None
    wait_ms: int = 0
    era: int = 0
    acknowledged: int = 0
    machine: Machine = ""
    closed: bool = False
    health: Health | None = None


class GrantTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The total ever granted to this incarnation in a room; ``target``: what it should hold (more may be returned);
    ``full``: the server has no seat left for anybody; ``hold``: entries are held under this number (0: they are not);
    ``recall``: the total that should have been returned by now; ``elsewhere``: a gate of the room that has seats;
    ``spare``: how many forced entries still fit under the room's legal limit; ``opened``: the newest hold that has
    ended."""

    room: str
    era: int
    granted: int
    target: int
    full: bool
    hold: int = 0
    recall: int = 0
    elsewhere: str = ""
    spare: int = 0
    opened: int = 0


class Whereabouts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The freshest word on the holder of the badge that was asked about. ``sure``: every gate of the room has
    reported lately; ``claimed``: another kiosk is deciding on the same person at this moment; ``used_up``: sessions
    of the room for which the holder's delegation has sent as many as it may."""

    ask: int
    revoked: bool
    inside: bool
    sure: bool
    claimed: bool
    used_up: tuple[str, ...] = ()


class Listed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session's list as two zlib-packed bitmaps over badge serials."""

    session: str
    yes: bytes
    no: bytes


class BadgeNews(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Changes to badges since the kiosk's cursor; ``whole``: forget what you held. ``revoked`` and ``lists`` are
    always complete; ``records`` (lookup, box) are sealed; ``more``: ask again at once, there is another part."""

    upto: int
    whole: bool
    more: bool
    highest: int
    revoked: bytes
    replaced: tuple[tuple[int, int], ...]
    records: tuple[tuple[bytes, bytes], ...]
    lists: tuple[Listed, ...]


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key that badges are signed with."""

    id: int
    public: bytes


class Keyring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is needed to verify badges offline: the event's number, epoch and public keys."""

    event: int
    epoch: datetime
    keys: tuple[Key, ...]


class ProgrammeNews(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole programme, the keys, and the gate that this kiosk stands at."""

    programme: Programme
    keyring: Keyring
    gate: str


class PresenceNews(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is inside the gate's room, as a zlib-packed bitmap over badge serials."""

    version: int
    room: str
    inside: bytes


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the server says. ``have_seq``: all passages up to this one are stored; (boot, boot_ms) are the request's,
    so that the kiosk can anchor its clock to ``now``. In a new ``era`` the server may hold less than it had said."""

    v: int = VERSION
    device: str
    incarnation: int
    boot: str
    boot_ms: int
    now: datetime
    have_seq: int
    era: int = 0
    verdicts: tuple[tuple[int, str], ...] = ()
    grants: tuple[GrantTo, ...] = ()
    whereabouts: Whereabouts | None = None
    programme: ProgrammeNews | None = None
    badges: BadgeNews | None = None
    presence: PresenceNews | None = None


class Enrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a kiosk is given once: its name, its own key (raw Ed25519 seed), the server's address and public key.
    ``ca``: the only roots that the server's TLS may rest on, as PEM ("": those that the kiosk is set up with)."""

    v: int = msgspec.field(default_factory=lambda: VERSION)  # unlike a default, never left out
    device: str
    seed: bytes
    server: str
    server_key: bytes
    ca: str = ""


class _Versioned(msgspec.Struct):
    v: int


_T = TypeVar("_T", Exchange, Answer, Enrolment)
_encoder = msgspec.json.Encoder()
_version = msgspec.json.Decoder(_Versioned)
_exchange = msgspec.json.Decoder(Exchange)
_answer = msgspec.json.Decoder(Answer)
_enrolment = msgspec.json.Decoder(Enrolment)


def encode(message: Exchange | Answer | Enrolment) -> bytes:
    """The message as JSON bytes, ready to be signed."""
    return _encoder.encode(message)


def decode_exchange(body: bytes) -> Exchange:
    """The request in ``body``. Raises BadMessage, saying what is wrong."""
    if len(body) > MAX_BODY:
        raise BadMessage(f"a message of {len(body)} bytes; at most {MAX_BODY} are read")
    exchange = _decode(_exchange, body)
    validate(exchange)
    return exchange


def validate(exchange: Exchange) -> None:
    """Raises BadMessage for numbers that are out of range and for two reports on one room."""
    if len(exchange.passages) > MAX_PASSAGES:
        raise BadMessage(f"{len(exchange.passages)} passages in one message; at most {MAX_PASSAGES} are read")
    if any(not 0 <= number < 2**53 for number in _numbers(exchange)):
        raise BadMessage("a number below zero or beyond 2^53")
    small = [exchange.era, *(n for report in exchange.reports for n in (report.era, report.hold, report.arrivals))]
    if max(small) > MAX_SMALL:
        raise BadMessage(f"an era, a hold or a number of arrivals beyond {MAX_SMALL}")
    rooms = [report.room for report in exchange.reports]
    if len(set(rooms)) < len(rooms):
        raise BadMessage("two reports on one room")


def _numbers(exchange: Exchange) -> Iterator[int]:
    yield from (exchange.incarnation, exchange.first_seq, exchange.head_seq, exchange.boot_ms, exchange.wait_ms)
    yield from (exchange.era, exchange.acknowledged)
    for report in exchange.reports:
        yield from (number for number in msgspec.structs.astuple(report) if isinstance(number, int))
    if exchange.presenting is not None:
        yield from (exchange.presenting.ask, exchange.presenting.badge >> 10)  # a badge id has 63 bits
    if exchange.cursors is not None:
        yield from msgspec.structs.astuple(exchange.cursors)


def decode_answer(body: bytes) -> Answer:
    """The answer in ``body``. Raises BadMessage."""
    return _decode(_answer, body)


def decode_enrolment(body: bytes) -> Enrolment:
    """The enrolment in ``body``. Raises BadMessage."""
    enrolment = _decode(_enrolment, body)
    return msgspec.structs.replace(enrolment, ca=roots.read(enrolment.ca.encode())) if enrolment.ca else enrolment


def _decode(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    """A message of another version is told apart from a malformed one: the cure is another."""
    try:
        message = decoder.decode(body)
        version = message.v
    except UNREADABLE as error:
        version = _version_of(body)
        if version == VERSION:
            raise BadMessage(f"not a message: {error}") from error
    if version != VERSION:
        raise BadMessage(f"a message of version {version}; this side speaks version {VERSION}: update the older side")
    return message


def _version_of(body: bytes) -> int:
    """The version that a message which cannot be read says to have; ours if it says none."""
    try:
        return _version.decode(body).v
    except UNREADABLE:
        return VERSION


def sign(context: bytes, body: bytes, key: Ed25519PrivateKey) -> str:
    """The signature over ``body`` in one direction (UP or DOWN), as hexadecimal for the header."""
    return key.sign(context + body).hex()


def check(context: bytes, body: bytes, signature: str, key: Ed25519PublicKey) -> None:
    """Raises BadSignature unless ``signature`` is ``key``'s over ``body`` in this direction."""
    try:
        key.verify(bytes.fromhex(signature), context + body)
    except (ValueError, InvalidSignature) as error:
        raise BadSignature("the signature does not fit the key of the one who says to have sent this") from error
