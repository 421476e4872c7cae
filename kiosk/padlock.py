"""Whether a badge and a code open the steward's corner at this kiosk. Five wrong codes lock that badge here.

The code's hash lies in the badge's own sealed record, so without the badge there is nothing to guess at. Tries are
on the disk before the code is looked at: pulling the plug gives none back. Keeps badge ids, never a code or a token.
"""

from __future__ import annotations

import hashlib
from enum import Enum, auto

import msgspec
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from admission import record
from admission.badge import Badge
from kiosk.clock import Clock
from kiosk.disk import Disk
from kiosk.standing import Standing

TRIES = 5
LOCK_MS = 900_000
LONGEST = 12
FACT = "steward tries"
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""What the code is checked against if the badge has none: takes as long, fits nothing."""


class Turn(Enum):
    """What a code came to. NO says nothing of why."""

    OPEN = auto()
    NO = auto()
    LOCKED = auto()


class Tries(msgspec.Struct, frozen=True):
    """How many codes were tried in vain with a badge, when the last was (ms of a boot), and under which record."""

    count: int
    boot: str
    ms: int
    record: str


class Padlock:
    """One kiosk's. May be used by any thread."""

    def __init__(self, disk: Disk, standing: Standing, clock: Clock) -> None:
        self._disk = disk
        self._standing = standing
        self._clock = clock

    def turn(self, text: str, badge: Badge, code: str) -> Turn:
        """Tries the code with the badge whose text is given. Takes long on purpose. Raises DiskError: not open then."""
        box = self._box(text)
        mark = hashlib.sha256(box or b"").hexdigest()[:16]
        with self._disk.held:  # two codes at once are two tries
            tried = self._tried(badge.id, mark)
            if tried >= TRIES:
                return Turn.LOCKED
            self._note(badge.id, Tries(tried + 1, self._clock.boot, self._clock.ms(), mark))
        found = record.unseal(text, box) if box is not None else None
        stored = found.code if found is not None and found.code and not self.is_revoked(badge.id) else NOBODY
        if _fits(code, stored):
            self._note(badge.id, None)
            return Turn.OPEN
        return Turn.LOCKED if tried + 1 >= TRIES else Turn.NO

    def is_revoked(self, badge: int) -> bool:
        """Whether the badge opens nothing any more."""
        return self._standing.revoked(badge >> 32)

    def _box(self, text: str) -> bytes | None:
        with self._disk.reading() as connection:
            row = connection.execute("SELECT box FROM record WHERE lookup = ?", (record.lookup(text),)).fetchone()
        return None if row is None else bytes(row[0])

    def _tried(self, badge: int, mark: str) -> int:
        """Wrong codes that still count: none after 15 min, none after the badge's record was sealed anew."""
        tries = self._held().get(str(badge))
        return tries.count if tries is not None and tries.record == mark and not self._is_over(tries) else 0

    def _is_over(self, tries: Tries) -> bool:
        since = tries.ms if tries.boot == self._clock.boot else 0  # of an earlier boot: perhaps just before this one
        return self._clock.ms() - since >= LOCK_MS

    def _held(self) -> dict[str, Tries]:
        kept = self._disk.fact(FACT)
        return msgspec.json.decode(kept, type=dict[str, Tries]) if kept else {}

    def _note(self, badge: int, tries: Tries | None) -> None:
        with self._disk.held, self._disk.transaction():
            held = {key: one for key, one in self._held().items() if not self._is_over(one) and key != str(badge)}
            if tries is not None:
                held[str(badge)] = tries
            self._disk.set_fact(FACT, msgspec.json.encode(held).decode())


def _fits(code: str, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(code[: LONGEST + 1].encode(), stored)
    except (InvalidKey, ValueError):
        return False
    return stored != NOBODY and len(code) <= LONGEST
