"""A day in every kind of room for the audit to look at, and what it says of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from admission import seats
from admission.passage import Kind, Passage, encode
from admission.venue import Exits
from server import audit
from server.audit import Audit
from server.proofs.evidence import Verdict
from server.store.engine import migrate, open_store
from server.store.schema import passage
from tests.server.desk import Server, badge_of
from tests.world import PaperKiosk, World, make_world, utc_now

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def blank_event(folder: Path) -> tuple[Path, World]:
    """A database in which nothing has happened yet."""
    path = folder / "blank.db"
    migrate(f"sqlite:///{path}")
    store = open_store(f"sqlite:///{path}")
    world = store.write(lambda connection: make_world(connection, utc_now()))
    store.close()
    return path, world


def opened(blank: tuple[Path, World], folder: Path) -> Iterator[Server]:
    """The exchange on a copy of a blank database: quicker than a new one."""
    path = folder / "threshold.db"
    shutil.copy(blank[0], path)
    store = open_store(f"sqlite:///{path}")
    yield Server(store, blank[1])
    store.close()


def audited(server: Server) -> Audit:
    with server.store.read() as connection:
        return audit.run(connection, server.now)


def wrongs(server: Server) -> str:
    """All that is wrong, in words."""
    found = [one for check in audited(server).checks for one in check.findings if one.verdict is Verdict.WRONG]
    return "\n".join(one.text for one in found)


def report(server: Server) -> str:
    """What is printed."""
    return "\n".join(audit.report(audited(server)))


def notes(server: Server) -> str:
    found = [one for check in audited(server).checks for one in check.findings if one.verdict is Verdict.NOTE]
    return "\n".join(one.text for one in found)


def change(server: Server, *statements: Any) -> None:
    def work(connection: Connection) -> None:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0

    server.store.write(work)


def enter(server: Server, door: PaperKiosk, person: int) -> None:
    """Somebody comes in at the next second, by a seat that the kiosk holds."""
    server.now += SECOND
    assert door.account.balance > 0
    door.pass_through(Kind.ENTRY, badge_of(server, person), server.now)


def leave(server: Server, door: PaperKiosk, person: int) -> None:
    server.now += SECOND
    door.pass_through(Kind.EXIT, badge_of(server, person), server.now)


def write(server: Server, door: PaperKiosk, kind: Kind, **facts: Any) -> int:
    """Any other passage."""
    server.now += SECOND
    said: dict[str, Any] = {"badge": 0, "gate": door.gate, "room": door.room, "at": server.now}
    said |= {"boot": "boot", "boot_ms": 0}
    return door.append(encode(Passage(kind=kind, **said | facts)))


def day(server: Server) -> dict[str, PaperKiosk]:
    """A day in every kind of room: entries, exits, a forced entry, an annulment, refusals, bytes of no kiosk's."""
    gates = ("hall-a", "hall-b", "hall-out", "salon-door", "club-door", "venue-door")
    doors = {gate: server.kiosk(gate) for gate in gates}
    for door in doors.values():
        server.exchange(door)
    hall, out, salon, club = doors["hall-a"], doors["hall-out"], doors["salon-door"], doors["club-door"]
    for person in range(1, 9):
        enter(server, hall, person)
    for person in (1, 2):
        leave(server, out, person)
        out.account = seats.let_out(out.account, Exits.TRUSTED)
    for person in (20, 21, 22):
        enter(server, salon, person)
    leave(server, salon, 20)
    enter(server, salon, 23)
    write(server, salon, Kind.ANNULLED, of=salon.seq, badge=badge_of(server, 23))
    enter(server, club, 30)
    write(server, hall, Kind.REFUSED, badge=badge_of(server, 40), why="full", count=3)
    write(server, hall, Kind.FORCED, badge=badge_of(server, 41), why="vip", by=badge_of(server, 50))
    hall.account = seats.force(hall.account)
    hall.append(b"\xc1 no passage")
    enter(server, hall, 9)
    for door in doors.values():
        server.exchange(door)
    return doors


def of(door: str, seq: int) -> Any:
    return (passage.c.device == f"k-{door}") & (passage.c.seq == seq)
