"""A summit in full swing: 1,200 people, 42 sessions, a kiosk at each of 19 gates, and a morning of passages.

Everything came in through the exchange, so that counts, chains, stays and incidents are what they would be. To look at
the consoles: ``python -m tests.busy --port 8090`` serves it with a user of each role (password: tests.world.PASSWORD)
and keeps the kiosks moving; ``--passages 1000000`` adds rows until the log has so many, ``--data`` keeps the database.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from sqlalchemy import Connection, select, text

from admission.health import Health, StageHealth
from admission.passage import Kind
from admission.venue import Direction, Exits, Programme, Session
from admission.wire import Cursors, Enrolment
from server import badges, devices, event, health, imports, programme, summit
from server.event import NewEvent
from server.exchange import Desk
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from server.users import Role
from tests.world import PASSWORD, PaperKiosk, add_users, utc_now

ZONE = "Europe/Paris"
SINCE_OPENING = timedelta(minutes=124)
MINUTE = timedelta(minutes=1)
Either = SqliteStore | PostgresStore


@dataclass(frozen=True)
class Guest:
    """Somebody with a badge."""

    badge: int
    category: int
    zones: int


@dataclass(frozen=True)
class Step:
    """Somebody at a gate."""

    at: datetime
    gate: str
    kind: Kind
    badge: int
    session: str
    why: str = ""


class Busy:
    """The venue on a store, and its kiosks. ``catch_up`` lets happen what has not happened yet until an instant."""

    def __init__(self, store: Either, now: datetime, seed: int = 1) -> None:
        self.store, self.dice = store, random.Random(seed)
        opening = (now - SINCE_OPENING).replace(second=0, microsecond=0)
        self.enrolments = store.write(lambda connection: _make(connection, opening, seed))
        with store.read() as connection:
            self.programme: Programme = programme.read(connection, event.read(connection))
            self.guests, self.lists = _guests(connection), _lists(connection)
        self.kiosks: dict[str, PaperKiosk] = {
            gate.id: PaperKiosk(self.enrolments[gate.id], gate.id, gate.room) for gate in self.programme.gates
        }
        self._steps = sorted(self._day(), key=lambda step: step.at)
        self._inside: dict[str, set[int]] = defaultdict(set)
        self.catch_up(now)

    def catch_up(self, now: datetime) -> int:
        """Everything until ``now``, a minute at a time; how many passages there were."""
        with self.store.read() as connection:  # the kiosks in reach have heard of every change
            self.programme = programme.read(connection, event.read(connection))
        done = 0
        while self._steps and self._steps[0].at <= now:
            until = self._steps[0].at + MINUTE
            part = [step for step in self._steps[:400] if step.at < until and step.at <= now]
            del self._steps[: len(part)]
            self._minute(part)
            done += len(part)
        for gate, kiosk in self.kiosks.items():
            if gate != "press-studio":  # one kiosk is silent
                self._speak(kiosk, now)
        return done

    def _minute(self, steps: list[Step]) -> None:
        theirs: dict[str, list[Step]] = defaultdict(list)
        for step in steps:
            theirs[step.gate].append(step)
        for gate, mine in theirs.items():
            kiosk = self.kiosks[gate]
            self._speak(kiosk, mine[0].at)
            for step in mine:
                self._pass(kiosk, step)
            self._speak(kiosk, mine[-1].at)

    def _pass(self, kiosk: PaperKiosk, step: Step) -> None:
        room = self.programme.room(kiosk.room)
        assert room is not None
        inside = self._inside[room.id]
        if step.kind is Kind.EXIT and step.badge not in inside:
            return
        if step.kind is Kind.ENTRY and room.limit is not None and kiosk.account.balance < 1:
            self._speak(kiosk, step.at)
        if step.kind is Kind.ENTRY and room.limit is not None and kiosk.account.balance < 1:
            step = replace(step, kind=Kind.REFUSED, why="full" if kiosk.full else "no_seats")
        if step.kind is Kind.ENTRY:
            inside.add(step.badge)
        if step.kind is Kind.EXIT:
            inside.discard(step.badge)
            if room.exits is Exits.TRUSTED:
                kiosk.account = replace(kiosk.account, exits=kiosk.account.exits + 1)
        kiosk.pass_through(step.kind, step.badge, step.at, session=step.session, why=step.why)

    def _speak(self, kiosk: PaperKiosk, now: datetime) -> None:
        letter = kiosk.letter(cursors=Cursors(programme=self.programme.version))
        outcome = self.store.write(lambda c: Desk(c, self.programme, now, kiosk.gate).handle(letter))
        for grant in outcome.grants:
            granted = max(kiosk.account.granted, grant.granted)
            kiosk.account = replace(kiosk.account, era=grant.era, granted=granted)
            kiosk.full = grant.full
        kiosk.era = max(kiosk.era, outcome.era)
        del kiosk.unsent[: outcome.have_seq - kiosk.have]
        kiosk.have = outcome.have_seq

    def _day(self) -> Iterator[Step]:
        busy: dict[int, datetime] = {}
        for session in sorted(self.programme.sessions, key=lambda one: one.starts):
            yield from self._attendance(session, busy)

    def _attendance(self, session: Session, busy: dict[int, datetime]) -> Iterator[Step]:
        ins = [g.id for g in self.programme.gates if g.room == session.room and g.direction is not Direction.OUT]
        outs = [g.id for g in self.programme.gates if g.room == session.room and g.direction is not Direction.IN]
        room = self.programme.room(session.room)
        assert room is not None
        most = min(x for x in (session.capacity, room.limit, 1100) if x is not None)
        able = [
            one
            for one in self.guests
            if self._may(one, session) and busy.get(one.badge, session.doors_open) <= session.starts
        ]
        self.dice.shuffle(able)
        for one in able[: int(most * self.dice.uniform(0.55, 1.04))]:
            early = timedelta(minutes=min(28, max(-12, self.dice.gauss(9, 8))))
            came = max(session.starts - early, busy.get(one.badge, session.doors_open), session.doors_open)
            gate = self.dice.choices(ins, [1 / (n + 1) for n in range(len(ins))])[0]
            yield Step(came, gate, Kind.ENTRY, one.badge, session.id)
            left = session.ends + timedelta(minutes=self.dice.uniform(-9, 6))
            busy[one.badge] = max(left, came) + 2 * MINUTE
            if outs:
                yield Step(max(left, came + MINUTE), self.dice.choice(outs), Kind.EXIT, one.badge, session.id)
        for one in self.dice.sample(self.guests, max(1, most // 60)):
            why = self.dice.choice(["not_listed", "not_listed", "doors_closed", "inside_already", "revoked"])
            yield Step(
                session.starts + self.dice.uniform(-8, 9) * MINUTE, ins[0], Kind.REFUSED, one.badge, session.id, why
            )

    def _may(self, guest: Guest, session: Session) -> bool:
        listed = self.lists.get((session.id, guest.badge))
        if listed is not None or session.invited:
            return bool(listed)
        return bool(session.categories >> guest.category & 1) and guest.zones & session.zones == session.zones


def _make(connection: Connection, opening: datetime, seed: int) -> dict[str, Enrolment]:
    epoch = opening - timedelta(hours=2)
    new = NewEvent(7, "International AI Summit", ZONE, epoch.replace(minute=0), show_names=True, languages=("en", "fr"))
    event.start(connection, new, (os.urandom(32), os.urandom(32), os.urandom(32)))
    with tempfile.TemporaryDirectory() as folder:
        summit.write_csv(summit.make_summit(seed, opening.astimezone(event.zone_of(ZONE))), Path(folder))
        imports.run(connection, imports.read_folder(Path(folder)), os.urandom)
    badges.issue(connection, badges.Selection(None, reprint=False), epoch, os.urandom)
    add_users(connection)
    gates = connection.execute(select(schema.gate.c.id).order_by(schema.gate.c.id)).scalars().all()
    made = {g: devices.add_kiosk(connection, f"k-{g}", g, "http://127.0.0.1:1", os.urandom(32), epoch) for g in gates}
    dice = random.Random(seed)
    for gate in gates[:-2]:
        health.keep(connection, f"k-{gate}", _health(dice), opening + SINCE_OPENING)
    return made


def _health(dice: random.Random) -> Health:
    frames = dice.randint(500, 900)
    return Health(
        seconds=60,
        frames=frames,
        looked=frames // 3,
        stages=(
            StageHealth(name="fast", runs=frames // 3, ms=frames * 2.1, needed=40),
            StageHealth(name="whole", runs=12, ms=700, needed=2),
        ),
        presentations=dice.randint(5, 60),
        first_read_ms_median=dice.uniform(30, 80),
        first_read_ms_p95=dice.uniform(90, 300),
        advice=(("closer", 3), ("still", 1)),
        sharpness=dice.uniform(0.2, 0.9),
        light=dice.uniform(60, 190),
        camera="",
        reopened=0,
        version="0.1.0",
        temperature_c=round(dice.uniform(48, 79), 1),
        disk_free_mb=dice.choice([310, 9_800, 22_400, 22_400, 51_000]),
        clock_uncertainty_ms=dice.choice([4, 9, 14, 31, 7200]),
        uptime_s=dice.randint(3600, 40_000),
        undervolted=False,
    )


def _guests(connection: Connection) -> list[Guest]:
    rows = connection.execute(select(schema.badge.c.id, schema.badge.c.category, schema.badge.c.zones))
    return [Guest(row.id, row.category, row.zones) for row in rows]


def _lists(connection: Connection) -> dict[tuple[str, int], bool]:
    query = select(schema.listing.c.session, schema.badge.c.id, schema.listing.c.may)
    rows = connection.execute(query.join(schema.badge, schema.badge.c.person == schema.listing.c.person))
    return {(row.session, row.id): row.may for row in rows}


COPIES = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :times)
    INSERT INTO passage (device, incarnation, seq, kind, why, badge, person, gate, room, session, at, uncertainty_ms,
                         received, "count", flags, "of", "by", verdict, hash, raw)
    SELECT device, -n.i, seq, kind, why, badge, person, gate, room, session, at - 1000 * n.i, uncertainty_ms,
           received, "count", flags, "of", "by", verdict, hash, raw FROM passage, n
"""


def fill(store: Either, rows: int) -> int:
    """Copies the log's rows, each a second earlier than the last, until there are about so many; how many there are.

    For what takes long on many rows only: the copies open no stays and belong to no chain.
    """

    def work(connection: Connection) -> int:
        have = connection.execute(text("SELECT count(*) FROM passage")).scalar_one()
        if have < rows:
            connection.execute(text(COPIES), {"times": -(-rows // have) - 1})
        return int(connection.execute(text("SELECT count(*) FROM passage")).scalar_one())

    return store.write(work)


@click.command()
@click.option("--port", type=int, default=8090, show_default=True)
@click.option(
    "--data", type=click.Path(path_type=Path), help="a folder to keep the database in, or one that has it already"
)
@click.option("--passages", type=int, default=0, help="fill the log up to so many rows")
@click.option("--still", is_flag=True, help="let nothing more happen")
def main(port: int, data: Path | None, passages: int, *, still: bool) -> None:
    """Serve a summit in full swing on 127.0.0.1."""
    from server.web import create_app

    folder = data or Path(tempfile.mkdtemp(prefix="threshold-busy-"))
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    began = time.monotonic()
    with store.read() as connection:
        known = connection.execute(select(schema.event.c.id)).first() is not None
    venue = None if known else Busy(store, utc_now())
    print(f"ready in {time.monotonic() - began:.1f} s; {fill(store, passages)} passages in {folder}", flush=True)
    app = create_app(store, utc_now)
    if venue is not None and not still:
        threading.Thread(target=_go_on, args=(venue, app), daemon=True).start()
    click.echo(f"http://127.0.0.1:{port}/  users: {', '.join(Role)}; password: {PASSWORD}")
    app.run("127.0.0.1", port, threaded=True)


def _go_on(venue: Busy, app: object) -> None:
    hub = app.extensions["threshold"].hub  # type: ignore[attr-defined]
    while True:
        venue.catch_up(datetime.now(UTC))
        hub.tell("rooms")
        time.sleep(2)


if __name__ == "__main__":
    main()
