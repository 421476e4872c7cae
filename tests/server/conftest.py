"""What the tests of pages and of the exchange share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from tests.pages import Site
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
