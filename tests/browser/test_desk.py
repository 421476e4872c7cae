"""The registration desk in a real browser: found in three keystrokes, without a mouse, and by a scanner that types."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.stage import Venue, Window, overflow

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def desk(venue: Venue, window: Window) -> Page:
    """The desk, as somebody finds it who has just signed in."""
    page = window.sign_in(venue, "organiser")
    page.goto(f"{venue.address}/desk")
    return page


def test_the_third_keystroke_lists_people_and_enter_takes_the_first(desk: Page) -> None:
    expect(desk.get_by_role("searchbox")).to_be_focused()
    desk.keyboard.type("pe")
    expect(desk.locator("#found li")).to_have_count(0)
    desk.keyboard.type("r")
    expect(desk.locator("#found li")).to_have_count(12)
    first = desk.locator("#found bdi").first.text_content()
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", level=2, name=first or "", exact=True)).to_be_visible()
    expect(desk.get_by_role("searchbox")).to_be_focused()


def test_enter_before_the_answer_waits_for_it(desk: Page) -> None:
    desk.keyboard.type("person 37")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="Person 37")).to_be_visible()


def test_arrows_choose_and_escape_clears(desk: Page) -> None:
    desk.keyboard.type("pers")
    expect(desk.locator("#found li")).to_have_count(12)
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("ArrowDown")
    second = desk.locator("#found bdi").nth(1).text_content()
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", level=2, name=second or "", exact=True)).to_be_visible()
    desk.wait_for_load_state("load")  # keys that come before the page's script go nowhere
    desk.keyboard.type("per")
    expect(desk.locator("#found li")).to_have_count(12)
    desk.keyboard.press("Escape")
    expect(desk.locator("#results")).to_be_hidden()
    expect(desk.get_by_role("searchbox")).to_have_value("")
    expect(desk.get_by_role("heading", level=2, name=second or "", exact=True)).to_be_visible()
    desk.keyboard.press("ArrowDown")
    expect(desk.get_by_role("button", name="Print badge")).to_be_focused()


def test_a_scanner_that_types_a_badge_finds_its_holder_and_leaves_no_address(venue: Venue, desk: Page) -> None:
    desk.keyboard.type(venue.world.tokens["p12"])
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="Person 12")).to_be_visible()
    expect(desk.get_by_text("genuine and valid")).to_be_visible()
    assert "TB" not in desk.url


def test_a_foreign_code_is_said_to_be_one(desk: Page, window: Window) -> None:
    desk.keyboard.type("https://example.org/tickets/7f3a9c5e-1b2d-4c6f-8a90-ffff")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("alert")).to_contain_text("not of this event")
    window.complaints("404")


def test_a_printed_badge_is_taken_home_once_and_handed_over(desk: Page) -> None:
    desk.goto(desk.url + "?person=p14")
    with desk.expect_download() as download:
        desk.get_by_role("button", name="Print badge").click()
    assert re.fullmatch(r"badge-\d+\.pdf", download.value.suggested_filename)
    expect(desk.get_by_text("is ready")).to_be_visible()
    assert "ready" not in desk.url
    desk.get_by_role("button", name="Hand over").click()
    expect(desk.locator(".handed")).to_contain_text("handed over at")
    expect(desk.get_by_text("Hand over again").first).to_be_visible()


def test_checked_in_by_hand_and_undone(desk: Page) -> None:
    desk.goto(desk.url + "?person=p16")
    desk.get_by_text("Check in by hand", exact=True).click()
    desk.get_by_label("Room").first.select_option("hall")
    desk.get_by_text("Kiosk out of order").click()
    desk.get_by_role("button", name="Check in", exact=True).click()
    expect(desk.get_by_text("Checked into The hall")).to_be_visible()
    desk.get_by_text("Undo", exact=True).first.click()
    desk.get_by_role("button", name="Wrong person").click()
    expect(desk.get_by_text("comes back by a head count")).to_be_visible()
    expect(desk.get_by_text("Undone", exact=True)).to_be_visible()


def test_companions_are_stepped_up_and_counted(desk: Page) -> None:
    desk.get_by_label("Delegation").fill("Land 3")
    desk.get_by_label("Room").select_option("salon")
    desk.get_by_role("button", name="One more").click()
    desk.get_by_role("button", name="One more").click()
    desk.get_by_role("button", name="One less").click()
    desk.get_by_text("Interpreter").click()
    desk.get_by_role("button", name="Count in").click()
    expect(desk.get_by_role("row", name="Land 3")).to_contain_text("2")


def test_the_desk_never_scrolls_sideways(desk: Page) -> None:
    for path in ("", "?person=p9", "?q=person", "/handover"):
        desk.goto(desk.url.partition("/desk")[0] + "/desk" + path)
        assert overflow(desk) == {}
