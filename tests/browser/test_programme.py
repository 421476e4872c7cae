"""The programme in a real browser: a form is judged while it is filled in, and the page shows a kiosk catching up."""

from __future__ import annotations

import urllib.request

import pytest
from playwright.sync_api import Page, expect

from admission import wire
from admission.wire import Cursors, Lane
from tests.browser.stage import Venue, Window, overflow, until
from tests.world import PaperKiosk

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PAGES = (
    "/programme",
    "/programme/rooms",
    "/programme/categories",
    "/programme/doors",
    "/programme/kiosks",
    "/programme/sessions/keynote",
    "/programme/sessions/new",
    "/programme/rooms/hall",
    "/programme/gates/hall-a",
    "/programme/sessions/dinner/list?find=person+1",
)


def speak(venue: Venue, kiosk: PaperKiosk, version: int) -> int:
    """The kiosk says which version of the programme it holds; the version that it holds after the answer."""
    letter = kiosk.letter(lane=Lane.NEWS, cursors=Cursors(programme=version))
    body, headers = kiosk.seal(letter)
    request = urllib.request.Request(venue.address + wire.PATH, body, headers)
    with urllib.request.urlopen(request, timeout=10) as reply:
        news = wire.decode_answer(reply.read()).programme
    return version if news is None else news.programme.version


def at(venue: Venue, window: Window, path: str) -> Page:
    """A page at this path, for an organiser."""
    page = window.sign_in(venue, "organiser")
    page.goto(venue.address + path)
    return page


def test_a_change_is_followed_from_the_form_to_the_kiosk(venue: Venue, window: Window) -> None:
    kiosk = venue.kiosk("hall-a", "hall")
    held = speak(venue, kiosk, speak(venue, kiosk, 0))
    page = at(venue, window, "/programme/sessions/panel")
    row = page.locator('[data-kiosk="k-hall-a"]')
    expect(row).to_be_hidden()
    page.get_by_label("Title").fill("Panel: who decides?")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. The kiosks hear of it at once.")).to_be_visible()
    expect(row).to_be_visible()
    expect(row).to_contain_text("not yet")
    fresh = until(lambda: version if (version := speak(venue, kiosk, held)) != held else None, "the change arrives")
    speak(venue, kiosk, fresh)
    expect(row).to_be_hidden()
    expect(page.locator("[data-summary]")).to_have_text("1 of 6 kiosks have the present programme")
    page.goto(f"{venue.address}/programme/kiosks")
    expect(page.locator('tr[data-kiosk="k-hall-a"]')).to_contain_text("has it")


def test_what_cannot_be_is_said_while_the_form_is_filled_in(venue: Venue, window: Window) -> None:
    page = at(venue, window, "/programme/sessions/new?copy=keynote")
    page.get_by_label("Title").fill("<b>Another</b> keynote")
    expect(page.locator("[data-live]")).to_contain_text("Keynote and <b>Another</b> keynote are both in The hall")
    page.get_by_label("Capacity").fill("200")
    expect(page.locator("[data-live]")).to_contain_text("is to hold 200, but The hall has 100 seats")
    page.get_by_label("Ends").fill("2020-01-01T10:00")
    expect(page.locator("#ends-wrong")).to_have_text("the end is not after the beginning; correct one of the two")
    expect(page.locator("#title-wrong")).to_be_hidden()
    page.get_by_label("Press").check()
    expect(page.get_by_label("These categories")).to_be_checked()


def test_no_page_is_wider_than_a_screen(venue: Venue, window: Window) -> None:
    page = at(venue, window, "/programme")
    for path in PAGES:
        page.goto(venue.address + path)
        assert overflow(page) == {}, path
