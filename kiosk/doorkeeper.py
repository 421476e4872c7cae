"""Decides on a badge from what this kiosk holds, and writes the passage and the seat in one transaction (K1, K2).

Knows nothing of frames or screens: a verified badge and the server's word in, a decision that is on the disk out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from admission import rules, seats
from admission.badge import BadBadge, Badge
from admission.errors import DiskError
from admission.passage import DID_NOT_TURN, Kind, Passage
from admission.rules import Admitted, Doorway, Known, LetOut, Listing, Presence, Refused, Seats, Verdict, Why
from admission.venue import Direction, Exits
from admission.wire import Whereabouts
from kiosk.clock import Clock
from kiosk.disk import Disk
from kiosk.journal import Journal, Visit
from kiosk.refusals import Refusals
from kiosk.site import Site
from kiosk.standing import Standing

ARRIVALS_MS = 300_000
_CAME_IN = frozenset({Kind.ENTRY, Kind.FORCED})
JUST_NOW_MS = 120_000
_NOBODY = Known(revoked=False, presence=Presence.OUTSIDE, listing=lambda _session: Listing.SILENT)


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict, the number of the passage that was written for it (0: none), and why an exit was not written."""

    verdict: Verdict
    seq: int = 0
    unwritten: str = ""


class Doorkeeper:
    """One door's decisions. Used by one thread; the uplink may change the standing between two of them."""

    def __init__(self, disk: Disk, journal: Journal, standing: Standing, clock: Clock) -> None:
        self._disk = disk
        self._journal = journal
        self._standing = standing
        self._clock = clock
        self._refusals = Refusals()
        self._arrived: list[int] = []
        self._served = journal.last_session()

    def judge(self, badge: Badge, site: Site, word: Whereabouts | None, *, link_up: bool) -> Decision:
        """The decision on a badge, on the disk when this returns. Raises DiskError, and then nobody has passed."""
        with self._disk.held:
            verdict = rules.decide(
                badge,
                site.keys,
                self._known(badge, site, word),
                self._doorway(site),
                self._seats(site, link_up=link_up),
            )
            if isinstance(verdict, Refused):
                return Decision(verdict)
            try:
                seq = self._write(badge, site, verdict, word)
            except DiskError as error:
                if isinstance(verdict, LetOut):  # everybody gets out, even uncounted
                    return Decision(verdict, 0, str(error))
                raise
        self._served = verdict.session.id if verdict.session is not None else self._served
        return Decision(verdict, seq)

    def judge_stranger(self, flaw: BadBadge, site: Site) -> Verdict:
        """The verdict on a code that is no badge: nothing is written, nothing of it is kept. A gate that a steward has
        turned into a way out lets nobody through for it: it cannot tell from which side they come, and the steward can.
        """
        doorway = self._doorway(site)
        if self._standing.exit_only:
            doorway = replace(doorway, direction=Direction.IN)
        return rules.decide(flaw, site.keys, _NOBODY, doorway, None)

    def note_refusal(self, badge: Badge, site: Site, refused: Refused) -> None:
        """Writes a refusal down, after it was shown; repeated ones are counted. Raises DiskError."""
        session = refused.session.id if refused.session is not None else ""
        if self._refusals.note(badge.id, refused.why, session, self._clock.ms()):
            self._write_refusals([(badge.id, refused.why, session, 1)], site)

    def write_counts(self) -> None:
        """Writes the counts of repeated refusals whose minute is over. Raises DiskError; they are then tried again."""
        site = self._standing.site
        if site is not None:
            self._write_refusals(self._refusals.due(self._clock.ms()), site)

    def _write_refusals(self, counted: list[tuple[int, Why, str, int]], site: Site) -> None:
        while counted:
            badge, why, session, count = counted[0]
            try:
                self._append_refusal(badge, site, why, session, count)
            except DiskError:
                self._refusals.put_back(counted)
                raise
            counted = counted[1:]

    def last_visit(self, badge: Badge, site: Site) -> Visit | None:
        """The last passage here of the person who holds the badge."""
        holder = self._standing.badges_of_holder(badge.serial)
        return self._journal.last_visit(holder, site.room.id)

    def did_not_turn(self, visit: Visit) -> bool:
        """Whether the visit was written because nobody went through: it answers nobody. Raises DiskError."""
        passage = self._journal.passage(visit.seq)
        return passage is not None and DID_NOT_TURN in passage.flags

    def is_pictured(self, badge: Badge, site: Site) -> bool:
        """Whether the server's last picture has the holder inside; asks no disk."""
        holder = self._standing.badges_of_holder(badge.serial)
        return self._standing.pictured(holder, site.room.id, since=0) is True

    @property
    def arrivals(self) -> int:
        """Entries asked for in the last five minutes: what the handing-out of seats goes by."""
        floor = self._clock.ms() - ARRIVALS_MS
        self._arrived = [at for at in self._arrived if at > floor]
        return len(self._arrived)

    def _doorway(self, site: Site) -> Doorway:
        served = next((one for one in site.sessions if one.id == self._served), None)
        room = site.room
        return Doorway(
            site.gate.direction, site.sessions, self._clock.now(), served, lambda code: not room.admits(code)
        )

    def _known(self, badge: Badge, site: Site, word: Whereabouts | None) -> Known:
        standing = self._standing
        revoked = standing.revoked(badge.serial) or (word is not None and word.revoked)
        presence = self._presence(badge, site, word)
        used_up = frozenset(word.used_up) if word is not None else frozenset()
        return Known(revoked, presence, lambda session: standing.listing(session, badge.serial), used_up)

    def _presence(self, badge: Badge, site: Site, word: Whereabouts | None) -> Presence:
        """Whether the holder is in the room, from the freshest that is known.

        What this kiosk wrote and the server does not know yet; then the server's word; then its last picture of who
        is inside, if that is newer than what was written here; then this kiosk's own journal.
        """
        visit = self.last_visit(badge, site)
        if visit is not None and visit.seq > self._journal.acknowledged:
            return self._own(visit, site)
        if word is not None and not word.inside:
            return Presence.OUTSIDE
        if word is not None and word.sure:
            return Presence.SOFT if site.room.exits is Exits.NONE else Presence.HARD
        if word is not None:
            return self._own(visit, site) if visit is not None and visit.kind in _CAME_IN else Presence.SOFT
        holder = self._standing.badges_of_holder(badge.serial)
        pictured = self._standing.pictured(holder, site.room.id, since=visit.seq if visit is not None else 0)
        if pictured is not None:
            return Presence.SOFT if pictured else Presence.OUTSIDE
        return Presence.OUTSIDE if visit is None else self._own(visit, site)

    def _own(self, visit: Visit, site: Site) -> Presence:
        """What this kiosk saw itself. Hard where nobody could have left unseen: at the room's only gate, or within
        two minutes. Never hard in a room without exits: people come back from the corridor."""
        if visit.kind not in _CAME_IN:
            return Presence.OUTSIDE
        gates = [gate for gate in site.programme.gates if gate.room == site.room.id]
        since = visit.boot_ms if visit.boot == self._clock.boot else 0  # of an earlier boot: perhaps just before it
        just_now = self._clock.ms() - since < JUST_NOW_MS
        hard = site.room.exits is not Exits.NONE and (len(gates) == 1 or just_now)
        return Presence.HARD if hard else Presence.SOFT

    def _seats(self, site: Site, *, link_up: bool) -> Seats | None:
        if site.room.limit is None:
            return None
        word = self._standing.words.get(site.room.id)
        full = link_up and word is not None and word.full
        held = self._standing.hold(site.room.id).held
        return Seats(self._standing.account(site.room.id).balance, full, held)

    def _write(self, badge: Badge, site: Site, verdict: Admitted | LetOut, word: Whereabouts | None) -> int:
        kind = Kind.ENTRY if isinstance(verdict, Admitted) else Kind.EXIT
        room = site.room.id
        before = after = self._standing.account(room)
        if kind is Kind.ENTRY:
            after = seats.spend(before) if site.room.limit is not None else before
        elif self._credits_exit(badge, site, word):
            after = seats.let_out(before, site.room.exits)
        session = verdict.session.id if verdict.session is not None else ""
        passage = self._passage(kind, badge.id, site, session, flags=tuple(sorted(verdict.flags)))
        seq = self._journal.append(passage, (room, after) if after != before else None)
        if after != before:
            self._standing.adopt(room, after)
        if kind is Kind.ENTRY:
            self._arrived.append(self._clock.ms())
        return seq

    def _credits_exit(self, badge: Badge, site: Site, word: Whereabouts | None) -> bool:
        """K2: only a trusted exit brings a seat back here, and only once per stay as far as this kiosk knows.

        After an exit here the person is known to be inside again if the server, which has that exit, says so: by its
        word, or by its last picture.
        """
        if site.room.limit is None or site.room.exits is not Exits.TRUSTED:
            return False
        visit = self.last_visit(badge, site)
        if visit is None or visit.kind is not Kind.EXIT:
            return not self._standing.exit_only or self._is_known_inside(badge, site, visit, word)
        if visit.seq > self._journal.acknowledged:
            return False
        if word is not None:
            return word.inside
        holder = self._standing.badges_of_holder(badge.serial)
        return self._standing.pictured(holder, site.room.id, since=visit.seq) is True

    def _is_known_inside(self, badge: Badge, site: Site, visit: Visit | None, word: Whereabouts | None) -> bool:
        """At a gate that was turned people may come from outside: only who is known to be inside can have left."""
        return visit is not None or (word is not None and word.inside) or self.is_pictured(badge, site)

    def _append_refusal(self, badge: int, site: Site, why: Why, session: str, count: int) -> None:
        with self._disk.held:
            self._journal.append(self._passage(Kind.REFUSED, badge, site, session, why=why.value, count=count))
        if why in (Why.FULL, Why.NO_SEATS):
            self._arrived.append(self._clock.ms())

    def _passage(  # noqa: PLR0913 - the facts of a passage, by name
        self,
        kind: Kind,
        badge: int,
        site: Site,
        session: str,
        *,
        why: str = "",
        count: int = 1,
        flags: tuple[str, ...] = (),
    ) -> Passage:
        return Passage(
            kind=kind,
            why=why,
            badge=badge,
            gate=site.gate.id,
            room=site.room.id,
            session=session,
            boot=self._clock.boot,
            boot_ms=self._clock.ms(),
            at=self._clock.now(),
            uncertainty_ms=self._clock.uncertainty_ms,
            count=count,
            flags=flags,
        )
