"""A passage: who, where, when, verdict. A fact: written before the light turns green, never changed, never refused.

Its identity is (device, incarnation, seq), so a gap is visible; ``chain`` binds each passage to all before it, so a
fork is. What travels and what is hashed are the very bytes that the kiosk wrote.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import NewType

import msgspec

from admission.errors import BadMessage

DeviceId = NewType("DeviceId", str)
Incarnation = NewType("Incarnation", int)
Seq = NewType("Seq", int)

GENESIS = bytes(32)
VERSION = 1


class Kind(StrEnum):
    """What happened. Later kinds (forced, annulled) are added here, never renamed."""

    ENTRY = "entry"
    EXIT = "exit"
    REFUSED = "refused"


class Passage(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, kw_only=True):
    """One passage. ``at`` is the kiosk's best estimate (None: no clock yet in this boot), give or take
    ``uncertainty_ms``; (boot, boot_ms) lets the server place it once that boot is anchored. ``count`` is above 1
    only for refusals repeated within a minute."""

    v: int = VERSION
    kind: Kind
    why: str = ""
    badge: int
    gate: str
    room: str
    session: str = ""
    boot: str
    boot_ms: int
    at: datetime | None
    uncertainty_ms: int = 0
    count: int = 1
    flags: tuple[str, ...] = ()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Passage)


def encode(passage: Passage) -> bytes:
    """The bytes that are journalled, hashed and sent."""
    return _encoder.encode(passage)


def decode(raw: bytes) -> Passage:
    """The passage in ``raw``. Raises BadMessage, whose text says what is wrong with it."""
    try:
        passage = _decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise BadMessage(f"not a passage: {error}") from error
    if passage.v != VERSION:
        raise BadMessage(f"a passage of version {passage.v}; this side reads version {VERSION}")
    if not 0 <= passage.badge < 2**63 or not 1 <= passage.count < 2**31:
        raise BadMessage("a passage with a badge id or a count out of range")
    if passage.at is not None and passage.at.tzinfo is None:
        raise BadMessage("a passage whose time has no zone")
    return passage


def chain(previous: bytes, raw: bytes) -> bytes:
    """SHA-256(previous hash || passage bytes): the link that the next passage builds on."""
    return hashlib.sha256(previous + raw).digest()
