"""The archive: the whole event in one SQLite file, without a secret, with everything that fits together."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, delete, insert, select, update

from admission.passage import GENESIS, Kind, chain
from server import acts, archive, doors, event, imports, programme, trail
from server.__main__ import main
from server.acts import Actor
from server.archive import TABLES
from server.archive.views import VIEWS
from server.config import Config
from server.doors import Doors
from server.exchange import Desk
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from server.trail import Who
from server.users import Role
from tests.conftest import DATABASES
from tests.world import PaperKiosk, World, make_world, table

Either = SqliteStore | PostgresStore
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def fill(connection: Connection) -> World:
    """Three people come, one is refused, one leaves; a badge nobody knows; an act; a step in the trail."""
    world = make_world(connection, NOW, people=5, kiosks=("hall-a", "hall-out"))
    names = table("person|name|organisation|category", "p1|José Álvarez|Ríos|press", "p2|王小明|水利部|press")
    imports.run(connection, {"people": names}, os.urandom)
    plan = programme.read(connection, event.read(connection))
    inwards, out = (PaperKiosk(world.enrolments[gate], gate, "hall") for gate in ("hall-a", "hall-out"))
    for minute, ref in enumerate(("p1", "p2", "p4")):
        inwards.pass_through(Kind.ENTRY, world.badge_ids[ref], NOW + minute * MINUTE)
    inwards.pass_through(Kind.REFUSED, world.badge_ids["p3"], NOW + 3 * MINUTE, why="not_listed")
    inwards.pass_through(Kind.ENTRY, 99 << 32 | 7, NOW + 4 * MINUTE, session="gone")
    Desk(connection, plan, NOW + 5 * MINUTE, inwards.gate).handle(inwards.letter(report=False))
    out.pass_through(Kind.EXIT, world.badge_ids["p1"], NOW + 30 * MINUTE)
    Desk(connection, plan, NOW + 31 * MINUTE, out.gate).handle(out.letter(report=False))
    acts.ask(connection, "hold", {"room": "hall"}, Actor("supervisor", Role.SUPERVISOR), "smoke", NOW)
    trail.note(connection, Who("admin", "10.1.2.3"), 1, "changed", "session", "keynote", {"title": "Keynote"})
    return world


@pytest.fixture(scope="module", params=DATABASES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """The archive of each kind of database, as a tool opens it."""
    folder = tmp_path_factory.mktemp("archive")
    url = f"sqlite:///{folder / 'threshold.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("cluster").new_database()
    migrate(url)
    store = open_store(url)
    store.write(fill)
    path = folder / "archive.db"
    assert archive.make(store, path, NOW) == 6
    store.close()
    with closing(sqlite3.connect(path)) as opened:
        opened.row_factory = sqlite3.Row
        yield opened


def rows(opened: sqlite3.Connection, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in opened.execute(sql)]


def secrets(store: Either) -> list[bytes]:
    """Whatever must not leave the database."""
    with store.read() as connection:
        one = connection.execute(select(schema.event)).mappings().one()
        found = [one["signing_seed"], one["cookie_secret"]]
        found += connection.execute(select(schema.badge_key.c.seed)).scalars()
        for column in (schema.badge.c.lookup, schema.badge.c.box):
            found += connection.execute(select(column)).scalars()
        found += [text.encode() for text in connection.execute(select(schema.user.c.password)).scalars()]
    return [bytes(secret) for secret in found]


def test_no_secret_of_the_database_is_in_the_file(sqlite_store: Either, tmp_path: Path) -> None:
    store = sqlite_store
    world = store.write(fill)
    archive.make(store, tmp_path / "archive.db", NOW)
    content = (tmp_path / "archive.db").read_bytes()
    hidden = [*secrets(store), *(token.encode() for token in world.tokens.values()), b"10.1.2.3"]
    assert len(hidden) > 15
    assert [secret for secret in hidden if secret in content or secret.hex().encode() in content] == []
    assert (tmp_path / "archive.db").stat().st_mode & 0o077 == 0


def test_the_chain_of_each_kiosk_can_be_proven_from_the_file_alone(made: sqlite3.Connection) -> None:
    heads: dict[tuple[str, int], bytes] = {}
    links = rows(made, "SELECT kiosk, store, sequence, hash, raw FROM passages ORDER BY kiosk, store, sequence")
    for kiosk, store, number, link, raw in links:
        before = heads.get((kiosk, store), GENESIS)
        assert chain(before, raw) == link, (kiosk, number)
        heads[kiosk, store] = link
    assert len(links) == 6
    assert len(heads) == 2


def test_everything_refers_to_something_also_what_the_programme_has_lost(made: sqlite3.Connection) -> None:
    assert rows(made, "PRAGMA foreign_key_check") == []
    assert rows(made, "PRAGMA integrity_check") == [("ok",)]
    assert rows(made, "SELECT title FROM sessions WHERE session = 'gone'") == [("gone (no longer in the programme)",)]
    keys = {row["table"] for row in made.execute("PRAGMA foreign_key_list(passages)")}
    assert keys == {"people", "sessions", "gates", "rooms", "kiosks"}
    assert rows(made, "PRAGMA user_version") == [(1,)]
    assert rows(made, "PRAGMA application_id") == [(0x54485253,)]


def test_it_says_where_people_were_sent_and_what_the_doors_spoke(sqlite_store: Either, tmp_path: Path) -> None:
    def choose(connection: Connection) -> bool:
        fill(connection)
        connection.execute(update(schema.room).where(schema.room.c.id == "hall").values(overflow="salon"))
        said = Doors(names=False, languages=("fr", "ar"))
        return doors.change(connection, said, doors.read(connection).mark, Who("organiser"), NOW)

    assert sqlite_store.write(choose)
    archive.make(sqlite_store, tmp_path / "archive.db", NOW)
    with closing(sqlite3.connect(tmp_path / "archive.db")) as opened:
        opened.row_factory = sqlite3.Row
        assert rows(opened, "SELECT overflow FROM rooms WHERE room = 'hall'") == [("salon",)]
        assert rows(opened, "SELECT show_names, languages FROM event") == [(0, "fr ar")]


def test_instants_are_the_venue_s_and_say_so(made: sqlite3.Connection) -> None:
    at, ms = rows(made, "SELECT at, at_ms FROM passages WHERE passage = 1")[0]
    assert at == "2026-11-23T17:30:00.000+05:30"
    assert datetime.fromisoformat(at).timestamp() * 1000 == ms


def test_people_and_passages_are_found_by_words_of_their_names(made: sqlite3.Connection) -> None:
    found = "SELECT person FROM people WHERE rowid IN (SELECT rowid FROM people_fts WHERE people_fts MATCH '{}')"
    assert rows(made, found.format("jose alv*")) == [("p1",)]
    assert rows(made, found.format("王小明")) == [("p2",)]
    passages = "SELECT kind FROM passages WHERE rowid IN (SELECT rowid FROM passages_fts WHERE passages_fts MATCH '{}')"
    assert rows(made, passages.format("alvarez")) == [("entry",), ("exit",)]


def test_every_table_view_and_column_is_described_also_for_datasette(made: sqlite3.Connection) -> None:
    told = {(row["table"], row["column"]) for row in made.execute("SELECT * FROM about WHERE about <> ''")}
    read = json.loads(rows(made, "SELECT value FROM metadata WHERE key = 'metadata.json'")[0][0])
    names = {row[0] for row in rows(made, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    names = {name for name in names if "_fts" not in name and not name.startswith("sqlite_")}
    assert names == {table.name for table in TABLES} | set(VIEWS) | {"about", "metadata"}
    assert names <= {table for table, _column in told}
    assert set(read["databases"]["archive"]["tables"]) == names - {"about", "metadata"}
    for one in TABLES:
        columns = [row["name"] for row in made.execute(f"PRAGMA table_info({one.name})")]
        assert columns == list(one.columns)
        assert {(one.name, column) for column in columns} <= told
    for name, view in VIEWS.items():
        assert set(view.columns) <= {row["name"] for row in made.execute(f"PRAGMA table_info({name})")}


def test_the_views_answer_what_is_asked_first(made: sqlite3.Connection) -> None:
    keynote = "SELECT came, minutes_on_average, refused FROM attendance_per_session WHERE session = 'keynote'"
    assert rows(made, keynote) == [(3, 30.0, 1)]
    assert rows(made, "SELECT listed, listed_and_absent FROM attendance_per_session WHERE session = 'dinner'") == [
        (2, 2)
    ]
    inside = rows(made, "SELECT person FROM inside_now WHERE room = 'hall'")
    assert sorted(inside, key=str) == [("p2",), ("p4",), (None,)]
    assert rows(made, "SELECT day, entries, exits, sessions FROM person_day WHERE person = 'p1'") == [
        ("2026-11-23", 1, 1, 1)
    ]
    assert rows(made, "SELECT reason, room, refusals FROM refusals_by_reason") == [("not_listed", "hall", 1)]
    assert [row[0] for row in rows(made, "SELECT inside FROM occupancy_over_time WHERE room = 'hall'")] == [
        1,
        2,
        3,
        4,
        3,
    ]


def test_what_was_cut_or_erased_is_not_in_it(sqlite_store: Either, tmp_path: Path) -> None:
    store = sqlite_store

    def erase(connection: Connection) -> None:
        mine = select(schema.person.c.id).where(schema.person.c.ref == "p4").scalar_subquery()
        connection.execute(update(schema.passage).where(schema.passage.c.person == mine).values(person=None))
        connection.execute(update(schema.badge).where(schema.badge.c.person == mine).values(person=None))
        connection.execute(delete(schema.listing).where(schema.listing.c.person == mine))
        connection.execute(delete(schema.person).where(schema.person.c.ref == "p4"))

    store.write(fill)
    store.write(erase)
    archive.make(store, tmp_path / "archive.db", NOW)
    assert b"Person 4" not in (tmp_path / "archive.db").read_bytes()
    with closing(sqlite3.connect(tmp_path / "archive.db")) as opened:
        assert rows(opened, "SELECT count(*) FROM passages WHERE person IS NULL") == [(2,)]
        assert rows(opened, "PRAGMA foreign_key_check") == []


def test_it_is_one_moment_s_picture_and_nobody_waits_for_it(store: Either, tmp_path: Path) -> None:
    store.write(fill)

    def meanwhile(_rows: int, _total: int) -> None:
        row = {"session": "keynote", "delegation": f"land {len(written)}", "most": 1}
        store.write(lambda connection: connection.execute(insert(schema.quota).values(**row)))
        written.append(row)

    written: list[dict[str, object]] = []
    archive.make(store, tmp_path / "archive.db", NOW, meanwhile)
    assert written
    with closing(sqlite3.connect(tmp_path / "archive.db")) as opened:
        assert rows(opened, "SELECT count(*) FROM quotas") == [(0,)]


def test_the_command_writes_the_same_file_and_never_over_another_one(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    sqlite_store.write(fill)
    out = tmp_path / "event.db"
    run = CliRunner().invoke(main, ["--data", str(tmp_path), "archive", str(out)], obj=Config())
    assert (run.exit_code, "6 passages" in run.output) == (0, True), run.output
    with closing(sqlite3.connect(out)) as opened:
        assert rows(opened, "SELECT count(*) FROM passages") == [(6,)]
    content = out.read_bytes()
    run = CliRunner().invoke(main, ["--data", str(tmp_path), "archive", str(out)], obj=Config())
    assert run.exit_code == 1
    assert "is there already" in run.output
    assert out.read_bytes() == content
    assert not list(tmp_path.glob("*.part"))
