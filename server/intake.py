"""Takes the passages of one message into the log: appends, recognises what was sent before, keeps aside what cannot be
taken, and lets the stays follow. Never refuses a fact.

Knows nothing of seats; runs inside the exchange's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from admission.errors import BadMessage
from admission.passage import GENESIS, Kind, Passage, chain, decode
from admission.stays import DUPLICATE, Change, Close, How, Step
from admission.venue import Exits, Programme
from admission.wire import Exchange
from server import incidents, stays
from server.incidents import Place
from server.stays import Follows
from server.store import accounts, holders, passages, quotas
from server.store.holders import Holder
from server.store.instants import to_ms
from server.store.passages import Chain

NOTED = "noted"
FORCED = "forced"
ANNULLED = "annulled"
COUNTED = "counted"
ANNULS_NOTHING = "annuls_nothing"
UNKNOWN_BADGE = "unknown_badge"
REVOKED_MEANWHILE = "revoked_meanwhile"
QUARANTINED = "quarantined"
ALARMING = frozenset({DUPLICATE, UNKNOWN_BADGE, REVOKED_MEANWHILE, ANNULS_NOTHING, FORCED})
NO_CLOCK_MS = 86_400_000
LONGEST_BOOT_MS = 60 * 86_400_000
AHEAD_MS = 5_000


@dataclass(frozen=True, slots=True)
class Taken:
    """The chain after the passages of one message, and what became of each."""

    chain: Chain
    verdicts: tuple[tuple[int, str], ...]
    forked: bool


@dataclass
class Intake:
    """Takes the passages of one message. ``carried``: it was written some time before ``now``; ``touched``: the rooms
    whose stays have changed."""

    connection: Connection
    programme: Programme
    message: Exchange
    now: datetime
    carried: bool = False
    touched: set[str] = field(default_factory=set)
    _forked: bool = False
    _settled: dict[str, int] = field(default_factory=dict)

    def take(self, known: Chain, *, awaits_rewind: bool) -> Taken:
        """Appends what is new. ``awaits_rewind``: the kiosk believes that more is stored than is, after a restore;
        it will send the missing passages again, so a hole is none."""
        verdicts = []
        for seq, raw in enumerate(self.message.passages, self.message.first_seq):
            if seq <= known.have_seq:
                verdict = self._again(seq, raw)
            elif seq == known.have_seq + 1:
                known = replace(known, have_seq=seq, head=chain(known.head, raw))
                verdict = self._append(known, raw)
            else:
                if not awaits_rewind:
                    self._quarantine(seq, raw, f"gap: passage {known.have_seq + 1} is missing before it", "gap")
                break
            verdicts.append((seq, verdict))
        return Taken(known, tuple(verdicts), self._forked or self._head_forks(known))

    def _again(self, seq: int, raw: bytes) -> str:
        """A repeated passage gets its stored verdict; other bytes under the same number are a fork."""
        before = passages.stored(self.connection, self.message.device, self.message.incarnation, seq)
        if before is not None and before[0] == raw:
            return before[1]
        self._forked = True
        self._quarantine(seq, raw, "fork: another passage is stored under this number; a cloned card?", "hash_fork")
        return QUARANTINED

    def _append(self, link: Chain, raw: bytes) -> str:
        try:
            passage = decode(raw)
            if self.programme.room(passage.room) is None:
                raise BadMessage(f"a passage into room {passage.room!r}, which the programme does not have")
        except BadMessage as error:
            self._quarantine(link.have_seq, raw, str(error), "quarantine")
            return QUARANTINED
        at, uncertainty = self._place(passage, link.have_seq)
        holders.lock_holder(self.connection, passage.badge)
        holder = holders.holder_of(self.connection, passage.badge)
        step = Step(passage.room, at, uncertainty, self._is_settled(passage, link.have_seq))
        verdict = self._judge(passage, holder, step)
        row = passages.append(self.connection, self._values(passage, holder, step, link, raw, verdict))
        self._follow(passage, Follows(row, holder, passage.badge >> 32, passage.session), step)
        if verdict in ALARMING:
            self._alarm(verdict, passage, holder, row)
        if passage.kind in (Kind.ENTRY, Kind.FORCED):
            self._watch_quota(passage, holder, row)
        if link.fenced:
            place = Place(passage.room, passage.gate, self.message.device)
            incidents.raise_while_open(self.connection, "late_evidence", to_ms(self.now), place, {"passage": row})
        return verdict

    def _values(
        self, passage: Passage, holder: Holder, step: Step, link: Chain, raw: bytes, verdict: str
    ) -> dict[str, object]:
        return {
            "device": self.message.device,
            "incarnation": self.message.incarnation,
            "seq": link.have_seq,
            "kind": passage.kind.value,
            "why": passage.why,
            "badge": passage.badge,
            "person": holder.person,
            "gate": passage.gate,
            "room": passage.room,
            "session": passage.session,
            "at": step.at,
            "uncertainty_ms": step.uncertainty,
            "received": to_ms(self.now),
            "count": passage.count,
            "flags": " ".join(passage.flags),
            "of": passage.of,
            "by": passage.by,
            "verdict": verdict,
            "hash": link.head,
            "raw": raw,
        }

    def _judge(self, passage: Passage, holder: Holder, step: Step) -> str:
        if passage.kind is Kind.REFUSED:
            return NOTED
        if passage.kind is Kind.ANNULLED:
            return ANNULLED if self._annulled_entry(passage) else ANNULS_NOTHING
        if passage.kind is Kind.FORCED:
            return FORCED
        if passage.badge == 0:
            return COUNTED
        if holder.person is None and holder.revoked is None:
            return UNKNOWN_BADGE
        if passage.kind is Kind.ENTRY and holder.revoked is not None and holder.revoked <= step.at:
            return REVOKED_MEANWHILE
        return stays.judge(passage.kind, holder, step)

    def _annulled_entry(self, passage: Passage) -> bool:
        found = passages.entry_of(self.connection, self.message.device, self.message.incarnation, passage.of)
        return found is not None and found[0] in (Kind.ENTRY, Kind.FORCED) and found[1] == passage.room

    def _follow(self, passage: Passage, who: Follows, step: Step) -> None:
        """Lets the stays follow the passage. Unbadged people (badge 0) are counted and have no stays."""
        if passage.kind is Kind.REFUSED or passage.badge == 0:
            return
        self.touched.update({passage.room}, (stay.room for stay in who.holder.stays))
        if passage.kind is Kind.ANNULLED:
            entry = (self.message.device, self.message.incarnation, passage.of)
            stays.annul(self.connection, entry, who, step.at, self.programme)
            return
        for change in stays.follow(self.connection, passage.kind, who, step, self.programme):
            self._note_unseen(change)

    def _note_unseen(self, change: Change) -> None:
        """Somebody left a trusted room by no gate of it: the seat comes back only by a head count."""
        if not isinstance(change, Close) or change.how is not How.ELSEWHERE:
            return
        room = self.programme.room(change.stay.room)
        if room is not None and room.exits is Exits.TRUSTED and room.limit is not None:
            incidents.raise_while_open(self.connection, "left_unseen", to_ms(self.now), Place(room.id), {})

    def _is_settled(self, passage: Passage, seq: int) -> bool:
        if passage.room not in self._settled:
            device, number = self.message.device, self.message.incarnation
            self._settled[passage.room] = accounts.settled_seq(self.connection, device, number, passage.room)
        return seq <= self._settled[passage.room]

    def _place(self, passage: Passage, seq: int) -> tuple[int, int]:
        """When it was (ms) and how sure that is: by the kiosk's anchored clock; by the boot that the message shares
        with it; between what came before it and the message's boot; otherwise no better than the time of arrival."""
        now = to_ms(self.now)
        if passage.at is not None:
            at = to_ms(passage.at)
            if at - passage.uncertainty_ms > now + AHEAD_MS:
                facts = {"ahead_ms": at - now, "seq": seq, "incarnation": self.message.incarnation}
                place = Place(passage.room, passage.gate, self.message.device)
                incidents.raise_while_open(self.connection, "clock", now, place, facts)
            return at, passage.uncertainty_ms
        ago = max(0, self.message.boot_ms - passage.boot_ms)
        same = passage.boot == self.message.boot and ago < LONGEST_BOOT_MS
        if same and not self.carried:
            return now - ago, 1000
        before = passages.latest_before(self.connection, self.message.device, self.message.incarnation, seq)
        until = now - (ago if same else self.message.boot_ms)
        if before is None or before > until:
            return now, NO_CLOCK_MS
        return (before + until) // 2, (until - before) // 2 + 1

    def _alarm(self, verdict: str, passage: Passage, holder: Holder, row: int) -> None:
        facts: dict[str, object] = {"passage": row, "badge": passage.badge}
        if verdict == DUPLICATE:
            facts |= holders.open_entry(self.connection, holder.id, passage.room)
        if verdict == FORCED:
            facts |= {"why": passage.why, "by": passage.by, "count": passage.count}
        self._raise(verdict, passage.room, passage.gate, facts)

    def _watch_quota(self, passage: Passage, holder: Holder, row: int) -> None:
        """A delegation has sent more people to a session than it may: a door out of reach could not know."""
        over = quotas.exceeded(self.connection, holder, passage.session)
        if over is not None:
            self._raise("over_quota", passage.room, passage.gate, over | {"passage": row, "badge": passage.badge})

    def _head_forks(self, known: Chain) -> bool:
        """Whether the kiosk's chain has another hash than ours at the same passage."""
        message = self.message
        if message.head_seq != known.have_seq or not message.head or message.head == known.head:
            return False
        if known.have_seq == 0 and message.head == GENESIS:
            return False
        facts = {"seq": known.have_seq, "incarnation": message.incarnation, "machine": message.machine}
        place = Place(device=message.device)
        incidents.raise_while_open(self.connection, "hash_fork", to_ms(self.now), place, facts)
        return True

    def _quarantine(self, seq: int, raw: bytes, why: str, kind: str) -> None:
        keep(self.connection, self.message, (seq, raw, why, kind), self.now)

    def _raise(self, kind: str, room: str, gate: str, facts: Mapping[str, object]) -> None:
        place = Place(room, gate, self.message.device)
        incidents.raise_incident(self.connection, kind, to_ms(self.now), place, facts)


def keep(connection: Connection, message: Exchange, found: tuple[int, bytes, str, str], now: datetime) -> None:
    """Keeps bytes that cannot be taken as a passage aside, once, and raises an incident. ``found``: the passage's
    number, its bytes, what is wrong, the kind of incident."""
    seq, raw, why, kind = found
    values = {
        "device": message.device,
        "incarnation": message.incarnation,
        "seq": seq,
        "raw": raw,
        "hash": chain(GENESIS, raw),
        "why": why,
        "received": to_ms(now),
    }
    if passages.put_in_quarantine(connection, values):
        facts = {"seq": seq, "why": why, "incarnation": message.incarnation, "machine": message.machine}
        incidents.raise_while_open(connection, kind, to_ms(now), Place(device=message.device), facts)
