"""Whether a card was copied: two passages under one number, or a kiosk whose chain has another hash than ours.

Names both machines and both branches, and how far over the capacity the copy can have led: by no more seats than the
card held when it was copied.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, and_, func, or_, select

from admission.errors import BadMessage
from admission.passage import Kind, decode
from server.proofs.chains import Store, all_stores
from server.proofs.evidence import Check, Gathering, listed, many, rows
from server.store.schema import account, incident, passage, quarantine

FORK = "fork:"
INSIDE = (Kind.ENTRY, Kind.FORCED)


@dataclass
class Branch:
    """Some passages of one store, from the first number that is there twice."""

    first: int = 0
    passages: int = 0
    entries: int = 0
    boots: dict[str, None] = field(default_factory=dict)

    def take(self, seq: int, raw: bytes) -> None:
        """Takes one of its passages; those that cannot be read are counted only."""
        self.first = min(self.first or seq, seq)
        self.passages += 1
        try:
            said = decode(raw)
        except BadMessage:
            return
        self.entries += said.kind in INSIDE
        self.boots[said.boot] = None

    def __str__(self) -> str:
        """In words."""
        entries = many(self.entries, "entry", "entries")
        return f"{many(self.passages, 'passage')}, {entries}, boot {listed(self.boots)}"


@dataclass
class Fork:
    """One copied card. ``told``: where kiosk and server first named different hashes, if it was noticed by that."""

    store: Store
    theirs: Branch = field(default_factory=Branch)
    machines: dict[str, None] = field(default_factory=dict)
    told: int | None = None


def check(connection: Connection, zone: ZoneInfo) -> Check:
    """Every fork that left a trace."""
    found = Gathering("Forks", zone)
    forks = {(one.device, one.number): Fork(one) for one in all_stores(connection)}
    for device, number, seq, raw in rows(connection, _second_passages()):
        if (device, number) in forks:
            forks[device, number].theirs.take(seq, bytes(raw))
    _take_incidents(connection, forks)
    stores = len(forks)
    for fork in forks.values():
        if fork.theirs.passages or fork.told is not None:
            _tell(connection, fork, found)
    return found.check(f"{many(stores, 'store')}: no number that two passages claim, no chain with two heads")


def _second_passages() -> Any:
    """Quarantined bytes under a number that other bytes have."""
    same = and_(*(quarantine.c[name] == passage.c[name] for name in ("device", "incarnation", "seq")))
    return (
        select(quarantine.c.device, quarantine.c.incarnation, quarantine.c.seq, quarantine.c.raw)
        .select_from(quarantine.outerjoin(passage, same))
        .where(or_(quarantine.c.why.startswith(FORK), quarantine.c.raw != passage.c.raw))
        .order_by(quarantine.c.id)
    )


def _take_incidents(connection: Connection, forks: Mapping[tuple[str, int], Fork]) -> None:
    kinds = ("hash_fork", "machine_changed")
    query = select(incident.c.kind, incident.c.device, incident.c.facts).where(incident.c.kind.in_(kinds))
    machines: dict[tuple[str, int], list[str]] = defaultdict(list)
    for kind, device, text in connection.execute(query.order_by(incident.c.id)):
        facts = msgspec.json.decode(text)
        key = (device, int(facts.get("incarnation", 0)))
        machines[key] += [str(facts.get(name) or "") for name in ("was", "is", "machine")]
        if kind == "hash_fork" and key in forks and forks[key].told is None:
            forks[key].told = int(facts.get("seq", 0))
    for key, fork in forks.items():
        names: Iterable[str] = (*machines[key], fork.store.machine)
        fork.machines = dict.fromkeys(name for name in names if name)


def _tell(connection: Connection, fork: Fork, found: Gathering) -> None:
    store, theirs = fork.store, fork.theirs
    first = theirs.first or (fork.told or 0) + 1
    ours = Branch(first)
    mine = and_(passage.c.device == store.device, passage.c.incarnation == store.number)
    for seq, raw in rows(connection, select(passage.c.seq, passage.c.raw).where(mine, passage.c.seq >= first)):
        ours.take(seq, bytes(raw))
    where = f"from no. {first} on" if theirs.passages else f"at no. {fork.told} or before it"
    # Where only the heads differ, the copy may be as old as the store: nothing of what it held then counts as spent.
    bound = {room: most for room, most in _held(connection, store, first if theirs.passages else 1) if most > 0}
    seats = ", ".join(f"{most} in {room}" for room, most in bound.items()) or "none"
    text = (
        f"{store.name}: a copied card, two branches {where}; machines: {listed(fork.machines)}. In the log: {ours}. "
        f"Kept aside: {theirs}. Seats that the card can have held then, and so the most that the copy lets in beyond "
        f"them: {seats}"
    )
    branches = {"log": msgspec.to_builtins(ours), "aside": msgspec.to_builtins(theirs)}
    facts = {"machines": list(fork.machines), "first": first, "branches": branches, "overshoot": bound}
    found.wrong(text, **store.facts, **facts)


def _held(connection: Connection, store: Store, first: int) -> Iterable[tuple[str, int]]:
    """The most seats that the card can have held before passage ``first``: all that it was ever granted, less what it
    had spent by then. What it had returned by then the log does not tell."""
    before = and_(
        passage.c.device == store.device,
        passage.c.incarnation == store.number,
        passage.c.seq < first,
        passage.c.kind == Kind.ENTRY,
    )
    counts = select(passage.c.room, func.count()).where(before).group_by(passage.c.room)
    spent: dict[str, int] = {row[0]: row[1] for row in connection.execute(counts)}
    mine = and_(account.c.device == store.device, account.c.incarnation == store.number)
    for room, granted, exits in connection.execute(
        select(account.c.room, account.c.granted, account.c.exits).where(mine).order_by(account.c.room)
    ):
        yield room, granted + exits - spent.get(room, 0)
