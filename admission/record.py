"""Sealed records: what a kiosk may show of a person, readable only with the badge in the visitor's hand.

The key is derived from the badge's own token, which a kiosk never stores: a stolen kiosk names nobody. HKDF-SHA256
(RFC 5869) gives a lookup and a key; ChaCha20-Poly1305 (RFC 8439) closes the box.
"""

from __future__ import annotations

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from admission.badge import token_bytes

NONCE = 12
LOOKUP = 16


class Record(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The display name, the visitor's language (BCP 47), a note for staff, and a steward's code as an Argon2id hash
    (RFC 9106, PHC string): a kiosk without the steward's badge has nothing to guess at."""

    name: str
    language: str = ""
    note: str = ""
    code: str = ""


def seal(token: str, record: Record, nonce: bytes) -> tuple[bytes, bytes]:
    """(lookup, box). ``nonce``: 12 fresh random bytes, as a person's record may be sealed again after a correction."""
    lookup, key = _derive(token)
    return lookup, nonce + ChaCha20Poly1305(key).encrypt(nonce, msgspec.msgpack.encode(record), lookup)


def lookup(token: str) -> bytes:
    """Where the record of this badge lies; tells nothing about the badge."""
    return _derive(token)[0]


def unseal(token: str, box: bytes) -> Record | None:
    """The record in the box, or None if this badge does not open it or the box is damaged."""
    where, key = _derive(token)
    try:
        raw = ChaCha20Poly1305(key).decrypt(box[:NONCE], box[NONCE:], where)
        return msgspec.msgpack.decode(raw, type=Record)
    except (InvalidTag, ValueError, msgspec.MsgspecError):
        return None


def _derive(token: str) -> tuple[bytes, bytes]:
    raw = HKDF(SHA256(), LOOKUP + 32, salt=None, info=b"threshold-record-1").derive(token_bytes(token))
    return raw[:LOOKUP], raw[LOOKUP:]
