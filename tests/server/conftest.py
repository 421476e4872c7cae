"""What the tests of pages and of the exchange share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from tests.pages import Site
from tests.server.audit_day import blank_event, opened
from tests.server.desk import Server
from tests.world import World


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all of these tests: none of them needs the log or the rooms to be empty."""
    url = f"sqlite:///{tmp_path_factory.mktemp('web') / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    yield Site(store)
    store.close()


@pytest.fixture
def server(store: SqliteStore | PostgresStore, world: World) -> Server:
    """The exchange on each kind of database."""
    return Server(store, world)


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """A database in which nothing has happened yet, for the audit."""
    return blank_event(tmp_path_factory.mktemp("audit"))


@pytest.fixture
def plain(blank: tuple[Path, World], tmp_path: Path) -> Iterator[Server]:
    """The exchange on SQLite alone: what is tampered with has nothing to do with the database."""
    yield from opened(blank, tmp_path)
