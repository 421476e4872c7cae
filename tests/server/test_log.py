"""The log as organisers use it: newest first, filtered, searched, turned page by page, taken home as CSV."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, insert, select

from admission.passage import Kind
from server import event, imports, log, programme
from server.exchange import Desk
from server.log import HEADER, PAGE, BadFilter, Filters, parse_filters
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from server.store.instants import to_ms
from tests.conftest import DATABASES
from tests.world import PaperKiosk, make_world, table

Either = SqliteStore | PostgresStore
ZONE = ZoneInfo("Asia/Kolkata")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOBODY = 99 << 32 | 7
PEOPLE = (
    ("p1", "José Álvarez", "Ríos Vivos", "Chile"),
    ("p2", "王小明", "水利部", "中国"),
    ("p3", "محمد الأحمدي", "Wadi", "Egypt"),
    ("p4", "100% Sure_Thing", "Hundred", "Ruritania"),
    ("p5", "=cmd|'/C calc'!A0", "@SUM(1)", "+49"),
    ("p6", "1000 SureXThing", "Rios", "-1+1"),
)
GATES = {"hall-a": "hall", "hall-out": "hall", "salon-door": "salon"}
SESSIONS = {"hall": "keynote", "salon": "talks"}
ROWS = 2 * PAGE + 54


@pytest.fixture(scope="module", params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Either]:
    """A log that these tests only read."""
    url = f"sqlite:///{tmp_path_factory.mktemp('log') / 'threshold.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("cluster").new_database()
    migrate(url)
    opened = open_store(url)
    opened.write(_fill)
    yield opened
    opened.close()


def _fill(connection: Connection) -> None:
    """254 passages, one a minute from noon on, that kiosks sent: entries, exits, refusals, of six people and nobody."""
    world = make_world(connection, NOON, people=6, kiosks=tuple(GATES))
    lines = [f"{'|'.join(map(quoted, facts))}|press" for facts in PEOPLE]
    columns = "person,name,organisation,delegation,category"
    imports.run(connection, {"people": "\n".join([columns, *lines]).replace("\x1f", ",").encode()}, os.urandom)
    kiosks = {gate: PaperKiosk(world.enrolments[gate], gate, room) for gate, room in GATES.items()}
    venue = event.read(connection)
    plan = programme.read(connection, venue)
    badges = [*(world.badge_ids[facts[0]] for facts in PEOPLE), NOBODY]
    for minute in range(ROWS):
        gate = list(GATES)[minute % 3]
        kind = Kind.REFUSED if minute % 5 == 4 else Kind.EXIT if gate == "hall-out" else Kind.ENTRY
        kiosk, at = kiosks[gate], NOON + timedelta(minutes=minute)
        why = "full" if kind is Kind.REFUSED else ""
        kiosk.pass_through(kind, badges[minute % 7], at, session=SESSIONS[GATES[gate]], why=why)
        outcome = Desk(connection, plan, venue.era, at).handle(kiosk.letter(report=False))
        kiosk.have = outcome.have_seq
        kiosk.unsent.clear()


def quoted(cell: str) -> str:
    return cell


def _page(store: Either, filters: Filters, *, before: int | None = None, after: int | None = None) -> log.Page:
    with store.read() as connection:
        return log.page(connection, filters, before, after, ZONE)


def _all(store: Either, filters: Filters) -> list[dict[str, Any]]:
    """Every row, turning the pages to the oldest."""
    page = _page(store, filters)
    rows = list(page.rows)
    while page.older is not None:
        page = _page(store, filters, before=page.older)
        rows += page.rows
    return rows
