"""The simulation's office over the real server: the exchange's Desk, the acts' steps and SQLite, under the same
histories. Slower by far, so that it plays fewer of them; the handing-out policy is the server's own.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, StaticPool, create_engine, insert, select

from admission.errors import ConfigError
from admission.ledger import Held, JournalUnread, RoomBook
from admission.passage import Kind, Passage, decode, encode
from admission.venue import Direction, Exits, Gate, GateId, Programme, RoomId
from admission.venue import Room as VenueRoom
from admission.wire import Exchange, Lane, Presenting, Report
from server import counting, fencing, restore
from server.exchange import Desk
from server.fencing import held_of
from server.store import schema
from tests.seats.office import Fact, Key, Letter, Office, Reply

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(slots=True)
class RealChain:
    """What the server holds of one store."""

    facts: list[Fact]


@dataclass(slots=True)
class RealRoom:
    """A room as the tables have it."""

    office: RealOffice
    name: str
    exits: Exits
    around: frozenset[str]
    hold: int
    held: bool
    heads: int | None

    @property
    def book(self) -> RoomBook:
        """Its book, with the capacity of the moment."""
        with self.office.engine.connect() as connection:
            row = connection.execute(select(schema.book).where(schema.book.c.room == self.name)).one()
        return RoomBook(self.office.capacities[self.name], row.recount, row.closed, row.forced)

    @book.setter
    def book(self, book: RoomBook) -> None:
        self.office.capacities[self.name] = book.capacity


@dataclass
class RealOffice:
    """See :class:`tests.seats.office.Office`: the same steps, on the tables."""

    layout: dict[str, tuple[Exits, frozenset[str]]]
    gates: dict[str, tuple[str, Direction]]
    capacities: dict[str, int]
    engine: Engine = field(init=False)
    steps: int = 0

    def __post_init__(self) -> None:
        self.engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        schema.metadata.create_all(self.engine)
        with self.engine.begin() as connection:
            secret = {"signing_seed": bytes(32), "cookie_secret": bytes(32), "show_names": False}
            facts = {"id": 1, "number": 1, "name": "x", "timezone": "UTC", "epoch": 0, "era": 1}
            connection.execute(insert(schema.event), facts | secret)
            for room in self.layout:
                connection.execute(insert(schema.book), {"room": room, "recount": 0, "closed": 0})
            for device, (room, direction) in self.gates.items():
                gate = {"id": f"at-{device}", "name": device, "room": room, "direction": direction.value}
                connection.execute(insert(schema.gate), gate)
                row = {"id": device, "gate": f"at-{device}", "public": b"", "enrolled": 0, "era": 1}
                connection.execute(insert(schema.device), row)

    @classmethod
    def like(cls, office: Office, gates: dict[str, tuple[str, Direction]]) -> RealOffice:
        """The same venue."""
        layout = {name: (room.exits, room.around) for name, room in office.rooms.items()}
        return cls(layout, gates, {name: room.book.capacity for name, room in office.rooms.items()})

    @property
    def programme(self) -> Programme:
        """The venue with the capacities of this moment."""
        rooms = tuple(
            VenueRoom(RoomId(name), name, RoomId("hall") if name == "salon" else None, self.capacities[name], 0, exits)
            for name, (exits, _) in self.layout.items()
        )
        gates = tuple(
            Gate(GateId(f"at-{device}"), device, RoomId(room), None, way) for device, (room, way) in self.gates.items()
        )
        return Programme(1, "x", "UTC", rooms, gates, ())

    @property
    def now(self) -> datetime:
        """A moment later each time."""
        self.steps += 1
        return NOON + timedelta(seconds=20_000 + self.steps)

    @property
    def rooms(self) -> dict[str, RealRoom]:
        """The rooms as they are now."""
        with self.engine.connect() as connection:
            rows = {row.room: row for row in connection.execute(select(schema.book))}
        return {
            name: RealRoom(self, name, exits, around, rows[name].hold, bool(rows[name].held), rows[name].heads)
            for name, (exits, around) in self.layout.items()
        }

    @property
    def accounts(self) -> dict[Key, Held]:
        """All accounts."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(schema.account)).mappings().all()
        return {(row["device"], row["incarnation"], row["room"]): held_of(row) for row in rows}

    @property
    def chains(self) -> dict[tuple[str, int], RealChain]:
        """The log, by store."""
        found: dict[tuple[str, int], RealChain] = {}
        with self.engine.connect() as connection:
            stores = connection.execute(select(schema.incarnation.c.device, schema.incarnation.c.incarnation)).all()
            query = select(schema.passage).order_by(schema.passage.c.seq)
            for device, number in stores:
                found[device, number] = RealChain([])
            for row in connection.execute(query):
                found[row.device, row.incarnation].facts.append(_fact(bytes(row.raw)))
        return found

    @property
    def era(self) -> int:
        """The database's era."""
        with self.engine.connect() as connection:
            return int(connection.execute(select(schema.event.c.era)).scalar_one())

    def handle(self, letter: Letter, wish: int) -> Reply:
        """Takes a letter, as the server does; with a wish, somebody stands at the door."""
        room, _ = self.gates[letter.device]
        message = Exchange(
            device=letter.device,
            incarnation=letter.store,
            boot="boot",
            boot_ms=0,
            lane=Lane.NEWS,
            reports=tuple(
                Report(room, a.era, a.granted, a.returned, a.entries, a.exits, a.forced, 0, hold)
                for room, a, hold in letter.reports
            ),
            first_seq=letter.first,
            passages=tuple(_raw(fact) for fact in letter.facts),
            head_seq=letter.head_seq,
            era=letter.era,
            acknowledged=letter.acknowledged,
            closed=letter.closed,
            presenting=Presenting(1, 1 << 32, room) if wish else None,
        )
        with self.engine.begin() as connection:
            outcome = Desk(connection, self.programme, self.now, f"at-{letter.device}").handle(message)
        grants = tuple((grant.room, grant.granted, grant.hold, grant.opened) for grant in outcome.grants)
        recalls = tuple((grant.room, grant.recall) for grant in outcome.grants if grant.recall)
        return Reply(letter.device, letter.store, outcome.era, outcome.have_seq, grants, recalls)

    def backup(self) -> RealOffice:
        """A copy of the database as it is now."""
        copy = RealOffice(self.layout, self.gates, dict(self.capacities))
        with self.engine.connect() as here, copy.engine.connect() as there:
            source, target = here.connection.driver_connection, there.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            assert isinstance(target, sqlite3.Connection)
            source.backup(target)
        copy.steps = self.steps
        return copy

    def begin_era(self, seen: int = 0) -> None:
        """S3: a restore is noticed at the start."""
        with self.engine.begin() as connection:
            restore.raise_era(connection, seen, (self.now - EPOCH) // timedelta(milliseconds=1), {})

    def confirm(self, name: str) -> None:
        """A supervisor confirms the room."""
        with self.engine.begin() as connection:
            restore.confirm(connection, name)

    def fence(self, device: str) -> None:
        """A supervisor fences the kiosk."""
        with self.engine.begin() as connection:
            fencing.fence(connection, device)

    def vouch(self, device: str) -> None:
        """S4. Raises JournalUnread."""
        try:
            with self.engine.begin() as connection:
                fencing.vouch(connection, device)
        except ConfigError as error:
            raise JournalUnread(str(error)) from error

    def hold(self, name: str) -> None:
        """Holds entries into the room."""
        with self.engine.begin() as connection:
            counting.hold(connection, name)

    def reopen(self, name: str) -> None:
        """Ends a hold."""
        with self.engine.begin() as connection:
            counting.reopen(connection, name)

    def count(self, name: str, heads: int, retired: set[tuple[str, int]]) -> bool:
        """S6."""
        room = self.programme.room(name)
        assert room is not None
        with self.engine.begin() as connection:
            for device, store in retired:
                counting.retire(connection, device, name, store)
            waits = not counting.waiting(connection, name)
            counting.count(connection, room, self._book(connection, name), heads, 0)
        return waits

    def _book(self, connection: Connection, name: str) -> RoomBook:
        row = connection.execute(select(schema.book).where(schema.book.c.room == name)).one()
        return RoomBook(self.capacities[name], row.recount, row.closed, row.forced)


def _raw(fact: Fact) -> bytes:
    return encode(
        Passage(
            kind=Kind(fact.kind),
            badge=fact.badge << 32,
            gate="g",
            room=fact.room,
            boot="boot",
            boot_ms=0,
            at=NOON + timedelta(seconds=fact.at),
            uncertainty_ms=fact.uncertainty * 1000,
            of=fact.of,
        )
    )


def _fact(raw: bytes) -> Fact:
    passage = decode(raw)
    assert passage.at is not None
    at = (passage.at - NOON) // timedelta(seconds=1)
    return Fact(passage.kind.value, passage.badge >> 32, passage.room, at, passage.uncertainty_ms // 1000, passage.of)
