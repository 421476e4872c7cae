"""Whether the log is whole: every number of every store once, every hash follows from the bytes, no column says
anything else than the bytes do, and nothing is missing that a kiosk has written.

Knows nothing of seats or stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, func, select

from admission.errors import BadMessage
from admission.ledger import State
from admission.passage import GENESIS, Passage, chain, decode
from server.proofs.evidence import Check, Gathering, many, rows, span
from server.store.instants import to_ms
from server.store.schema import account, incarnation, passage, quarantine

SAID = ("kind", "why", "badge", "room", "gate", "session", "count", "flags", "of", "by")
"""The columns that repeat what the bytes say."""
UNKNOWN_ROOM = "a passage into room "
GAP = "gap:"


@dataclass(frozen=True, slots=True)
class Store:
    """One store of a kiosk, as the server knows its chain. ``retired``: nobody can spend from it any more."""

    device: str
    number: int
    have_seq: int
    said_seq: int
    head: bytes
    closed: bool
    machine: str
    retired: bool

    @property
    def name(self) -> str:
        """As it is named to people."""
        return f"{self.device}, store {self.number}"

    @property
    def facts(self) -> dict[str, object]:
        """As it is named to machines."""
        return {"device": self.device, "incarnation": self.number}


@dataclass
class Walk:
    """Follows one chain along its numbers. ``aside``: the quarantined bytes that stand in a passage's place, by number.

    ``_heads``: what the chain's hash can be at this point; more than one after a passage whose bytes and hash do not
    fit, for either may have been changed; None after a hole.
    """

    store: Store
    chains: Gathering
    columns: Gathering
    aside: Mapping[int, Sequence[bytes]]
    seen: int = 0
    _heads: frozenset[bytes] | None = frozenset({GENESIS})
    _next: int = 1

    def step(self, row: Any) -> None:
        """Takes the next passage; they come in the order of their numbers."""
        self.seen += 1
        number, seq, stored, raw = row[:4]
        if seq < self._next:
            self.chains.wrong(f"{self.store.name}: no. {seq} is there twice", **self._facts(row))
            return
        self._fill(seq)
        self._link(number, seq, bytes(stored), bytes(raw))
        self._next = seq + 1
        try:
            said = decode(bytes(raw))
        except BadMessage as error:
            self.chains.wrong(f"{self._named(number, seq)}: its bytes cannot be read ({error})", **self._facts(row))
            return
        changed = differences(row, said)
        if changed:
            text = f"{self._named(number, seq)}: its columns are not what its bytes say: {'; '.join(changed)}"
            self.columns.wrong(text, changed=changed, **self._facts(row))

    def end(self) -> None:
        """After the last passage: the chain ends where the server says, with the hash that the server holds."""
        store = self.store
        self._fill(store.have_seq + 1)
        beyond = self._next - 1 - store.have_seq
        if beyond > 0:
            text = f"{store.name}: {many(beyond, 'passage')} after no. {store.have_seq}, the last that was acknowledged"
            self.chains.wrong(text, **store.facts)
        elif self._heads is not None and store.head not in self._heads:
            text = f"{store.name}: the chain's hash after no. {store.have_seq} is not the one that the server holds"
            self.chains.wrong(text, held=store.head.hex(), **store.facts)

    def _link(self, number: int, seq: int, stored: bytes, raw: bytes) -> None:
        follows = None if self._heads is None else frozenset(chain(head, raw) for head in self._heads)
        if follows is None or stored in follows:
            self._heads = frozenset({stored})
            return
        text = f"{self._named(number, seq)}: its hash does not follow from its bytes and what came before it"
        self.chains.wrong(text, passage=number, seq=seq, stored=stored.hex(), **self.store.facts)
        self._heads = follows | {stored}

    def _fill(self, upto: int) -> None:
        """Goes over the numbers before ``upto`` that no passage has: quarantined bytes, or a hole."""
        if upto == self._next:
            return
        for seq in sorted(one for one in self.aside if self._next <= one < upto):
            self._hole(seq)
            if self._heads is not None:
                self._heads = frozenset(chain(head, raw) for head in self._heads for raw in self.aside[seq])
            self._next = seq + 1
        self._hole(upto)

    def _hole(self, upto: int) -> None:
        if upto <= self._next:
            return
        missing = range(self._next, upto)
        text = f"{self.store.name}: no. {span(missing)} {'is' if len(missing) == 1 else 'are'} not in the log"
        self.chains.wrong(text, first=missing[0], last=missing[-1], **self.store.facts)
        self._heads, self._next = None, upto

    def _named(self, number: int, seq: int) -> str:
        return f"passage {number} ({self.store.name}, no. {seq})"

    def _facts(self, row: Any) -> dict[str, object]:
        return {"passage": row[0], "seq": row[1], **self.store.facts}


@dataclass
class _Total:
    """What was walked over."""

    passages: int = 0
    aside: int = 0
    devices: set[str] = field(default_factory=set)


_walked = select(
    *(passage.c[name] for name in ("id", "seq", "hash", "raw", "at", "uncertainty_ms")), *(passage.c[n] for n in SAID)
).order_by(passage.c.device, passage.c.incarnation, passage.c.seq)


def check(connection: Connection, zone: ZoneInfo) -> tuple[list[Check], int, int]:
    """Walks over every chain. Returns the checks, and how many passages of how many kiosks there are."""
    chains, columns, gaps = (Gathering(name, zone) for name in ("Chains", "Chains", "Gaps"))
    total = _Total()
    stores = list(all_stores(connection))
    for store in stores:
        aside = _in_place(connection, store)
        walk = Walk(store, chains, columns, aside)
        mine = and_(passage.c.device == store.device, passage.c.incarnation == store.number)
        for row in rows(connection, _walked.where(mine)):
            walk.step(row)
        walk.end()
        total.passages += walk.seen
        total.aside += len(aside)
        total.devices.add(store.device)
        _look_for_gaps(connection, store, gaps)
    total.passages += _strays(connection, stores, chains)
    said = (
        f"{many(total.passages, 'passage')} and {many(total.aside, 'quarantined record')} in "
        f"{many(len(stores), 'store')} of {many(len(total.devices), 'kiosk')}: every number once, every hash follows"
    )
    fields = f"{many(total.passages, 'passage')}: kind, badge, room, gate, session, count, time as in the signed bytes"
    whole = f"{many(len(stores), 'store')}: everything that a kiosk says to have written is here"
    checks = [chains.check(said), columns.check(fields), gaps.check(whole)]
    return checks, total.passages, len(total.devices)


def all_stores(connection: Connection) -> Iterator[Store]:
    """Every store that was ever heard of."""
    spends = select(func.count()).where(
        account.c.device == incarnation.c.device,
        account.c.incarnation == incarnation.c.incarnation,
        account.c.state != State.RETIRED,
    )
    any_account = select(func.count()).where(
        account.c.device == incarnation.c.device, account.c.incarnation == incarnation.c.incarnation
    )
    order = (incarnation.c.device, incarnation.c.incarnation)
    query = select(incarnation, spends.scalar_subquery(), any_account.scalar_subquery()).order_by(*order)
    for row in connection.execute(query).all():
        yield Store(
            row.device,
            row.incarnation,
            row.have_seq,
            row.said_seq,
            bytes(row.head),
            bool(row.closed),
            row.machine,
            row[-2] == 0 and row[-1] > 0,
        )


def differences(row: Any, said: Passage) -> list[str]:
    """Where the columns of a passage say anything else than its bytes. Pure."""
    theirs: tuple[object, ...] = (said.kind.value, said.why, said.badge, said.room, said.gate, said.session)
    theirs += (said.count, " ".join(said.flags), said.of, said.by)
    at, uncertainty = row[4], row[5]
    found = []
    if said.at is not None and (to_ms(said.at) != at or said.uncertainty_ms != uncertainty):
        found.append(f"time {at} ± {uncertainty}, signed {to_ms(said.at)} ± {said.uncertainty_ms}")
    if tuple(row[6:]) != theirs:
        pairs = zip(SAID, row[6:], theirs, strict=True)
        found += [f"{name} {mine!r}, signed {signed!r}" for name, mine, signed in pairs if mine != signed]
    return found


def _in_place(connection: Connection, store: Store) -> dict[int, list[bytes]]:
    """The quarantined bytes that can stand in the chain: those that could not be taken as a passage."""
    mine = and_(quarantine.c.device == store.device, quarantine.c.incarnation == store.number)
    same = and_(*(passage.c[name] == quarantine.c[name] for name in ("device", "incarnation", "seq")))
    query = (
        select(quarantine.c.seq, quarantine.c.raw, quarantine.c.why)
        .select_from(quarantine.outerjoin(passage, same))
        .where(mine, quarantine.c.seq <= store.have_seq, passage.c.id.is_(None))
    )
    found: dict[int, list[bytes]] = defaultdict(list)
    for seq, raw, why in connection.execute(query):
        if why.startswith(UNKNOWN_ROOM) or not _readable(bytes(raw)):
            found[seq].append(bytes(raw))
    return found


def _readable(raw: bytes) -> bool:
    try:
        decode(raw)
    except BadMessage:
        return False
    return True


def _look_for_gaps(connection: Connection, store: Store, found: Gathering) -> None:
    """What the kiosk has written and the server does not hold."""
    late = store.said_seq - store.have_seq
    if late < 0:
        text = f"{store.name}: {-late} more passages are stored than the kiosk has ever written"
        found.wrong(text, **store.facts)
    elif late and (store.closed or store.retired):
        text = f"{store.name}: {many(late, 'passage')} never came, and the store has {_ended(store)}"
        found.wrong(text, missing=late, after=store.have_seq, **store.facts)
    elif late:
        text = f"{store.name}: not complete yet, {many(late, 'passage')} {'is' if late == 1 else 'are'} still on it"
        found.note(text, missing=late, after=store.have_seq, **store.facts)
    mine = and_(quarantine.c.device == store.device, quarantine.c.incarnation == store.number)
    ahead = select(func.min(quarantine.c.seq)).where(
        mine, quarantine.c.seq > store.have_seq, quarantine.c.why.startswith(GAP)
    )
    first = connection.execute(ahead).scalar_one()
    if first is not None and first > store.have_seq + 1:
        between = range(store.have_seq + 1, first)
        text = f"{store.name}: a gap: no. {first} came, no. {span(between)} before it never did"
        found.wrong(text, first=between[0], last=between[-1], **store.facts)


def _ended(store: Store) -> str:
    return "been closed" if store.closed else "been retired"


def _strays(connection: Connection, stores: Sequence[Store], found: Gathering) -> int:
    """Passages of stores that were never registered; how many there are."""
    known = {(one.device, one.number) for one in stores}
    query = select(passage.c.device, passage.c.incarnation, func.count()).group_by(
        passage.c.device, passage.c.incarnation
    )
    strays = 0
    for device, number, count in connection.execute(query):
        if (device, number) not in known:
            strays += count
            text = f"{device}, store {number}: {many(count, 'passage')} of a store that was never registered"
            found.wrong(text, device=device, incarnation=number)
    return strays
