"""What a steward writes at the door: forced entries (K5), annulments (K6), people counted without a badge.

Each is one transaction with the account, like any other passage. Knows nothing of codes, badges' texts or screens:
who the steward is was settled before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from admission import seats
from admission.passage import DID_NOT_TURN, Kind, Passage, decode
from admission.seats import Account
from admission.venue import Exits, Room
from kiosk.clock import Clock
from kiosk.disk import Disk
from kiosk.journal import Journal
from kiosk.site import Site
from kiosk.standing import Standing

UNDO_MS = 60_000
MOST = 50
"""People counted at once: a slip of the finger must not free a hall's worth of seats."""
OVER_LIMIT = "over_limit"
NO_CLOCK = "no_clock"
UNSENT = 200


class Reason(StrEnum):
    """Why somebody is let in without a seat; written into the passage."""

    GUEST = "guest_of_honour"
    MEDICAL = "medical"
    TECHNICAL = "technical"
    OTHER = "other"
    COUNTED = "counted_in"


class Undo(StrEnum):
    """What became of an annulment."""

    DONE = "done"
    NOTHING = "nothing"
    TOO_LATE = "too_late"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Forcing:
    """Who is let in without a seat: the reason, the visitor's badge (0: none), how many, and by whose badge."""

    why: Reason
    badge: int
    bodies: int
    by: int


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that could be annulled. ``at``: None without a clock; ``fresh``: within 60 s, in this boot."""

    seq: int
    badge: int
    at: datetime | None
    bodies: int
    fresh: bool


class Stewarding:
    """Writes what stewards do at this gate. May be used by any thread: the disk is held meanwhile."""

    def __init__(self, disk: Disk, journal: Journal, standing: Standing, clock: Clock) -> None:
        self._disk = disk
        self._journal = journal
        self._standing = standing
        self._clock = clock

    def is_over_limit(self, room: Room, bodies: int, *, link_up: bool) -> bool:
        """Whether the room's legal limit can no longer be shown to hold with so many more inside. Raises DiskError."""
        if room.limit is None:
            return False
        with self._disk.held:
            word = self._standing.words.get(room.id)
            if not link_up or word is None:
                return True
            _, unsent = self._journal.pending(UNSENT)
            passages = [decode(raw) for raw in unsent]  # the server's word cannot know of these yet
        forced = sum(one.count for one in passages if one.kind is Kind.FORCED and one.room == room.id)
        return bodies > word.spare - forced

    def force(self, forcing: Forcing, site: Site, *, over_limit: bool) -> int:
        """K5: the number of the passage, which is on the disk when this returns. Never refused; raises DiskError."""
        with self._disk.held:
            before = self._standing.account(site.room.id)
            after = seats.force(before, forcing.bodies)
            flags = (OVER_LIMIT,) if over_limit else ()
            passage = self._passage(Kind.FORCED, site, forcing.badge, forcing.by, flags)
            passage = msgspec.structs.replace(passage, why=forcing.why.value, count=forcing.bodies)
            return self._append(passage, site.room, before, after)

    def count_out(self, bodies: int, by: int, site: Site) -> int:
        """People without a badge who left a trusted room; the number of the passage. Raises DiskError.

        To be called only for a trusted room: elsewhere nobody can say that they had a seat.
        """
        if site.room.exits is not Exits.TRUSTED:
            raise ValueError("only at trusted exits are people counted out")
        with self._disk.held:
            before = self._standing.account(site.room.id)
            after = seats.let_out(before, site.room.exits, bodies)
            passage = msgspec.structs.replace(self._passage(Kind.EXIT, site, 0, by), count=bodies)
            return self._append(passage, site.room, before, after)

    def last_entry(self) -> Entry | None:
        """The newest entry that is not annulled. Raises DiskError."""
        with self._disk.held:
            seq = self._journal.last_entry()
            passage = self._journal.passage(seq) if seq else None
        if passage is None:
            return None
        at = passage.at or (self._clock.at(passage.boot_ms) if passage.boot == self._clock.boot else None)
        return Entry(seq, passage.badge, at, passage.count, self._is_fresh(passage))

    def take_back(self, seq: int, site: Site) -> bool:
        """The turnstile has said that nobody went through for that passage; whether something was written for it.

        An entry is annulled. An exit cannot be, for its seat may be spent already: whoever stayed inside is let in
        again, on a seat, or as forced where this kiosk holds none. Raises DiskError.
        """
        with self._disk.held:
            passage = self._journal.passage(seq)
            if passage is None or DID_NOT_TURN in passage.flags:  # who is in again did not go out: no entry to annul
                return False
            if passage.kind is not Kind.EXIT:
                return self.annul(seq, 0, site, flags=(DID_NOT_TURN,)) is Undo.DONE
            room = site.programme.room(passage.room)
            if room is None or room.exits is Exits.NONE:  # that exit brought no seat back
                return False
            self._let_in_again(passage, room, site)
        return True

    def _let_in_again(self, left: Passage, room: Room, site: Site) -> None:
        before = self._standing.account(room.id)
        counted = room.limit is not None
        kind = Kind.ENTRY if not counted or before.balance >= 1 else Kind.FORCED
        after = before
        if counted:
            after = seats.spend(before) if kind is Kind.ENTRY else seats.force(before)
        passage = self._passage(kind, site, left.badge, 0, (DID_NOT_TURN,))
        why = Reason.TECHNICAL.value if kind is Kind.FORCED else ""
        passage = msgspec.structs.replace(passage, why=why, room=left.room, session=left.session)
        self._append(passage, room, before, after)

    def annul(self, seq: int, by: int, site: Site, flags: tuple[str, ...] = ()) -> Undo:
        """K6: undoes the entry of that number, once, within 60 s of it; written when this returns. Raises DiskError."""
        with self._disk.held:
            entry = self._journal.passage(seq)
            if entry is None or entry.kind not in (Kind.ENTRY, Kind.FORCED) or self._journal.is_annulled(seq):
                return Undo.NOTHING
            room = site.programme.room(entry.room)
            if not self._is_fresh(entry) or room is None:
                return Undo.TOO_LATE
            if self._has_left(entry, seq):
                return Undo.LEFT
            before = after = self._standing.account(entry.room)
            settled = seq <= self._standing.hold(entry.room).settled
            for _ in range(entry.count):
                after = seats.annul(after, room.exits, settled=settled)
            passage = self._passage(Kind.ANNULLED, site, entry.badge, by, flags)
            passage = msgspec.structs.replace(passage, room=entry.room, gate=entry.gate, session=entry.session, of=seq)
            self._append(passage, room, before, after)
        return Undo.DONE

    def _is_fresh(self, entry: Passage) -> bool:
        """An entry of an earlier boot may be of any age."""
        return entry.boot == self._clock.boot and self._clock.ms() - entry.boot_ms <= UNDO_MS

    def _has_left(self, entry: Passage, seq: int) -> bool:
        """Whether the person went out here after the entry: an exit may have brought the seat back already."""
        if not entry.badge:
            return False
        visit = self._journal.last_visit(self._standing.badges_of_holder(entry.badge >> 32), entry.room)
        return visit is not None and visit.seq > seq and visit.kind is Kind.EXIT

    def _append(self, passage: Passage, room: Room, before: Account, after: Account) -> int:
        """One transaction: the passage, and the account if the room has one and it changed."""
        changed = room.limit is not None and after != before
        seq = self._journal.append(passage, (room.id, after) if changed else None)
        if changed:
            self._standing.adopt(room.id, after)
        return seq

    def _session(self, site: Site) -> str:
        """The session whose doors are open; without a clock the one that was served last."""
        now = self._clock.now()
        if now is None:
            return self._journal.last_session()
        return next((one.id for one in site.sessions if one.admits_at(now)), "")

    def _passage(self, kind: Kind, site: Site, badge: int, by: int, flags: tuple[str, ...] = ()) -> Passage:
        now = self._clock.now()
        return Passage(
            kind=kind,
            badge=badge,
            gate=site.gate.id,
            room=site.room.id,
            session=self._session(site),
            boot=self._clock.boot,
            boot_ms=self._clock.ms(),
            at=now,
            uncertainty_ms=self._clock.uncertainty_ms,
            flags=(NO_CLOCK, *flags) if now is None else flags,
            by=by,
        )
