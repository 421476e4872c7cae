"""The exchange's use case on a store, as tests use it: kiosks that speak, and what was left in the tables."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from admission.wire import Exchange
from server import event, occupancy, programme
from server.exchange import Desk, Outcome
from server.store.engine import PostgresStore, SqliteStore
from tests.world import PaperKiosk, World

Either = SqliteStore | PostgresStore


class Server:
    """The exchange's use case on a store, and what it left in the tables."""

    def __init__(self, store: Either, world: World) -> None:
        self.store, self.world, self.now = store, world, world.now
        with store.read() as connection:
            now = event.read(connection)
            self.era, self.programme = now.era, programme.read(connection, now)

    def kiosk(self, gate: str) -> PaperKiosk:
        """A kiosk at a gate."""
        facts = self.programme.gate(gate)
        assert facts is not None
        return PaperKiosk(self.world.enrolments[gate], gate, facts.room)

    def take(self, message: Exchange) -> Outcome:
        """Handles a message in a transaction of its own."""
        return self.store.write(
            lambda c: Desk(c, self.programme, self.now, message.device.removeprefix("k-")).handle(message)
        )

    def exchange(self, kiosk: PaperKiosk, asking: int | None = None) -> Outcome:
        """Sends what the kiosk has to say and lets it hear the answer."""
        outcome = self.take(kiosk.letter(asking=asking))
        one = outcome
        kiosk.era = max(kiosk.era, outcome.era)
        for grant in one.grants:
            era = grant.era
            kiosk.account = replace(kiosk.account, era=era, granted=max(kiosk.account.granted, grant.granted))
            kiosk.full = grant.full
            kiosk.hold = max(kiosk.hold, grant.hold)
        del kiosk.unsent[: one.have_seq - kiosk.have]
        kiosk.have = one.have_seq
        return outcome

    def rows(self, table: object) -> list[dict[str, object]]:
        """A table's rows in order."""
        with self.store.read() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]  # type: ignore[call-overload]

    def inside(self) -> dict[str, int]:
        """Bodies inside each room."""
        with self.store.read() as connection:
            return occupancy.inside(connection)


def badge_of(server: Server, number: int) -> int:
    return server.world.badge_ids[f"p{number}"]


def verdicts(outcome: Outcome) -> list[str]:
    return [verdict for _, verdict in outcome.verdicts]
