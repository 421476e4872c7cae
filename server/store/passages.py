"""The statements behind the exchange: chains, accounts, passages and stays.

All run through ``execute`` (plain tuples, compiled once), as they are the hottest in the house. The functions say in
venue words what they read and write; what it means is decided in :mod:`server.exchange` and :mod:`server.stays`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, literal_column, select, update

from server.store.engine import execute, given, named
from server.store.schema import (
    device,
    event,
    incarnation,
    passage,
    quarantine,
)


@dataclass(frozen=True, slots=True)
class Chain:
    """How far the journal of one incarnation has arrived, and what is known of its store."""

    have_seq: int
    head: bytes
    fenced: bool
    machine: str = ""
    closed: bool = False
    said_seq: int = 0
    heard: int = 0


@dataclass(frozen=True, slots=True)
class Eras:
    """The database's era, and those in which a device, and this store of it, have reported last."""

    now: int
    device: int
    store: int


_chain = (
    select(
        incarnation.c.have_seq,
        incarnation.c.head,
        incarnation.c.fenced,
        incarnation.c.machine,
        incarnation.c.closed,
        incarnation.c.said_seq,
        incarnation.c.heard,
    )
    .where(incarnation.c.device == given("device"), incarnation.c.incarnation == given("incarnation"))
    .with_for_update()
)
_eras = select(event.c.era, device.c.era, func.coalesce(incarnation.c.era, literal_column("0"))).select_from(
    event.join(device, device.c.id == given("device")).outerjoin(
        incarnation,
        (incarnation.c.device == given("device")) & (incarnation.c.incarnation == given("incarnation")),
    )
)
_store_in_era = (
    update(incarnation)
    .where(incarnation.c.device == given("device"), incarnation.c.incarnation == given("incarnation"))
    .values(era=given("era"))
)
_in_era = update(device).where(device.c.id == given("device")).values(era=given("era"))
_name_machine = (
    update(incarnation)
    .where(incarnation.c.device == given("device"), incarnation.c.incarnation == given("incarnation"))
    .values(machine=given("machine"), closed=given("closed"))
)
_register = insert(incarnation).values(
    {column.name: given(column.name) for column in incarnation.c if column.name != "id"}
)
_advance = (
    update(incarnation)
    .where(incarnation.c.device == given("device"), incarnation.c.incarnation == given("incarnation"))
    .values(have_seq=given("have_seq"), head=given("head"), said_seq=given("said_seq"), heard=given("heard"))
)
_holds = (
    update(incarnation)
    .where(
        incarnation.c.device == given("device"),
        incarnation.c.incarnation == given("incarnation"),
        incarnation.c.programme != given("programme"),
    )
    .values(programme=given("programme"))
)
_append = insert(passage).values({c.name: given(c.name) for c in passage.c if c.name != "id"}).returning(passage.c.id)
_stored = select(passage.c.raw, passage.c.verdict).where(
    passage.c.device == given("device"),
    passage.c.incarnation == given("incarnation"),
    passage.c.seq == given("seq"),
)
_quarantined = select(quarantine.c.raw).where(
    quarantine.c.device == given("device"),
    quarantine.c.incarnation == given("incarnation"),
    quarantine.c.seq == given("seq"),
)
_quarantine = insert(quarantine).values({c.name: given(c.name) for c in quarantine.c if c.name != "id"})
_entry_of = select(passage.c.kind, passage.c.room).where(
    passage.c.device == given("device"),
    passage.c.incarnation == given("incarnation"),
    passage.c.seq == given("seq"),
)
_latest = select(func.max(passage.c.at)).where(
    passage.c.device == given("device"),
    passage.c.incarnation == given("incarnation"),
    passage.c.seq < given("seq"),
    passage.c.uncertainty_ms < literal_column("3600000"),
)


def chain_of(connection: Connection, device: str, number: int) -> Chain | None:
    """Locks and reads the chain of an incarnation; None if it has never been heard of."""
    row = execute(connection, _chain, {"p_device": device, "p_incarnation": number}).fetchone()
    return None if row is None else Chain(row[0], bytes(row[1]), bool(row[2]), row[3], bool(row[4]), row[5], row[6])


def eras_of(connection: Connection, device: str, number: int) -> Eras:
    """The database's era, and those in which the device and this store have reported last (0: it is new)."""
    return Eras(*execute(connection, _eras, {"p_device": device, "p_incarnation": number}).fetchone())


def enter_era(connection: Connection, device: str, number: int, era: int) -> None:
    """The device has reported all accounts of this store in this era."""
    execute(connection, _in_era, {"p_device": device, "p_era": era})
    execute(connection, _store_in_era, {"p_device": device, "p_incarnation": number, "p_era": era})


def register(connection: Connection, device: str, number: int, head: bytes, now: int, era: int) -> None:
    """Writes down an incarnation that is new to the server, and so was granted nothing before this era."""
    values = {"device": device, "incarnation": number, "registered": now, "have_seq": 0, "head": head}
    values |= {"said_seq": 0, "heard": now, "fenced": False, "machine": "", "closed": False, "era": era, "programme": 0}
    execute(connection, _register, named(values))


def name_machine(connection: Connection, device: str, number: int, machine: str, *, closed: bool) -> None:
    """On which hardware the incarnation was seen last, and whether it has said that it ends."""
    values: dict[str, object] = {"p_device": device, "p_incarnation": number, "p_machine": machine, "p_closed": closed}
    execute(connection, _name_machine, values)


def advance(connection: Connection, device: str, number: int, chain: tuple[int, bytes, int], now: int) -> None:
    """Moves the chain on: (seq stored up to, its hash, seq that the kiosk says to have written), heard ``now``."""
    have_seq, head, said_seq = chain
    values = {"device": device, "incarnation": number, "have_seq": have_seq, "head": head}
    execute(connection, _advance, named(values | {"said_seq": said_seq, "heard": now}))


def holds_programme(connection: Connection, device: str, number: int, version: int) -> None:
    """Which version of the programme the kiosk says that it holds."""
    execute(connection, _holds, named({"device": device, "incarnation": number, "programme": version}))


def latest_before(connection: Connection, device: str, number: int, seq: int) -> int | None:
    """When (ms) the newest passage before ``seq`` was whose time is known; None: of none."""
    values: dict[str, object] = {"p_device": device, "p_incarnation": number, "p_seq": seq}
    found = execute(connection, _latest, values).fetchone()[0]
    return None if found is None else int(found)


def append(connection: Connection, values: dict[str, Any]) -> int:
    """Appends a passage (all columns but id, which is returned)."""
    return int(execute(connection, _append, named(values)).fetchone()[0])


def stored(connection: Connection, device: str, number: int, seq: int) -> tuple[bytes, str] | None:
    """The bytes and the verdict that passage ``seq`` was stored with; verdict "quarantined" for one that was."""
    identity: dict[str, object] = {"p_device": device, "p_incarnation": number, "p_seq": seq}
    row = execute(connection, _stored, identity).fetchone()
    if row is not None:
        return bytes(row[0]), str(row[1])
    row = execute(connection, _quarantined, identity).fetchone()
    return None if row is None else (bytes(row[0]), "quarantined")


def put_in_quarantine(connection: Connection, values: dict[str, Any]) -> bool:
    """Keeps bytes that cannot be taken as a passage. False if these very bytes are there already."""
    identity = {f"p_{name}": values[name] for name in ("device", "incarnation", "seq")}
    known = [bytes(row[0]) for row in execute(connection, _quarantined, identity).fetchall()]
    if values["raw"] in known:
        return False
    execute(connection, _quarantine, named(values))
    return True


def quarantined_of(connection: Connection, device: str) -> int:
    """How many records of a kiosk are kept aside."""
    query = select(func.count()).select_from(quarantine).where(quarantine.c.device == device)
    return int(connection.execute(query).scalar_one())


def entry_of(connection: Connection, device: str, number: int, seq: int) -> tuple[str, str] | None:
    """Kind and room of the passage of that identity; None if there is none."""
    values: dict[str, object] = {"p_device": device, "p_incarnation": number, "p_seq": seq}
    row = execute(connection, _entry_of, values).fetchone()
    return None if row is None else (str(row[0]), str(row[1]))
