"""What the tests of pages share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.store.engine import migrate, open_store
from tests.pages import Site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all of these tests: none of them needs the log or the rooms to be empty."""
    url = f"sqlite:///{tmp_path_factory.mktemp('web') / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    yield Site(store)
    store.close()
