"""Signing in and out, and who finds which page, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.stage import Venue, Window, fill_in, overflow
from tests.world import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_one_signs_in_through_the_form_and_out_by_the_button(venue: Venue, window: Window) -> None:
    page = window.open()
    page.goto(f"{venue.address}/board")
    expect(page).to_have_url(f"{venue.address}/sign-in?next=%2Fboard")
    expect(page.get_by_label("Name")).to_be_focused()
    fill_in(page, "supervisor", PASSWORD)
    expect(page).to_have_url(f"{venue.address}/board")
    page.get_by_role("button", name="Menu").click()
    expect(page.locator(".side .who")).to_contain_text("supervisor")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{venue.address}/sign-in")
    page.goto(f"{venue.address}/board")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_password_is_told_beside_the_form_and_the_name_is_kept(venue: Venue, window: Window) -> None:
    page = window.open()
    page.goto(f"{venue.address}/sign-in")
    fill_in(page, "viewer", "not the password")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("Name")).to_have_value("viewer")
    expect(page.get_by_label("Password")).to_have_value("")
    assert window.complaints("status of 401") == []  # a page that says "not signed in" is no fault of it


@pytest.mark.parametrize(
    ("role", "pages", "first"),
    [
        ("viewer", ["Board", "Incidents"], "/board"),
        ("desk", ["Desk", "People", "Badges", "Board", "Incidents"], "/board"),
        ("organiser", ["Board", "People", "Programme", "Log", "Reports", "Desk", "Badges"], "/board"),
        ("auditor", ["Log", "Reports", "Audit", "Incidents", "Acts"], "/log"),
    ],
)
def test_each_role_is_led_to_the_pages_that_it_may_open(
    venue: Venue, window: Window, role: str, pages: list[str], first: str
) -> None:
    page = window.open()
    page.goto(venue.address)
    fill_in(page, role, PASSWORD)
    expect(page).to_have_url(venue.address + first)
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_text(pages)
    page.goto(f"{venue.address}/nowhere")
    page.get_by_role("link", name="To the start").click()
    expect(page).to_have_url(venue.address + first)
    assert window.complaints("status of 404") == []


def test_a_page_that_a_role_may_not_open_says_so_and_leads_back(venue: Venue, window: Window) -> None:
    page = window.sign_in(venue, "steward")
    page.goto(f"{venue.address}/log")
    expect(page.get_by_role("heading", name="Not for this role")).to_be_visible()
    page.get_by_role("link", name="To the start").click()
    expect(page).to_have_url(f"{venue.address}/board")
    assert window.complaints("status of 403") == []


def test_the_sign_in_page_never_scrolls_sideways(venue: Venue, window: Window) -> None:
    page = window.open()
    page.goto(f"{venue.address}/sign-in")
    assert overflow(page) == {}
