"""The board in a real browser: all rooms, moving by itself, and honest when it hears nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import ColumnElement, Table, func, select, true, update

from server.store import schema
from server.store.engine import transaction
from server.store.instants import to_ms
from tests.browser.stage import SIZES, Venue, Window, overflow
from tests.world import PaperKiosk, utc_now

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SOON_MS = 2_000
STALE_MS = 15_000
BACK_MS = 15_000
BEATS_MS = 15_000

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


@pytest.fixture(scope="module", autouse=True)
def beats() -> Iterator[None]:
    """What nobody tells the board (silence, a table changed behind its back) it finds at its next beat."""
    expect.set_options(timeout=BEATS_MS)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="module")
def kiosk(venue: Venue) -> PaperKiosk:
    """The kiosk at the hall's first gate, which has been given seats."""
    made = venue.kiosk("hall-a", "hall")
    venue.hear(made)
    venue.hear(made)
    return made


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


def change(venue: Venue, table: Table, where: ColumnElement[bool], **values: object) -> None:
    """Puts into the tables what would otherwise take minutes."""
    with transaction(venue.database) as connection:
        connection.execute(update(table).where(where).values(**values))


def last_heard(venue: Venue, minutes: int, which: ColumnElement[bool] | None = None) -> None:
    """The kiosks, or those at ``which`` devices, were last heard of so long ago; below 0: will be heard for as long."""
    for table in (schema.incarnation, schema.account):
        devices = select(schema.device.c.id).where(true() if which is None else which)
        change(venue, table, table.c.device.in_(devices), heard=to_ms(utc_now()) - minutes * 60_000)


@pytest.fixture(scope="module")
def second(venue: Venue, kiosk: PaperKiosk, coming: list[str]) -> PaperKiosk:
    """The kiosk at the hall's second gate, which has let one in and has seats left."""
    made = venue.kiosk("hall-b", "hall")
    for _ in range(2):
        venue.hear(made)
    venue.admit(made, coming.pop(0))
    return made


@pytest.fixture
def all_heard(venue: Venue, second: PaperKiosk) -> None:
    """Both kiosks of the hall are heard, and will be."""
    last_heard(venue, -60)


@pytest.fixture
def silent(venue: Venue, all_heard: None) -> None:
    """The second kiosk has been silent since."""
    last_heard(venue, 12, schema.device.c.id == "k-hall-b")


def settled(page: Page) -> Page:
    """The page after a beat: the server has looked since it was opened, and will tell it of every change."""
    at = page.locator("[data-at]")
    expect(page.locator("[data-board]")).to_have_attribute("data-news", "live")
    expect(at).not_to_have_text(at.inner_text())
    return page


def held_by(venue: Venue, name: str) -> int:
    """The seats that a kiosk holds."""
    with transaction(venue.database) as connection:
        one = schema.account.c
        balance = func.sum(one.granted - one.returned - one.entries + one.exits)
        return int(connection.execute(select(balance).where(one.device == name)).scalar_one())


def test_what_a_silent_kiosk_may_have_let_in_makes_a_range_and_it_is_said_what_to_do(
    venue: Venue, window: Window, all_heard: None
) -> None:
    page = settled(window.sign_in(venue, "supervisor", "/board", SIZES["tablet"]))
    hall, seats = page.locator('[data-room="hall"]'), held_by(venue, "k-hall-b")
    assert seats > 0
    expect(hall.locator("[data-range-to]")).to_be_hidden()
    last_heard(venue, 12, schema.device.c.id == "k-hall-b")
    expect(hall.locator("[data-range-to]")).to_be_visible()
    expect(hall.locator("[data-possible]")).to_have_text(str(inside(page) + seats))
    expect(hall.locator("[data-doubt]")).to_contain_text(f"{seats} more may be inside")
    expect(hall.locator("[data-doubt]")).to_contain_text("k-hall-b")
    expect(hall.locator("[data-seats]")).to_contain_text(f"{seats} stranded")
    one = page.locator('[data-kiosk="k-hall-b"]')
    expect(one).to_have_attribute("data-state", "silent")
    expect(one.locator("[data-age]")).to_have_text("12 min")
    expect(one.locator("[data-todo]")).to_contain_text("out of reach")
    links = one.locator("[data-todo] a").evaluate_all("all => all.map((one) => one.getAttribute('href'))")
    assert links == ["/courier", "/supervision"]
    viewer = live(window, venue)
    expect(viewer.locator('[data-kiosk="k-hall-b"] [data-todo]')).to_contain_text("use the courier")
    assert viewer.locator("[data-todo] a").count() == 0
    last_heard(venue, -60)
    expect(hall.locator("[data-range-to]")).to_be_hidden()
    expect(one.locator("[data-todo]")).to_be_hidden()


def test_a_room_over_its_limit_is_said_aloud_and_is_the_loudest(venue: Venue, window: Window, all_heard: None) -> None:
    page, wall = live(window, venue), settled(live(window, venue, "desktop", "/board?wall"))
    expect(page.locator('[data-room="hall"] [data-range-to]')).to_be_hidden()
    change(venue, schema.book, schema.book.c.room == "hall", forced=101 - inside(page))
    for one in (page, wall):
        expect(one.locator('[data-room="hall"]')).to_have_attribute("data-level", "over")
        expect(one.locator('[data-room="hall"] [data-word]')).to_have_text("Over limit")
        expect(one.locator('[data-room="hall"] [data-free]')).to_have_text("1 over 100")
        expect(one.locator("[data-announce]")).to_have_text("The hall: Over limit, 1 over 100")
        expect(one.locator('[data-tally="over"]')).to_be_visible()
    change(venue, schema.book, schema.book.c.room == "hall", forced=0)
    expect(page.locator('[data-room="hall"]')).not_to_have_attribute("data-level", "over")


def test_a_hold_and_a_restore_are_said_in_the_room(venue: Venue, window: Window, kiosk: PaperKiosk) -> None:
    page = settled(live(window, venue))
    hall = page.locator('[data-room="hall"]')
    expect(hall.locator("[data-hold]")).to_be_hidden()
    change(venue, schema.book, schema.book.c.room == "hall", held=True, hold=schema.book.c.hold + 1)
    change(venue, schema.book, schema.book.c.room == "salon", open_era=0, vowed_era=0)
    expect(hall.locator("[data-hold]")).to_contain_text("waiting for k-hall-a")
    expect(page.locator('[data-kiosk="k-hall-a"] [data-unconfirmed]')).to_have_text("hold not confirmed")
    expect(page.locator('[data-room="salon"] [data-recovery]')).to_contain_text("waiting for a supervisor")
    venue.hear(kiosk)
    venue.hear(kiosk)
    expect(page.locator('[data-kiosk="k-hall-a"] [data-unconfirmed]')).to_have_text("")
    change(venue, schema.book, schema.book.c.room.is_not(None), held=False, open_era=1, vowed_era=1)
    expect(hall.locator("[data-hold]")).to_be_hidden()


def test_the_page_says_the_same_with_and_without_its_script(venue: Venue, window: Window, silent: None) -> None:
    change(venue, schema.book, schema.book.c.room == "hall", held=True, hold=schema.book.c.hold + 1, forced=2)
    written = window.sign_in(venue, "supervisor", "/board", SIZES["tablet"])
    expect(written.locator("[data-board]")).to_have_attribute("data-news", "live")
    expect(written.locator('[data-room="hall"] [data-hold]')).to_be_visible()
    said = [text.split() for text in written.locator(".room, .kiosk .todo, .kiosk-seats").all_inner_texts()]
    written.route("**/board.js", lambda route: route.fulfill(content_type="text/javascript", body=""))
    written.reload()
    drawn = [text.split() for text in written.locator(".room, .kiosk .todo, .kiosk-seats").all_inner_texts()]
    change(venue, schema.book, schema.book.c.room == "hall", held=False, forced=0)
    assert drawn == said
    assert any("stranded," in words for words in said)


@pytest.mark.parametrize("path", ["/board", "/board?wall"])
def test_ranges_and_notices_fit_at_every_size(venue: Venue, window: Window, silent: None, path: str) -> None:
    change(venue, schema.book, schema.book.c.room == "hall", held=True, hold=schema.book.c.hold + 1, forced=1234)
    page = live(window, venue, "desktop", path)
    expect(page.locator('[data-room="hall"] [data-hold]')).to_be_visible()
    expect(page.locator('[data-room="hall"]')).to_have_attribute("data-range", "wide")
    assert overflow(page) == {}
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.scrollingElement.scrollWidth") == 360
    if "wall" in path:
        page.set_viewport_size({"width": 1920, "height": 1080})
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        for part in ("[data-possible]", "[data-word]", "[data-hold] b"):
            expect(page.locator(f'[data-room="hall"] {part}')).to_be_in_viewport(ratio=1)
    change(venue, schema.book, schema.book.c.room == "hall", held=False, forced=0)
