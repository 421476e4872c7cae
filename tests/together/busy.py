"""A hall with many doors, and a server over it: what eight kiosks at one room need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from server import devices, imports
from server.store.engine import migrate, transaction
from tests.together.conftest import Process, Site, free_port
from tests.world import World, make_world, table, utc_now

ROOM = "arena"


@dataclass(frozen=True)
class Arena:
    """The hall: gates g1, g2 ... lead in, out1, out2 ... lead out. Everybody may come to its session."""

    limit: int = 500
    people: int = 200
    gates: int = 8
    outs: int = 1
    exits: str = "trusted"

    @property
    def doors(self) -> tuple[str, ...]:
        """The gates that lead in."""
        return tuple(f"g{number}" for number in range(1, self.gates + 1))

    @property
    def ways_out(self) -> tuple[str, ...]:
        """The gates that lead out."""
        return tuple(f"out{number}" for number in range(1, self.outs + 1))

    def files(self, now: datetime) -> dict[str, bytes]:
        """The room (no reserve), its gates and its session, to be imported after the small venue."""
        start, end = (now - timedelta(hours=1)).isoformat(), (now + timedelta(hours=2)).isoformat()
        ways = [(gate, "in") for gate in self.doors] + [(gate, "out") for gate in self.ways_out]
        return {
            "rooms": table("room|name|inside|limit|reserve|exits", f"{ROOM}|Arena|venue|{self.limit}|0|{self.exits}"),
            "gates": table(
                "gate|name|room|from|direction", *(f"{gate}|{gate}|{ROOM}|venue|{way}" for gate, way in ways)
            ),
            "sessions": table(
                "session|title|theme|room|starts|ends|who", f"opening|Opening||{ROOM}|{start}|{end}|everyone"
            ),
        }


def make_arena(connection: Connection, now: datetime, arena: Arena, server: str) -> World:
    """The small venue without kiosks, the arena in it, and a kiosk (named k-GATE) at each of the arena's gates."""
    world = make_world(connection, now, server=server, people=arena.people, kiosks=())
    imports.run(connection, arena.files(now), os.urandom)
    gates = (*arena.doors, *arena.ways_out)
    enrolments = {gate: devices.add_kiosk(connection, f"k-{gate}", gate, server, os.urandom(32), now) for gate in gates}
    return replace(world, enrolments=enrolments)


@contextmanager
def busy_site(folder: Path, arena: Arena) -> Iterator[Site]:
    """A server over the arena that runs; it ends with the block, however it was treated meanwhile."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    url = f"sqlite:///{folder / 'server' / 'threshold.db'}"
    migrate(url)
    with transaction(url) as connection:
        world = make_arena(connection, utc_now(), arena, address)
    settings = folder / "server.toml"
    settings.write_text(f'data = "{folder / "server"}"\nbind = "127.0.0.1:{port}"\n')
    server = Process(["-m", "server", "--config", str(settings), "run"], folder / "server.log")
    site = Site(folder, world, url, server, address)
    site.start_server()
    try:
        yield site
    finally:
        server.end()
