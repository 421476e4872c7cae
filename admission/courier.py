"""Reports and grants that travel as QR codes on a steward's phone, when there is no network (docs/protocol.md, 12).

The same messages as over the network, in a compact form: a MessagePack array, compressed, signed over the bytes that
travel, in base45 after a plain head that lets a phone sort what it sees. Each code stands by itself, so codes may come
in any order, twice, or not at all. Knows nothing of cameras or pictures.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from admission.badge import base45_decode, base45_encode
from admission.errors import BadMessage, BadSignature
from admission.wire import UNREADABLE, Exchange, GrantTo, Lane, Report, validate

VERSION = 1
UP = b"threshold-courier-up-1\0"
DOWN = b"threshold-courier-down-1\0"
CODE_BYTES = 560
"""What one code carries: about version 17-L, which a phone reads off a 7-inch screen."""
MOST_BYTES = 100_000
"""A slip, unpacked."""
_SIGNATURE = 64
_FRAME = re.compile(r"TR:([A-Z0-9-]{1,64}):([0-9A-F]{6}):([0-9]{1,4}):([0-9]{1,4}):(.+)", re.DOTALL)
_GRANT = re.compile(r"TG:([A-Z0-9-]{1,64}):(.+)", re.DOTALL)


class _Line(Report, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A report as an array."""


class _Given(GrantTo, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A grant as an array."""


class _Slip(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    v: int
    device: str
    incarnation: int
    boot: str
    boot_ms: int
    era: int
    acknowledged: int
    machine: str
    closed: bool
    reports: tuple[_Line, ...]
    first_seq: int
    passages: tuple[bytes, ...]
    head_seq: int
    head: bytes


class Delivered(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the server says to a kiosk by courier: its totals, and what it holds of the journal. Not bound to a letter:
    it is cumulative, so that an old one changes nothing."""

    v: int
    device: str
    incarnation: int
    now: datetime
    have_seq: int
    era: int
    grants: tuple[_Given, ...]


_T = TypeVar("_T", _Slip, Delivered)


@dataclass(frozen=True, slots=True)
class Frame:
    """One code that a phone has read: whose, of which letter, number ``part`` of ``parts``; not verified yet."""

    device: str
    letter: str
    part: int
    parts: int
    payload: bytes


def frames(message: Exchange, key: Ed25519PrivateKey) -> list[str]:
    """The texts of the codes that carry the message, its report in each of them; at least one."""
    slips = list(_slips(message))
    name = f"{message.device}/{message.incarnation}/{message.boot}/{message.boot_ms}"
    letter = hashlib.sha256(name.encode()).hexdigest()[:6].upper()
    head = f"TR:{message.device.upper()}:{letter}"
    signed = (key.sign(UP + body) + body for body in slips)
    return [f"{head}:{part}:{len(slips)}:{base45_encode(body)}" for part, body in enumerate(signed, 1)]


def read_frame(text: str) -> Frame:
    """The code's head and payload. Raises BadMessage for a text that is no such code."""
    found = _FRAME.fullmatch(text)
    if found is None:
        raise BadMessage("not a code of a kiosk's courier screen")
    device, letter, part, parts, payload = found.groups()
    return Frame(device.lower(), letter, int(part), int(parts), _bytes(payload))


def open_frame(frame: Frame, key: Ed25519PublicKey) -> Exchange:
    """The message in the code, with as many passages as it carries. Raises BadSignature or BadMessage."""
    slip = _decode(_verified(frame.payload, UP, key), _Slip)
    if slip.v != VERSION:
        raise BadMessage(f"a code of version {slip.v}; this side speaks version {VERSION}: update the older side")
    if slip.device != frame.device:
        raise BadMessage(f"a code of {frame.device!r} that speaks in the name of {slip.device!r}")
    message = Exchange(
        device=slip.device,
        incarnation=slip.incarnation,
        boot=slip.boot,
        boot_ms=slip.boot_ms,
        lane=Lane.NEWS,
        reports=tuple(Report(*msgspec.structs.astuple(line)) for line in slip.reports),
        first_seq=slip.first_seq,
        passages=slip.passages,
        head_seq=slip.head_seq,
        head=slip.head,
        era=slip.era,
        acknowledged=slip.acknowledged,
        machine=slip.machine,
        closed=slip.closed,
    )
    validate(message)
    return message


def answer(message: Delivered, key: Ed25519PrivateKey) -> str:
    """The text of the code that the phone shows to the kiosk."""
    body = _pack(message)
    return f"TG:{message.device.upper()}:{base45_encode(key.sign(DOWN + body) + body)}"


def deliver(exchange: Exchange, now: datetime, have_seq: int, era: int, grants: tuple[GrantTo, ...]) -> Delivered:
    """The server's word on a message that came by courier."""
    given = tuple(_Given(*msgspec.structs.astuple(grant)) for grant in grants)
    return Delivered(VERSION, exchange.device, exchange.incarnation, now, have_seq, era, given)


def is_answer(text: str) -> bool:
    """Whether the text looks like the server's word by courier."""
    return text.startswith("TG:")


def open_answer(text: str, key: Ed25519PublicKey) -> Delivered:
    """The server's word. Raises BadMessage or BadSignature."""
    found = _GRANT.fullmatch(text)
    if found is None:
        raise BadMessage("not a courier's answer")
    delivered = _decode(_verified(_bytes(found.group(2)), DOWN, key), Delivered)
    if delivered.v != VERSION:
        raise BadMessage(f"an answer of version {delivered.v}; this side speaks version {VERSION}")
    return delivered


def _slips(message: Exchange) -> Iterator[bytes]:
    first, rest = message.first_seq, list(message.passages)
    while True:
        fits = _fitting(message, first, rest)
        yield _slip(message, first, rest[:fits])
        first, rest = first + fits, rest[fits:]
        if not rest:
            return


def _fitting(message: Exchange, first: int, passages: list[bytes]) -> int:
    """How many of the passages go into one code: at least one, for each is far smaller than a code."""
    low, high = min(1, len(passages)), min(len(passages), 40)
    while low < high:
        middle = (low + high + 1) // 2
        small = len(_slip(message, first, passages[:middle])) + _SIGNATURE <= CODE_BYTES
        low, high = (middle, high) if small else (low, middle - 1)
    return low


def _slip(message: Exchange, first: int, passages: list[bytes]) -> bytes:
    return _pack(
        _Slip(
            VERSION,
            message.device,
            message.incarnation,
            message.boot,
            message.boot_ms,
            message.era,
            message.acknowledged,
            message.machine,
            message.closed,
            tuple(_Line(*msgspec.structs.astuple(report)) for report in message.reports),
            first,
            tuple(passages),
            message.head_seq,
            message.head,
        )
    )


def _pack(message: _Slip | Delivered) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(message), 9)


def _bytes(text: str) -> bytes:
    found = base45_decode(text)
    if found is None or len(found) <= _SIGNATURE:
        raise BadMessage("a code that is damaged or cut off; read it again")
    return found


def _verified(payload: bytes, context: bytes, key: Ed25519PublicKey) -> bytes:
    body = payload[_SIGNATURE:]
    try:
        key.verify(payload[:_SIGNATURE], context + body)
    except InvalidSignature as error:
        raise BadSignature("the signature does not fit the key of the one who says to have made this code") from error
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(body, MOST_BYTES)
    except zlib.error as error:
        raise BadMessage("a code that cannot be unpacked") from error
    if unpacking.unconsumed_tail:
        raise BadMessage("a code that holds too much")
    return plain


def _decode(plain: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.msgpack.decode(plain, type=kind)
    except UNREADABLE as error:
        raise BadMessage(f"a code that cannot be read: {error}") from error
