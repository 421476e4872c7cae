"""The board in a real browser: all rooms, moving by itself, and honest when it hears nothing."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.stage import SIZES, Venue, Window, overflow
from tests.world import PaperKiosk

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SOON_MS = 2_000
STALE_MS = 15_000
BACK_MS = 15_000

SEE_NUMBER = """(wanted) => {
  const number = document.querySelector('[data-room="hall"] [data-inside]');
  window.arrived = new Promise((resolve) => {
    new MutationObserver((_, observer) => {
      if (number.textContent !== wanted) return;
      observer.disconnect();
      resolve(performance.timeOrigin + performance.now());
    }).observe(number, { childList: true, characterData: true, subtree: true });
  });
}"""


@pytest.fixture(scope="module")
def kiosk(venue: Venue) -> PaperKiosk:
    """The kiosk at the hall's first gate."""
    return venue.kiosk("hall-a", "hall")


@pytest.fixture(scope="module")
def coming(venue: Venue) -> list[str]:
    """Who has not yet come in; every test takes from the front."""
    return list(venue.world.badge_ids)


def live(window: Window, venue: Venue, size: str = "tablet", path: str = "/board") -> Page:
    """The board, once it has heard from the server."""
    page = window.sign_in(venue, "viewer", path, SIZES[size])
    expect(page.locator("[data-board]")).to_have_attribute("data-news", "live")
    return page


def inside(page: Page) -> int:
    """Who is in the hall, by this board."""
    return int(page.locator('[data-room="hall"] [data-inside]').inner_text())


def test_every_room_is_on_the_board_with_its_seats_and_its_session(venue: Venue, window: Window) -> None:
    page = live(window, venue)
    expect(page.locator("[data-room] [data-name]")).to_have_text(["The venue", "The hall", "The salon", "The club"])
    hall = page.locator('[data-room="hall"]')
    expect(hall.locator("[data-of]")).to_have_text("of 100")
    expect(hall.locator("[data-now] [data-title]")).to_have_text("Keynote")
    expect(hall.locator("[data-next] [data-title]")).to_have_text("Panel")
    expect(page.locator('[data-room="venue"] [data-of]')).to_have_text("no limit")
    assert page.locator("[data-kiosk]").count() == len(venue.world.enrolments)


def test_an_entry_moves_the_number_without_a_reload(
    venue: Venue, window: Window, kiosk: PaperKiosk, coming: list[str]
) -> None:
    page = live(window, venue)
    before = inside(page)
    page.evaluate("window.opened = true")
    page.evaluate(SEE_NUMBER, str(before + 1))
    sent = venue.admit(kiosk, coming.pop(0))
    took = page.evaluate("window.arrived") - sent
    print(f"from POST to the number on the board: {took:.0f} ms")
    assert took < SOON_MS
    assert page.evaluate("window.opened")
    expect(page.locator('[data-room="hall"] [data-in]')).to_have_text(str(before + 1))
    expect(page.locator('[data-kiosk="k-hall-a"]')).to_have_attribute("data-state", "live")


def test_the_board_says_when_it_hears_nothing_and_comes_back_by_itself(
    venue: Venue, window: Window, kiosk: PaperKiosk, coming: list[str]
) -> None:
    page = live(window, venue)
    wall = live(window, venue, "desktop", "/board?wall")
    before = inside(page)
    venue.kill()
    began = time.monotonic()
    expect(page.locator("[data-stale]")).to_be_visible(timeout=STALE_MS)
    print(f"stale {time.monotonic() - began:.1f} s after the server was killed")
    expect(page.locator("[data-since]")).to_contain_text("No news since")
    expect(page.locator("[data-board]")).to_have_attribute("data-news", "stale")
    assert inside(page) == before
    expect(wall.locator("[data-since]")).to_be_visible()
    venue.start("/sign-in")
    began = time.monotonic()
    for one in (page, wall):
        expect(one.locator("[data-stale]")).to_be_hidden(timeout=BACK_MS)
        expect(one.locator("[data-board]")).to_have_attribute("data-news", "live")
    print(f"live again {time.monotonic() - began:.1f} s after the server was back")
    venue.admit(kiosk, coming.pop(0))
    expect(page.locator('[data-room="hall"] [data-inside]')).to_have_text(str(before + 1))
    assert window.complaints("net::ERR_", "Failed to fetch") == []


def test_the_board_never_scrolls_sideways(venue: Venue, window: Window) -> None:
    assert overflow(live(window, venue)) == {}


def test_the_wall_shows_every_room_and_never_scrolls(venue: Venue, window: Window) -> None:
    page = live(window, venue, "desktop", "/board?wall")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    for room in page.locator("[data-room]").all():
        expect(room.locator("[data-inside]")).to_be_in_viewport(ratio=1)
        expect(room.locator("[data-word]")).to_be_in_viewport(ratio=1)
    assert overflow(page) == {}
