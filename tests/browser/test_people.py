"""People and badges in a real browser: found while one types, printed with a preview that is really shown."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.stage import Venue, Window, overflow

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PAGES = (
    "/people",
    "/people/p1",
    "/people/new",
    "/people/delegations",
    "/people/delegations/Land 1",
    "/people/import",
    "/badges?badge=",
)


def at(window: Window, venue: Venue, role: str, path: str) -> Page:
    """A page for a user of that role."""
    page = window.sign_in(venue, role)
    page.goto(venue.address + path)
    return page


def test_people_are_found_while_one_types(venue: Venue, window: Window) -> None:
    page = at(window, venue, "desk", "/people")
    page.locator("#q").press_sequentially("person 37")
    expect(page.locator("#count")).to_have_text("1 person")
    expect(page.locator("tbody th")).to_contain_text("Person 37")
    assert page.url.endswith("/people?q=person+37")
    page.locator("#q").fill("")
    page.get_by_label("Category").select_option("press")
    expect(page.locator("#count")).to_have_text("20 people")


def test_the_preview_of_a_badge_is_shown(venue: Venue, window: Window) -> None:
    page = at(window, venue, "desk", "/badges?q=person+37&badge=")
    picture = page.get_by_alt_text("Preview of the first page")
    page.wait_for_function("(image) => image.complete && image.naturalWidth > 0", arg=picture.element_handle())


@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_wider_than_its_window_and_none_has_a_barrier(venue: Venue, window: Window, path: str) -> None:
    page = at(window, venue, "organiser", path)
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
    assert overflow(page) == {}
