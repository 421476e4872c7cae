"""A small venue for tests and benchmarks, and a kiosk in memory that speaks the protocol exactly.

The venue is imported from CSV like any other; the kiosk uses the same pure functions as the real one.
"""

from __future__ import annotations

import csv
import functools
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, insert, select

from admission import seats, wire
from admission.badge import EventKeys, Serial, serial_of
from admission.passage import GENESIS, Kind, Passage, chain, encode
from admission.seats import Account
from admission.wire import Answer, Cursors, Enrolment, Exchange, Lane, Presenting, Report
from server import badges, devices, event, imports, users
from server.event import NewEvent
from server.store import schema
from server.users import Role

ZONE = "Asia/Kolkata"
PASSWORD = "a good password"
GATES = ("hall-a", "hall-b", "hall-out", "salon-door", "club-door", "venue-door")


def table(header: str, *rows: str) -> bytes:
    """A CSV file; cells are separated by | in the arguments."""
    out = io.StringIO()
    csv.writer(out).writerows([line.split("|") for line in (header, *rows)])
    return out.getvalue().encode()


def venue_files(now: datetime, people: int = 60, hall: int = 100) -> dict[str, bytes]:
    """A hall with trusted exits, a two-way salon (matched), a club without exits, and sessions around ``now``."""
    start, end = (now - timedelta(hours=1)).isoformat(), (now + timedelta(hours=2)).isoformat()
    later, late = (now + timedelta(hours=3)).isoformat(), (now + timedelta(hours=4)).isoformat()
    categories = ["delegate", "press", "staff"]
    return {
        "categories": table("category|name|colour", *(f"{c}|{c.title()}|#1f6f8b" for c in categories)),
        "rooms": table(
            "room|name|inside|limit|reserve|exits",
            "venue|The venue||||none",
            f"hall|The hall|venue|{hall}|0|trusted",
            "salon|The salon|venue|12|2|matched",
            "club|The club|venue|30|0|none",
        ),
        "gates": table(
            "gate|name|room|from|direction",
            "hall-a|Hall A|hall|venue|in",
            "hall-b|Hall B|hall|venue|in",
            "hall-out|Hall exit|hall|venue|out",
            "salon-door|Salon|salon|venue|both",
            "club-door|Club|club|venue|in",
            "venue-door|Main entrance|venue||in",
        ),
        "sessions": table(
            "session|title|theme|room|starts|ends|who",
            f"keynote|Keynote||hall|{start}|{end}|everyone",
            f"panel|Panel||hall|{later}|{late}|delegate",
            f"talks|Talks||salon|{start}|{end}|delegate press",
            f"dinner|Dinner||club|{start}|{end}|invited",
        ),
        "people": table(
            "person|name|organisation|delegation|category|language",
            *(f"p{n}|Person {n}|Org {n % 7}|Land {n % 5}|{categories[n % 3]}|en" for n in range(1, people + 1)),
        ),
        "rights": table("session|person|may", "dinner|p1|yes", "dinner|p2|yes", "keynote|p3|no"),
    }


@dataclass(frozen=True)
class World:
    """A venue that was made: who has which badge, and the kiosks' enrolments by gate."""

    now: datetime
    enrolments: Mapping[str, Enrolment]
    tokens: Mapping[str, str]
    badge_ids: Mapping[str, int]
    keys: EventKeys


def make_world(
    connection: Connection,
    now: datetime,
    *,
    server: str = "http://127.0.0.1:1",
    people: int = 60,
    hall: int = 100,
    kiosks: Sequence[str] = GATES,
) -> World:
    """Makes event, venue, badges, a kiosk at each gate of ``kiosks`` (named k-GATE) and a user of each role."""
    new = NewEvent(7, "Test summit", ZONE, now.replace(minute=0, second=0, microsecond=0), show_names=True)
    event.start(connection, new, (os.urandom(32), os.urandom(32), os.urandom(32)))
    imports.run(connection, venue_files(now, people, hall), os.urandom)
    badges.issue(connection, badges.Selection(None, reprint=False), now, os.urandom)
    enrolments = {
        gate: devices.add_kiosk(connection, f"k-{gate}", gate, server, os.urandom(32), now) for gate in kiosks
    }
    add_users(connection)
    rows = connection.execute(
        select(schema.badge.c.serial, schema.badge.c.id, schema.person.c.ref).join(
            schema.person, schema.person.c.id == schema.badge.c.person
        )
    ).all()
    texts = {card.serial: card.text for card in badges.cards(connection, [row.serial for row in rows])}
    ring = event.keyring(connection, event.read(connection))
    public = {key.id: Ed25519PublicKey.from_public_bytes(key.public) for key in ring.keys}
    return World(
        now,
        enrolments,
        {row.ref: texts[row.serial] for row in rows},
        {row.ref: row.id for row in rows},
        EventKeys(ring.event, ring.epoch, public),
    )


@functools.cache
def _stored() -> str:
    """The password as it is stored, hashed once in each process: that takes long on purpose."""
    return users.hash_password(PASSWORD, os.urandom(16))


def add_users(connection: Connection) -> None:
    """A user of each role, who is called like it and has the password PASSWORD."""
    rows = [{"name": r.value, "password": _stored(), "role": r.value, "active": True} for r in Role]
    connection.execute(insert(schema.user), rows)


@dataclass
class PaperKiosk:
    """A kiosk in memory: account, chain and letters as the real one has them, without disk, camera or rules."""

    enrolment: Enrolment
    gate: str
    room: str
    incarnation: int = 1
    account: Account = field(default_factory=Account)
    full: bool = False
    seq: int = 0
    head: bytes = GENESIS
    unsent: list[bytes] = field(default_factory=list)
    have: int = 0
    era: int = 0
    hold: int = 0

    def pass_through(
        self, kind: Kind, badge: int, at: datetime, *, session: str = "keynote", room: str | None = None, why: str = ""
    ) -> int:
        """Appends a passage, spending a seat for an entry if there is one; its number.

        Without a seat the entry is in the log and not in the account: no kiosk reports seats that it never had.
        """
        passage = Passage(
            kind=kind,
            why=why,
            badge=badge,
            gate=self.gate,
            room=room or self.room,
            session=session,
            boot="boot",
            boot_ms=0,
            at=at,
        )
        if kind is Kind.ENTRY and self.account.balance >= 1:
            self.account = replace(self.account, entries=self.account.entries + 1)
        return self.append(encode(passage))

    def append(self, raw: bytes) -> int:
        """Appends these very bytes to the chain."""
        self.seq += 1
        self.head = chain(self.head, raw)
        self.unsent.append(raw)
        return self.seq

    def letter(
        self,
        *,
        lane: Lane = Lane.ASK,
        asking: int | None = None,
        cursors: Cursors | None = None,
        wait_ms: int = 0,
        report: bool = True,
    ) -> Exchange:
        """The message of this moment, with everything that was not acknowledged."""
        one = self.account
        counters = (one.era, one.granted, one.returned, one.entries, one.exits, one.forced)
        return Exchange(
            device=self.enrolment.device,
            incarnation=self.incarnation,
            boot="boot",
            boot_ms=1,
            lane=lane,
            reports=(Report(self.room, *counters, hold=self.hold),) if report else (),
            first_seq=self.have + 1,
            passages=tuple(self.unsent),
            head_seq=self.seq,
            head=self.head,
            era=max(self.era, one.era),
            presenting=None if asking is None else Presenting(1, asking, self.room),
            cursors=cursors,
            wait_ms=wait_ms,
        )

    def seal(self, letter: Exchange) -> tuple[bytes, dict[str, str]]:
        """Body and headers, signed with the kiosk's key."""
        body = wire.encode(letter)
        key = Ed25519PrivateKey.from_private_bytes(self.enrolment.seed)
        return body, {
            wire.DEVICE_HEADER: self.enrolment.device,
            wire.SIGNATURE_HEADER: wire.sign(wire.UP, body, key),
        }

    def hear(self, answer: Answer) -> None:
        """Takes the answer: grants, and what need not be sent again."""
        self.era = max(self.era, answer.era)
        for grant in answer.grants:
            given = seats.Grant(grant.era, grant.granted, answer.have_seq)
            self.account = seats.accept(self.account, given, self.seq)
            self.full = grant.full
            self.hold = max(self.hold, grant.hold)
        del self.unsent[: answer.have_seq - self.have]
        self.have = answer.have_seq


def utc_now() -> datetime:
    """The tests' clock, where a real one is wanted."""
    return datetime.now(UTC)


def serial(world: World, ref: str) -> Serial:
    """The serial of a person's first badge."""
    return serial_of(world.badge_ids[ref])
