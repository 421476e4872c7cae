"""Chromium and the server, for tests that open pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.stage import Venue, Window, launch


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """A server process over a fresh venue."""
    made = Venue(tmp_path_factory.mktemp("venue"))
    yield made
    made.kill()


@pytest.fixture
def window(browser: Browser) -> Iterator[Window]:
    """Opens pages. A complaint that the test has not asked for fails it."""
    opened = Window(browser)
    yield opened
    opened.close()
    assert opened.complaints() == []
