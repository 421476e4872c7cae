"""Enrolment by pairing code: the code on the admin's screen, the kiosk's request, the server's answer, six digits.

The code carries what the kiosk must trust (the server's address and public key) past the network, through a camera.
Request and answer are JSON, signed like exchanges. Knows nothing of cameras, pages, tables or HTTP.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec

from admission.badge import base45_decode, base45_encode
from admission.errors import BadMessage
from admission.wire import UNREADABLE

PREFIX = "TE:"
VERSION = 1
PINNING = 2
"""The version of a code that also says which roots the server's TLS must rest on; an older kiosk says so and stops."""
PATH = "/api/v1/enrol"
ROOTS_PATH = "/api/v1/ca.pem"
MAX_BODY = 2000
MAX_URL = 200
TOKEN_BYTES = 16
LASTS_MS = 600_000
UP = b"threshold-enrol-1\0"
DOWN = b"threshold-enrolled-1\0"
_DIGITS = b"threshold-pairing-1\0"

Token = Annotated[bytes, msgspec.Meta(min_length=TOKEN_BYTES, max_length=TOKEN_BYTES)]
Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Digest = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


@dataclass(frozen=True, slots=True)
class Code:
    """What a pairing code says: where the server is, the key that it signs with, and the token that admits once.
    ``roots``: the fingerprint of the only roots that its TLS may rest on (admission.roots), or b"" if it says none."""

    url: str
    server_key: bytes
    token: bytes
    roots: bytes = b""


class State(StrEnum):
    """How far it is: the admin compares digits; the kiosk is enrolled; it will not be, under this code."""

    ASKED = "asked"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class Enrol(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a kiosk asks: to be enrolled with this public key. Signed with the private half."""

    v: int = VERSION
    token: Token
    public: Key


class Enrolled(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the server says. ``public`` is the key that it answers: by it the kiosk knows that no other was put in
    its place, whoever carried the message."""

    v: int = VERSION
    state: State
    device: str
    gate: str
    public: Key


class _Versioned(msgspec.Struct):
    v: int


_T = TypeVar("_T", Enrol, Enrolled)


def write_code(code: Code) -> str:
    """The text of the QR code, in its alphanumeric set."""
    said: tuple[object, ...] = (code.url, code.server_key, code.token)
    said = (PINNING, *said, code.roots) if code.roots else (VERSION, *said)
    return PREFIX + base45_encode(msgspec.msgpack.encode(said))


def read_code(text: str) -> Code:
    """The code in a text that begins with PREFIX. Raises BadMessage for a damaged one, or one of another version."""
    raw = base45_decode(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else None
    if raw is None:
        raise BadMessage("this is not a pairing code, or a damaged one")
    try:
        version, *rest = msgspec.msgpack.decode(raw, type=list)
        if version == VERSION:
            return Code(*msgspec.convert(rest, tuple[str, Key, Token]))
        if version == PINNING:
            return _pinning(Code(*msgspec.convert(rest, tuple[str, Key, Token, Digest])))
    except (*UNREADABLE, ValueError) as error:
        raise BadMessage("this pairing code is damaged") from error
    raise BadMessage(
        f"a pairing code of version {version}; this side knows versions {VERSION} and {PINNING}: update the older side"
    )


def _pinning(code: Code) -> Code:
    """Raises ValueError for an address without TLS: there would be nothing to hold the roots against."""
    if not code.url.startswith("https://"):
        raise ValueError("roots for an address without TLS")
    return code


def digits(code: Code, public: bytes) -> str:
    """Six digits, like "123 456", that are the same on both sides only if token and both keys are."""
    seen = hashlib.sha256(_DIGITS + code.token + code.server_key + public).digest()
    number = int.from_bytes(seen, "big") % 1_000_000
    return f"{number // 1000:03} {number % 1000:03}"


def token_hash(token: bytes) -> bytes:
    """What the server keeps of a token."""
    return hashlib.sha256(token).digest()


def encode(message: Enrol | Enrolled) -> bytes:
    """The message as JSON bytes, ready to be signed."""
    return msgspec.json.encode(message)


def decode_enrol(body: bytes) -> Enrol:
    """The request in ``body``. Raises BadMessage, saying what is wrong."""
    return _decode(Enrol, body)


def decode_enrolled(body: bytes) -> Enrolled:
    """The answer in ``body``. Raises BadMessage."""
    return _decode(Enrolled, body)


def _decode(kind: type[_T], body: bytes) -> _T:
    """A message of another version is told apart from a malformed one: the cure is another."""
    if len(body) > MAX_BODY:
        raise BadMessage(f"a message of {len(body)} bytes; at most {MAX_BODY} are read")
    try:
        version = msgspec.json.decode(body, type=_Versioned).v
        if version == VERSION:
            return msgspec.json.decode(body, type=kind)
    except UNREADABLE as error:
        raise BadMessage(f"not a message: {error}") from error
    raise BadMessage(f"a message of version {version}; this side speaks version {VERSION}: update the older side")
