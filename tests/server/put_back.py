"""A database that was in use, and an older backup of it, for tests that put the one in the place of the other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner, Result
from sqlalchemy import select

from admission.passage import Kind
from server import backup, recovery
from server.__main__ import main
from server.store.engine import PostgresStore, SqliteStore, transaction
from server.store.schema import event
from tests.server.desk import Server, badge_of
from tests.world import World, utc_now

Either = SqliteStore | PostgresStore
NOW = utc_now().replace(microsecond=0)


@dataclass
class Place:
    """A database with five passages, closed; a backup of it with two; ``path`` is where it lies."""

    path: Path
    copy: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def passages(self) -> int:
        with transaction(self.url) as connection:
            return int(connection.exec_driver_sql("SELECT COUNT(*) FROM passage").scalar_one())

    def era(self) -> int:
        with transaction(self.url) as connection:
            return int(connection.execute(select(event.c.era)).scalar_one())

    def restored(self, file: Path | None = None, minutes: int = 10) -> recovery.Restored:
        return recovery.put_back(self.path, file or self.copy, lambda: NOW + timedelta(minutes=minutes))


def make_place(store: Either, world: World, folder: Path) -> Place:
    """Out of the small venue's database in the folder. Closes the store."""
    server = Server(store, world)
    kiosk = server.kiosk("hall-a")
    server.exchange(kiosk)
    where = folder / "backups"
    where.mkdir()
    found = Place(folder / "threshold.db", Path())
    for number in range(1, 6):
        kiosk.pass_through(Kind.ENTRY, badge_of(server, number), server.now)
        server.exchange(kiosk)
        if number == 2:
            found.copy = backup.make(found.path, where, lambda: NOW).backup.path
    store.close()
    return found


def run(place: Place, *words: str) -> Result:
    return CliRunner().invoke(main, ["--data", str(place.path.parent), *words])


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}


def aside(place: Place) -> list[Path]:
    return sorted((place.path.parent / backup.ASIDE).glob("*"))


def leftovers(place: Place) -> list[str]:
    known = {"threshold.db", "threshold.db.turn", "threshold.db.serving", "backups", backup.ASIDE}
    return sorted(
        {path.name for path in place.path.parent.iterdir()} - known - {"threshold.db-wal", "threshold.db-shm"}
    )
