"""The badge token: encode, sign, verify. Text in, Badge or BadBadge out.

A token is ``TB`` + base45 (RFC 9285) of a 16-byte body and a 64-byte Ed25519 signature (RFC 8032): 122 characters
of the QR alphanumeric set, which just fit a QR code of version 5-M (37 x 37 modules). It carries no name, so that
correcting a name does not void a printed badge.

Knows nothing of people, rooms or revocations.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NewType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Serial = NewType("Serial", int)
"""The running number of a badge within its event, 1 .. 2^31 - 1; dense, so that bitmaps over it are small."""

BadgeId = NewType("BadgeId", int)
"""64 bits: serial << 32 | 32 random bits. Signed 64-bit columns hold it, as serials stay below 2^31."""

PREFIX = "TB"
TOKEN_LENGTH = 122
VERSION = 1
MAX_SERIAL = 2**31 - 1
_CONTEXT = b"threshold-badge-1"
_BODY = struct.Struct(">BHQHHB")
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUE = {character: value for value, character in enumerate(_ALPHABET)}


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says of itself. Hours are counted from the event's epoch; ``hours`` 0 means the whole event."""

    event: int
    key_id: int
    id: BadgeId
    category: int
    zones: int
    not_before: int
    hours: int

    @property
    def serial(self) -> Serial:
        """The badge's running number."""
        return Serial(self.id >> 32)


class Flaw(StrEnum):
    """Why a text is no badge. FORGED is only said when the key is held and the signature fails."""

    NOT_OURS = "not_ours"
    DAMAGED = "damaged"
    FORGED = "forged"


@dataclass(frozen=True, slots=True)
class BadBadge:
    """A text that is not a badge of this event, and why."""

    why: Flaw


@dataclass(frozen=True, slots=True)
class EventKeys:
    """An event's number, its epoch, and the public keys by key id (0 .. 15) that its badges are signed with."""

    event: int
    epoch: datetime
    keys: Mapping[int, Ed25519PublicKey]

    def window(self, badge: Badge) -> tuple[datetime, datetime | None]:
        """The instants from and until which the badge is valid; None: to the end of the event."""
        start = self.epoch.astimezone(UTC) + timedelta(hours=badge.not_before)
        return start, start + timedelta(hours=badge.hours) if badge.hours else None


def badge_id(serial: int, random32: int) -> BadgeId:
    """The id of the badge with this serial; ``random32`` makes it impossible to guess."""
    if not 1 <= serial <= MAX_SERIAL or not 0 <= random32 < 2**32:
        raise ValueError(f"serial {serial} must be 1..2^31-1 and the random part 32 bits")
    return BadgeId(serial << 32 | random32)


def serial_of(badge: int) -> Serial:
    """The running number inside a badge id."""
    return Serial(badge >> 32)


def issue(badge: Badge, key: Ed25519PrivateKey) -> str:
    """The token of ``badge``, signed. Deterministic: the same badge and key give the same 122 characters."""
    body = _pack(badge)
    return PREFIX + base45_encode(body + key.sign(_CONTEXT + body))


def is_like_badge(text: str) -> bool:
    """Whether a text has the form of a badge's: what to look at first, not what to believe."""
    return len(text) == TOKEN_LENGTH and text.startswith(PREFIX) and all(sign in _VALUE for sign in text)


def verify(text: str, keys: EventKeys) -> Badge | BadBadge:
    """The badge that ``text`` proves, or why it proves none. Needs no network and no database.

    Only authenticity is looked at; whether the badge is valid now is a rule (:mod:`admission.rules`).
    """
    if not text.startswith(PREFIX):
        return BadBadge(Flaw.NOT_OURS)
    raw = base45_decode(text[len(PREFIX) :]) if len(text) == TOKEN_LENGTH else None
    if raw is None or len(raw) != _BODY.size + 64:
        return BadBadge(Flaw.DAMAGED)
    body, signature = raw[: _BODY.size], raw[_BODY.size :]
    badge = _unpack(body)
    key = keys.keys.get(badge.key_id) if badge is not None and badge.event == keys.event else None
    if badge is None or key is None:
        return BadBadge(Flaw.NOT_OURS)
    try:
        key.verify(signature, _CONTEXT + body)
    except InvalidSignature:
        return BadBadge(Flaw.FORGED)
    return badge


def token_bytes(text: str) -> bytes:
    """The 80 bytes behind a verified token's text: the secret that a sealed record is locked with."""
    raw = base45_decode(text[len(PREFIX) :])
    if raw is None:
        raise ValueError("not a badge token")
    return raw


def _pack(badge: Badge) -> bytes:
    head = VERSION << 4 | badge.key_id
    rights = badge.category << 12 | badge.zones
    if not 0 <= badge.key_id < 16 or not 0 <= badge.category < 16 or not 0 <= badge.zones < 4096:
        raise ValueError(f"key id and category are 0..15, zones 12 bits: {badge}")
    return _BODY.pack(head, badge.event, badge.id, rights, badge.not_before, badge.hours)


def _unpack(body: bytes) -> Badge | None:
    head, event, number, rights, not_before, hours = _BODY.unpack(body)
    if head >> 4 != VERSION:
        return None
    return Badge(event, head & 15, BadgeId(number), rights >> 12, rights & 4095, not_before, hours)


def base45_encode(raw: bytes) -> str:
    """RFC 9285: two bytes become three characters, a last single byte two."""
    out = []
    for at in range(0, len(raw) - 1, 2):
        rest, low = divmod(raw[at] << 8 | raw[at + 1], 45)
        high, middle = divmod(rest, 45)
        out.append(_ALPHABET[low] + _ALPHABET[middle] + _ALPHABET[high])
    if len(raw) % 2:
        high, low = divmod(raw[-1], 45)
        out.append(_ALPHABET[low] + _ALPHABET[high])
    return "".join(out)


def base45_decode(text: str) -> bytes | None:
    """RFC 9285, strict: None for foreign characters, impossible lengths and values out of range."""
    digits = [_VALUE.get(character, -1) for character in text]
    if -1 in digits or len(digits) % 3 == 1:
        return None
    out = bytearray()
    for at in range(0, len(digits), 3):
        group = digits[at : at + 3]
        number = sum(digit * 45**place for place, digit in enumerate(group))
        size = len(group) - 1
        if number >= 256**size:
            return None
        out += number.to_bytes(size, "big")
    return bytes(out)
