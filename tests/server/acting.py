"""How tests of acts ask and confirm, and what they read off the tables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from admission.passage import Kind
from server import acts, deeds
from server.acts import Act, Actor, State
from server.store import schema
from server.users import Role
from tests.server.desk import Server, badge_of
from tests.world import PaperKiosk

SUPERVISOR = Actor("supervisor", Role.SUPERVISOR)
ADMIN = Actor("admin", Role.ADMIN)
STEWARD = Actor("steward", Role.STEWARD)


def ask(server: Server, kind: str, who: Actor = SUPERVISOR, reason: str = "because", **asked: Any) -> Act:
    return server.store.write(lambda c: acts.ask(c, kind, asked, who, reason, server.now))


def confirm(server: Server, one: Act, who: Actor = ADMIN) -> Act:
    return server.store.write(lambda c: acts.confirm(c, one.id, who, server.now))


def agreed(server: Server, kind: str, **asked: Any) -> Act:
    """Asked for by one and confirmed by another."""
    one = ask(server, kind, **asked)
    assert one.state is State.WAITING
    return confirm(server, one)


def book(server: Server, room: str = "hall") -> dict[str, Any]:
    return next(row for row in server.rows(schema.book) if row["room"] == room)


def state_of(server: Server, device: str) -> set[object]:
    return {row["state"] for row in server.rows(schema.account) if row["device"] == device}


def free(server: Server, room: str = "hall") -> int:
    """The seats that may still be granted, by the tables."""

    def look(connection: Connection) -> int:
        _, one = deeds.book_of(connection, room, server.now)
        held = connection.execute(select(schema.account).where(schema.account.c.room == room)).all()
        return one.after(sum(a.granted - a.returned for a in held), sum(a.forced for a in held))

    return server.store.write(look)


def admit(server: Server, kiosk: PaperKiosk, *people: int, room: str | None = None) -> None:
    """These people enter, and the server hears of it."""
    for number in people:
        kiosk.pass_through(Kind.ENTRY, badge_of(server, number), server.now, room=room)
    server.exchange(kiosk)


def filled(server: Server, gate: str = "hall-a", people: int = 10) -> PaperKiosk:
    """A kiosk that has seats and has let people in."""
    kiosk = server.kiosk(gate)
    server.exchange(kiosk)
    admit(server, kiosk, *range(1, people + 1))
    return kiosk
