"""The use case behind the kiosks' one endpoint: take the passages, merge the accounts, hand out seats.

Everything happens in one transaction, and nothing computed in it leaves before its commit. Repeated, delayed and
reordered messages are absorbed (docs/protocol.md). Knows nothing of HTTP or signatures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from admission.passage import GENESIS
from admission.venue import Programme
from admission.wire import Exchange, GrantTo
from server import fencing, health, incidents
from server.incidents import Place
from server.intake import Intake, keep
from server.seating import REACH_MS, Seating
from server.store import holders, passages
from server.store.holders import Holder
from server.store.instants import to_ms
from server.store.passages import Chain


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the server found and did: the answer's parts, the rooms whose occupancy may have changed, and the kiosks
    that are asked for seats."""

    have_seq: int
    era: int
    verdicts: tuple[tuple[int, str], ...]
    grants: tuple[GrantTo, ...]
    holder: Holder | None
    touched: frozenset[str]
    recalled: frozenset[str]


class Desk:
    """Takes one message at a time, inside a transaction that the store has opened."""

    def __init__(
        self,
        connection: Connection,
        programme: Programme,
        now: datetime,
        gate: str | None,
        sought: dict[str, int] | None = None,
    ) -> None:
        """``gate``: where the kiosk that speaks stands; ``sought``: see Seating."""
        self._sought = sought if sought is not None else {}
        self._connection = connection
        self._gate = programme.gate(gate) if gate is not None else None
        self._programme = programme
        self._now = now

    def handle(self, message: Exchange, *, carried: bool = False) -> Outcome:
        """Takes the message. Never refuses a well-formed one: what cannot be taken is quarantined and raised.

        ``carried``: it came by courier, and was written some time ago.
        """
        eras = passages.eras_of(self._connection, message.device, message.incarnation)
        known = self._known(message, eras.now)
        intake = Intake(self._connection, self._programme, message, self._now, carried)
        behind = message.era < eras.now and message.acknowledged > 0
        taken = intake.take(known, awaits_rewind=behind or message.acknowledged > known.have_seq)
        at = taken.chain
        if taken.forked and not at.fenced:
            fencing.fence_store(self._connection, message.device, message.incarnation)
            at = replace(at, fenced=True)
        seating = Seating(self._connection, self._programme, self._gate, eras.now, self._now, self._sought, carried)
        grants = seating.seat(message, at, known.have_seq)
        self._write_down(message, at, known, carried=carried)
        asked = message.presenting
        return Outcome(
            have_seq=at.have_seq,
            era=seating.era,
            verdicts=taken.verdicts,
            grants=grants,
            holder=holders.holder_of(self._connection, asked.badge) if asked else None,
            touched=frozenset(intake.touched | seating.moved),
            recalled=frozenset(seating.recalled),
        )

    def _known(self, message: Exchange, era: int) -> Chain:
        """What is known of the kiosk's store; a new one is registered."""
        known = passages.chain_of(self._connection, message.device, message.incarnation)
        if known is None:
            known = Chain(0, GENESIS, fenced=False)
            self._note_lost_store(message)
            now = to_ms(self._now)
            passages.register(self._connection, message.device, message.incarnation, GENESIS, now, era)
        moved = bool(message.machine) and message.machine != known.machine
        if moved and known.machine:
            facts = {"was": known.machine, "is": message.machine, "incarnation": message.incarnation}
            place = Place(device=message.device)
            incidents.raise_while_open(self._connection, "machine_changed", to_ms(self._now), place, facts)
        if moved or (message.closed and not known.closed):
            closed = known.closed or message.closed
            machine = message.machine or known.machine
            passages.name_machine(self._connection, message.device, message.incarnation, machine, closed=closed)
            known = replace(known, machine=machine, closed=closed)
        return known

    def _write_down(self, message: Exchange, at: Chain, known: Chain, *, carried: bool) -> None:
        """How far the chain has come and when it was heard of; and how well the kiosk reads, if it says so now."""
        said = (at.have_seq, at.head, max(known.said_seq, message.head_seq, at.have_seq))
        heard = to_ms(self._now) - (REACH_MS if carried else 0)
        passages.advance(self._connection, message.device, message.incarnation, said, max(known.heard, heard))
        if message.cursors is not None:
            held = message.cursors.programme
            passages.holds_programme(self._connection, message.device, message.incarnation, held)
        if message.health is not None and not carried:
            health.keep(self._connection, message.device, message.health, self._now)

    def _note_lost_store(self, message: Exchange) -> None:
        """An earlier store of this kiosk may hold seats: they stay counted, and somebody should know."""
        earlier = fencing.supersede(self._connection, message.device)
        if earlier:
            facts = {"incarnation": message.incarnation, "earlier": earlier}
            place = Place(device=message.device)
            incidents.raise_incident(self._connection, "store_lost", to_ms(self._now), place, facts)

    def keep_evidence(self, message: Exchange, why: str) -> None:
        """Keeps the passages of a kiosk that was revoked: as they came, believed by nobody."""
        for seq, raw in enumerate(message.passages, message.first_seq):
            keep(self._connection, message, (seq, raw, why, "late_evidence"), self._now)


def inside(holder: Holder, rooms: Sequence[str]) -> bool:
    """Whether the holder has an open stay in one of the rooms."""
    return any(stay.closed is None and stay.room in rooms for stay in holder.stays)
