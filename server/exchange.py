"""The use case behind the kiosks' one endpoint: take the passages, merge the accounts, hand out seats, say what is new.

Everything happens in one transaction, and nothing computed in it leaves before its commit. Repeated, delayed and
reordered messages are absorbed (docs/protocol.md). Knows nothing of HTTP or signatures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from admission import seats
from admission.errors import BadMessage
from admission.passage import GENESIS, Kind, Passage, chain, decode
from admission.seats import Account, RoomBook
from admission.venue import Direction, Programme, capacity_at
from admission.wire import Exchange, GrantTo, Report
from server import sharing, stays
from server.stays import DUPLICATE, Step
from server.store import passages
from server.store.instants import from_ms, to_ms
from server.store.passages import Chain, Holder, Holding

NOTED = "noted"
UNKNOWN_BADGE = "unknown_badge"
REVOKED_MEANWHILE = "revoked_meanwhile"
QUARANTINED = "quarantined"
ALARMING = frozenset({DUPLICATE, UNKNOWN_BADGE, REVOKED_MEANWHILE})
REACH_MS = 60_000
SETTLED = timedelta(seconds=2)
NO_CLOCK_MS = 86_400_000
LONGEST_BOOT_MS = 60 * 86_400_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the server found and did: the answer's parts, and the rooms whose occupancy may have changed."""

    have_seq: int
    verdicts: tuple[tuple[int, str], ...]
    grants: tuple[GrantTo, ...]
    holder: Holder | None
    touched: frozenset[str]


@dataclass(frozen=True, slots=True)
class Taken:
    """The chain after the passages of one message, and what became of each."""

    chain: Chain
    verdicts: tuple[tuple[int, str], ...]
    touched: frozenset[str]


class Desk:
    """Takes one message at a time, inside a transaction that the store has opened."""

    def __init__(self, connection: Connection, programme: Programme, era: int, now: datetime, gate: str | None) -> None:
        """``gate``: where the kiosk that speaks stands."""
        self._connection = connection
        self._gate = programme.gate(gate) if gate is not None else None
        self._programme = programme
        self._era = era
        self._now = now
        self._now_ms = to_ms(now)

    def handle(self, message: Exchange) -> Outcome:
        """Takes the message. Never refuses a well-formed one: what cannot be taken is quarantined and raised."""
        known = passages.chain_of(self._connection, message.device, message.incarnation)
        if known is None:
            known = Chain(0, GENESIS, fenced=False)
            passages.register(self._connection, message.device, message.incarnation, GENESIS, self._now_ms)
        taken = self._take(message, known)
        self._check_head(message, taken.chain)
        grants = () if known.fenced else tuple(self._grant(message, report) for report in message.reports)
        at = taken.chain
        passages.advance(
            self._connection,
            message.device,
            message.incarnation,
            (at.have_seq, at.head, max(message.head_seq, at.have_seq)),
            self._now_ms,
        )
        asked = message.presenting
        holder = passages.holder_of(self._connection, asked.badge) if asked else None
        given = tuple(one for one in grants if one is not None)
        return Outcome(at.have_seq, taken.verdicts, given, holder, taken.touched)

    def _take(self, message: Exchange, known: Chain) -> Taken:
        verdicts = []
        touched: set[str] = set()
        for seq, raw in enumerate(message.passages, message.first_seq):
            if seq <= known.have_seq:
                verdict = self._again(message, seq, raw)
            elif seq == known.have_seq + 1:
                known = Chain(seq, chain(known.head, raw), known.fenced)
                verdict = self._append(message, known, raw, touched)
            else:
                self._quarantine(message, seq, raw, f"gap: passage {known.have_seq + 1} is missing before it")
                break
            verdicts.append((seq, verdict))
        return Taken(known, tuple(verdicts), frozenset(touched))

    def _again(self, message: Exchange, seq: int, raw: bytes) -> str:
        """A repeated passage gets its stored verdict; other bytes under the same number are a fork."""
        before = passages.stored(self._connection, message.device, message.incarnation, seq)
        if before is not None and before[0] == raw:
            return before[1]
        self._quarantine(message, seq, raw, "fork: another passage is stored under this number; a cloned card?")
        return QUARANTINED

    def _append(self, message: Exchange, link: Chain, raw: bytes, touched: set[str]) -> str:
        try:
            passage = decode(raw)
            self._programme_knows(passage)
        except BadMessage as error:
            self._quarantine(message, link.have_seq, raw, str(error))
            return QUARANTINED
        at, uncertainty = self._place(message, passage)
        passages.lock_holder(self._connection, passage.badge)
        holder = passages.holder_of(self._connection, passage.badge)
        step = Step(0, holder, passage.badge >> 32, passage.room, passage.session, at, uncertainty)
        verdict = self._judge(passage, step)
        values = {
            "device": message.device,
            "incarnation": message.incarnation,
            "seq": link.have_seq,
            "kind": passage.kind.value,
            "why": passage.why,
            "badge": passage.badge,
            "person": holder.person,
            "gate": passage.gate,
            "room": passage.room,
            "session": passage.session,
            "at": at,
            "uncertainty_ms": uncertainty,
            "received": self._now_ms,
            "count": passage.count,
            "flags": " ".join(passage.flags),
            "verdict": verdict,
            "hash": link.head,
            "raw": raw,
        }
        row = passages.append(self._connection, values)
        if passage.kind is not Kind.REFUSED:
            self._follow(replace(step, passage=row), passage.kind, touched)
        if verdict in ALARMING:
            self._raise(verdict, passage.room, passage.gate, message.device, {"passage": row})
        return verdict

    def _follow(self, step: Step, kind: Kind, touched: set[str]) -> None:
        """Lets the stays follow the passage."""
        act = stays.enter if kind is Kind.ENTRY else stays.leave
        act(self._connection, step, self._programme)
        touched.add(step.room)
        touched.update(stay.room for stay in step.holder.stays)

    def _programme_knows(self, passage: Passage) -> None:
        if self._programme.room(passage.room) is None:
            raise BadMessage(f"a passage into room {passage.room!r}, which the programme does not have")

    def _judge(self, passage: Passage, step: Step) -> str:
        if passage.kind is Kind.REFUSED:
            return NOTED
        if step.holder.person is None:
            return UNKNOWN_BADGE
        revoked = step.holder.revoked
        if passage.kind is Kind.ENTRY and revoked is not None and revoked <= step.at:
            return REVOKED_MEANWHILE
        return stays.judge(passage.kind, step)

    def _place(self, message: Exchange, passage: Passage) -> tuple[int, int]:
        """When it was (ms) and how sure that is: by the kiosk's anchored clock; otherwise by the boot that the
        message shares with it; otherwise no better than the time of arrival."""
        if passage.at is not None:
            return to_ms(passage.at), passage.uncertainty_ms
        ago = max(0, message.boot_ms - passage.boot_ms)
        if passage.boot == message.boot and ago < LONGEST_BOOT_MS:
            return self._now_ms - ago, 1000
        return self._now_ms, NO_CLOCK_MS

    def _check_head(self, message: Exchange, known: Chain) -> None:
        if message.head_seq == known.have_seq and message.head and message.head != known.head:
            self._raise_once("hash_fork", message.device, {"seq": known.have_seq, "incarnation": message.incarnation})

    def _grant(self, message: Exchange, report: Report) -> GrantTo | None:
        """S1: merge, then fill the account up to its target if the era matches. None: the room has no account."""
        room = self._programme.room(report.room)
        capacity = capacity_at(self._programme, room, self._now) if room is not None else None
        if capacity is None:
            return None
        whose = (message.device, message.incarnation, report.room)
        known = passages.seats_in(self._connection, whose, self._era, self._now_ms - REACH_MS)
        before, others = known.mine, known.others
        mine = self._merged(message, report, before)
        held = mine.account.granted - mine.account.returned + others.held
        book = RoomBook(capacity, known.recount, known.closed)
        free = book.after(held, mine.account.forced + others.forced)
        wanted = 0
        if self._needs_seats(report.room):
            asking = message.presenting is not None and message.presenting.room == report.room
            floor = 1 if asking and mine.account.balance < 1 else 0
            wanted = max(floor, sharing.target(mine, others, free))
        # A store that was never given anything holds no era yet: its first seats need not wait for another round.
        if report.era == self._era or (before is None and report.era == 0 and mine.account == Account(self._era)):
            mine = replace(mine, account=seats.grant(mine.account, free, wanted))
        if mine != before:
            passages.save_account(self._connection, report.room, mine, new=before is None)
        full = free <= 0 and mine.account.balance + others.balance == 0
        return GrantTo(report.room, self._era, mine.account.granted, wanted, full)

    def _needs_seats(self, room: str) -> bool:
        """A kiosk spends seats of the room into which its gate leads; what it holds of others comes back."""
        return self._gate is not None and self._gate.room == room and self._gate.direction is not Direction.OUT

    def _merged(self, message: Exchange, report: Report, before: Holding | None) -> Holding:
        said = Account(self._era, report.granted, report.returned, report.entries, report.exits, report.forced)
        held = seats.merge(before.account if before else Account(self._era), said)
        heard = before.heard if before else 0
        settled = before is not None and held == before.account and self._now - from_ms(heard) < SETTLED
        return Holding(message.device, message.incarnation, held, report.arrivals, heard if settled else self._now_ms)

    def _quarantine(self, message: Exchange, seq: int, raw: bytes, why: str) -> None:
        values = {
            "device": message.device,
            "incarnation": message.incarnation,
            "seq": seq,
            "raw": raw,
            "hash": chain(GENESIS, raw),
            "why": why,
            "received": self._now_ms,
        }
        if passages.put_in_quarantine(self._connection, values):
            self._raise("quarantine", "", "", message.device, {"seq": seq, "why": why})

    def _raise_once(self, kind: str, device: str, facts: dict[str, object]) -> None:
        """The kiosk repeats what is wrong in every message; one incident says it."""
        if not passages.was_raised(self._connection, kind, device, msgspec.json.encode(facts).decode()):
            self._raise(kind, "", "", device, facts)

    def _raise(self, kind: str, room: str, gate: str, device: str, facts: dict[str, object]) -> None:
        text = msgspec.json.encode(facts).decode()
        values = {"kind": kind, "at": self._now_ms, "room": room, "gate": gate, "device": device}
        passages.raise_incident(self._connection, values | {"facts": text, "resolved": None})


def inside(holder: Holder, rooms: Sequence[str]) -> bool:
    """Whether the holder has an open stay in one of the rooms."""
    return any(stay.closed is None and stay.room in rooms for stay in holder.stays)
