"""The roll call in real browsers: two stewards tick at once, the server goes and comes back, a phone scans badges."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from server import badges
from server.store.engine import transaction
from tests.browser.courier_desk import film, launch, see
from tests.browser.stage import PATIENCE_S, SIZES, Venue, Window, fill_in, overflow
from tests.world import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PHONE = (390, 844)
GONE = "net::ERR_"
INSIDE = ("p1", "p2", "p4", "p6", "p7")
WAIT = PATIENCE_S * 1000


def opened(window: Window, venue: Venue, role: str, path: str, size: tuple[int, int] = SIZES["tablet"]) -> Page:
    """The page for a user of that role."""
    page = window.sign_in(venue, role, size=size)
    page.goto(venue.address + path)
    return page


@pytest.fixture(scope="module")
def full(venue: Venue) -> Venue:
    """The venue with five people in the hall."""
    kiosk = venue.kiosk("hall-a", "hall")
    venue.hear(kiosk)
    for person in INSIDE:
        venue.admit(kiosk, person)
    return venue


@pytest.fixture
def call(full: Venue, window: Window) -> Iterator[str]:
    """The path of a roll call that has just begun; it is ended after the test."""
    page = opened(window, full, "supervisor", "/roll-call")
    page.get_by_text("Begin a roll call").click()
    page.get_by_label("Reason").fill("Smoke in the kitchen")
    page.get_by_role("button", name="Begin the roll call").click()
    page.wait_for_url(re.compile(r"/roll-call/\d+$"))
    yield page.url.removeprefix(full.address)
    page.goto(page.url)
    if page.locator("[data-roll=running]").count():
        end(page)
    page.context.close()


def end(page: Page) -> None:
    page.get_by_text("End the roll call").first.click()
    page.get_by_label("It may end").check()
    page.get_by_role("button", name="End the roll call").click()
    expect(page.get_by_text("The roll call has ended.")).to_be_visible()


def open_count(page: Page, number: int) -> None:
    expect(page.locator('[data-count="open"]')).to_have_text(str(number), timeout=WAIT)


def tick(page: Page, name: str) -> None:
    page.get_by_role("button", name=re.compile(rf"^{name}\b")).click()


def test_what_one_steward_ticks_falls_on_every_other_page_and_says_who(full: Venue, window: Window, call: str) -> None:
    ann, bob = (opened(window, full, role, call, PHONE) for role in ("steward", "organiser"))
    open_count(ann, 5)
    tick(ann, "Person 1")
    tick(bob, "Person 2")
    for page in (ann, bob):
        open_count(page, 3)
    row = bob.locator(".person").filter(has_text="Person 1")
    expect(row).to_contain_text(re.compile(r"Safe \d\d:\d\d:\d\d, steward"))
    row.get_by_role("button", name="Undo").click()
    open_count(ann, 4)
    assert overflow(ann) == {}


def test_a_whole_delegation_is_safe_only_when_one_means_it(full: Venue, window: Window, call: str) -> None:
    page = opened(window, full, "steward", call)
    page.get_by_label("Grouped").select_option("delegation")
    land = page.locator(".group").filter(has_text="Land 1")  # p1 and p6
    land.get_by_role("button", name="Mark all safe").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep as it is").click()
    open_count(page, 5)
    land.get_by_role("button", name="Mark all safe").click()
    page.get_by_role("dialog").get_by_role("button", name="Mark 2 safe").click()
    open_count(page, 3)
    expect(land.locator("h3")).to_contain_text("all 2 safe")


def test_a_search_finds_people_and_a_ticked_row_stays_under_the_thumb(full: Venue, window: Window, call: str) -> None:
    page = opened(window, full, "steward", call)
    page.get_by_label("Show").select_option("open")
    tick(page, "Person 1")
    open_count(page, 4)
    expect(page.locator(".person")).to_have_count(5)
    page.get_by_label("Name, organisation or delegation").fill("PERSON")
    expect(page.locator(".person")).to_have_count(4)
    page.get_by_label("Name, organisation or delegation").fill("land 2")
    expect(page.locator(".person")).to_have_count(2)  # p2 and p7


def test_without_the_server_the_copy_stays_with_its_time_and_ticks_are_sent_later(
    full: Venue, window: Window, call: str
) -> None:
    page = opened(window, full, "steward", call, PHONE)
    open_count(page, 5)
    full.kill()
    expect(
        page.get_by_text(re.compile(r"has not answered for \d+ s\. This is the copy of \d\d:\d\d:\d\d"))
    ).to_be_visible(timeout=WAIT)
    tick(page, "Person 1")
    tick(page, "Person 4")
    open_count(page, 3)
    expect(page.get_by_text("2 not sent yet")).to_be_visible()
    expect(page.locator(".person")).to_have_count(5)
    full.start("/sign-in")
    expect(page.get_by_text("not sent yet").first).to_be_hidden(timeout=WAIT)
    expect(page.locator("[data-lost]")).to_be_hidden(timeout=WAIT)
    other = opened(window, full, "organiser", call)
    open_count(other, 3)
    assert window.complaints(GONE, r"status of 50\d") == []


def test_signing_out_asks_for_what_was_not_sent_and_wipes_every_page(full: Venue, window: Window, call: str) -> None:
    page = window.open(PHONE)
    page.goto(full.address + call)
    fill_in(page, "organiser", PASSWORD)
    page.wait_for_url("**" + call)
    open_count(page, 5)
    other = page.context.new_page()
    other.goto(full.address + "/roll-call")
    expect(other.locator(".person").first).to_be_visible()
    page.route("**/marks", lambda route: route.abort())
    tick(page, "Person 1")
    expect(page.get_by_text("1 not sent yet")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage).length") == 1
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    assert page.evaluate("Object.keys(localStorage)") == []
    expect(other.get_by_text("The names are no longer shown here.")).to_be_visible(timeout=WAIT)
    expect(other.get_by_text("Person 1")).to_have_count(0)
    assert window.complaints(GONE) == []


def test_a_page_that_was_open_when_it_ended_says_so(full: Venue, window: Window, call: str) -> None:
    page = opened(window, full, "steward", call)
    open_count(page, 5)
    other = opened(window, full, "organiser", call)
    end(other)
    expect(page.get_by_text("This roll call has ended.")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("button", name=re.compile("^Person"))).to_have_count(0)


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film in the camera."""
    path = tmp_path_factory.mktemp("camera") / "film.y4m"
    film(path, [""])
    return path


@pytest.fixture
def phone(browser: Browser, reel: Path) -> Iterator[Callable[[Venue, str], Page]]:
    """A steward's phone with a camera, at the roll call."""
    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    seeing = launch(browser.browser_type, *camera, f"--use-file-for-fake-video-capture={reel}")
    window = Window(seeing)
    yield lambda venue, path: opened(window, venue, "steward", path, PHONE)
    window.close()
    assert window.complaints() == []
    seeing.close()


def test_a_phone_scans_badges_and_says_whose_each_is(
    full: Venue, call: str, phone: Callable[[Venue, str], Page], reel: Path
) -> None:
    page, tokens = phone(full, call), full.world.tokens
    film(reel, [tokens["p1"]])
    page.get_by_role("button", name="Scan badges").click()
    told = page.locator("[data-scan]")
    expect(told).to_have_attribute("data-seen", "safe", timeout=WAIT)
    expect(told).to_contain_text("Person 1")
    open_count(page, 4)
    expect(page.locator(".person").filter(has_text="Person 1")).to_contain_text("by badge")
    see(page, reel, tokens["p5"])
    expect(told).to_contain_text("was not on the list", timeout=WAIT)
    see(page, reel, "https://example.org")
    expect(told).to_contain_text("Not a badge of this event.", timeout=WAIT)
    with transaction(full.database) as connection:
        badges.revoke(connection, ["p2"], "lost", full.world.now)
    see(page, reel, tokens["p2"])
    expect(told).to_contain_text("This badge was withdrawn", timeout=WAIT)
    open_count(page, 4)
