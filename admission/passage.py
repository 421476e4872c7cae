"""A passage: who, where, when, verdict. A fact: written before the light turns green, never changed, never refused.

Its identity is (device, incarnation, seq), so a gap is visible; ``chain`` binds each passage to all before it, so a
fork is. What travels and what is hashed are the very bytes that the kiosk wrote.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from admission.errors import BadMessage

GENESIS = bytes(32)
DID_NOT_TURN = "did_not_turn"
"""The flag of a passage that was written because a turnstile let nobody through."""
VERSION = 1


class Kind(StrEnum):
    """What happened. FORCED: let in by a steward without a seat (K5); ANNULLED: an entry that did not happen (K6).
    Later kinds are added here, never renamed."""

    ENTRY = "entry"
    EXIT = "exit"
    REFUSED = "refused"
    FORCED = "forced"
    ANNULLED = "annulled"


_TEXT = r"^[^\x00]*$"
Reference = Annotated[str, msgspec.Meta(max_length=64, pattern=_TEXT)]
"""The id of a gate, room, session or boot."""
Word = Annotated[str, msgspec.Meta(max_length=32, pattern=_TEXT)]
Count = Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
Span = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
"""Milliseconds, or the number of a passage."""
YEARS = range(2000, 3000)


class Passage(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, kw_only=True):
    """One passage. ``at`` is the kiosk's best estimate (None: no clock yet in this boot), give or take
    ``uncertainty_ms``; (boot, boot_ms) lets the server place it once that boot is anchored. ``count`` is above 1
    only for refusals repeated within a minute, and for unbadged people (``badge`` 0) whom a steward counts. ``of``: the
    number of the entry that is annulled; ``by``: the steward's badge."""

    v: int = VERSION
    kind: Kind
    why: Word = ""
    badge: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    gate: Reference
    room: Reference
    session: Reference = ""
    boot: Reference
    boot_ms: Span
    at: datetime | None
    uncertainty_ms: Span = 0
    count: Count = 1
    flags: Annotated[tuple[Word, ...], msgspec.Meta(max_length=8)] = ()
    of: Span = 0
    by: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Passage)


def encode(passage: Passage) -> bytes:
    """The bytes that are journalled, hashed and sent."""
    return _encoder.encode(passage)


def decode(raw: bytes) -> Passage:
    """The passage in ``raw``. Raises BadMessage, whose text says what is wrong with it."""
    try:
        passage = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"not a passage: {error}") from error
    if passage.v != VERSION:
        raise BadMessage(f"a passage of version {passage.v}; this side reads version {VERSION}")
    if passage.at is not None and (passage.at.tzinfo is None or passage.at.year not in YEARS):
        raise BadMessage("a passage whose time has no zone, or cannot be")
    return passage


def chain(previous: bytes, raw: bytes) -> bytes:
    """SHA-256(previous hash || passage bytes): the link that the next passage builds on."""
    return hashlib.sha256(previous + raw).digest()
