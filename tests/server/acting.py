"""How tests of acts ask and confirm, and what they read off the tables."""

from __future__ import annotations

from typing import Any

import click
from click.testing import CliRunner
from sqlalchemy import Connection, select

from admission.errors import ThresholdError
from admission.passage import Kind
from server import acts, asked, supervision
from server.acts import Act, Actor, State
from server.config import Config
from server.store import schema
from server.store.engine import PostgresStore
from server.users import Role
from tests.server.desk import Server, badge_of
from tests.world import PASSWORD, PaperKiosk

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
        _, one = asked.book_of(connection, room, server.now)
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


def run(server: Server, *words: str, who: str = "", password: str = PASSWORD) -> tuple[int, str]:
    """Runs a command of the server's beside it, in the name of ``who``; its status and what it said."""
    url = server.store.plain_url if isinstance(server.store, PostgresStore) else f"sqlite:///{server.store.path}"

    @click.group()
    @click.pass_context
    def main(context: click.Context) -> None:
        context.obj = Config(database=url)

    supervision.register(main, lambda: server.now)
    by = ["--by", who, "--password-stdin"] if who else []
    result = CliRunner().invoke(main, [*words, *by], input=f"{password}\n")
    if isinstance(result.exception, Exception) and not isinstance(result.exception, ThresholdError):
        raise result.exception
    trouble = f"{result.exception}" if result.exception is not None else ""
    return result.exit_code, result.output + trouble
