"""The pages of a pairing in a real browser: what the kiosk's own reader reads off the screen, and what follows live."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from kiosk.face import Place, Shown, Status
from kiosk.face.screen import Screen
from kiosk.pairing import Candidate, Outcome, Step
from kiosk.postbox import Postbox
from kiosk.reader import Frame
from tests.browser.stage import SIZES, Venue, Window, free_port, overflow
from tests.eyes import texts

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

CAMERA = (1280, 720)


def begin(page: Page, venue: Venue, name: str) -> None:
    """Fills in the form and comes to the page with the code."""
    page.goto(f"{venue.address}/kiosks")
    page.get_by_text("Add a kiosk").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Gate").select_option("hall-a")
    expect(page.get_by_label("Address of this server")).to_have_value(venue.address)
    page.get_by_role("button", name="Show the pairing code").click()
    expect(page.get_by_role("heading", name="Hold this code up to the kiosk")).to_be_visible()


def seen(part: Locator | Page, folder: Path) -> Frame:
    """The part of the page as a camera of 1280x720 sees it: the whole of it in view, and not quite sharp."""
    part.screenshot(path=folder / "screen.png")
    picture = cv2.imread(str(folder / "screen.png"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    scale = min(CAMERA[0] / picture.shape[1], CAMERA[1] / picture.shape[0])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame = np.full((CAMERA[1], CAMERA[0]), 90, np.uint8)
    frame[: small.shape[0], : small.shape[1]] = small
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.8), np.uint8)


def code_of(page: Page) -> str:
    """The code as text."""
    text: str = page.get_by_label("Pairing code", exact=True).input_value()
    return text


def ask(page: Page, seed: int = 1) -> tuple[Candidate, Outcome]:
    """A kiosk answers with a key of its own."""
    candidate = Candidate(code_of(page), bytes([seed]) * 32, Postbox(""))
    return candidate, candidate.ask()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(360, 740), (800, 700), (1440, 900)])
def test_the_kiosk_s_own_reader_reads_the_code_off_the_page(
    venue: Venue, window: Window, tmp_path: Path, size: tuple[int, int], scheme: Any
) -> None:
    page = window.sign_in(venue, "admin", size=size)
    page.emulate_media(color_scheme=scheme)
    begin(page, venue, f"reads-{size[0]}-{scheme}")
    wanted = code_of(page)
    page.screenshot()
    assert texts(seen(page, tmp_path)) == [wanted]
    symbol = seen(page.get_by_role("img", name="Pairing code as a QR code"), tmp_path)
    assert texts(symbol) == [wanted]


def test_the_digits_come_by_themselves_and_are_the_kiosk_s_and_yes_enrols_it(venue: Venue, window: Window) -> None:
    page = window.sign_in(venue, "admin")
    begin(page, venue, "north-1")
    candidate, outcome = ask(page)
    assert outcome.step is Step.ASKED
    expect(page.get_by_role("heading", name="Does the kiosk show the same digits?")).to_be_visible()
    expect(page.locator(".digits")).to_have_text(candidate.digits)
    page.get_by_role("button", name="Yes, it is this kiosk").click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    done = candidate.ask()
    assert done.step is Step.CONFIRMED
    assert done.answer is not None
    assert candidate.enrolment(done.answer).device == "north-1"
    page.get_by_role("link", name="To the kiosks").click()
    row = page.get_by_role("row").filter(has_text="north-1")
    expect(row).to_contain_text("Hall A")
    expect(row).to_contain_text("Not yet")


def test_no_refuses_the_kiosk(venue: Venue, window: Window) -> None:
    page = window.sign_in(venue, "admin")
    begin(page, venue, "north-2")
    candidate, _ = ask(page)
    page.get_by_role("button", name="No", exact=True).click()
    expect(page.get_by_role("heading", name="Not enrolled")).to_be_visible()
    assert candidate.ask().step is Step.REFUSED


def test_a_second_kiosk_is_shouted_about_while_the_admin_looks(venue: Venue, window: Window) -> None:
    page = window.sign_in(venue, "admin")
    begin(page, venue, "north-3")
    code = code_of(page)
    ask(page)
    expect(page.locator(".digits")).to_be_visible()
    assert Candidate(code, bytes([2]) * 32, Postbox("")).ask().step is Step.REFUSED
    expect(page.get_by_role("heading", name="Two kiosks have answered")).to_be_visible()
    expect(page.get_by_text("Somebody else has read this code")).to_be_visible()
    expect(page.get_by_role("button", name="Yes, it is this kiosk")).to_have_count(0)


def test_it_works_without_scripts(venue: Venue, window: Window) -> None:
    page = window.sign_in(venue, "admin")
    assert page.context.browser is not None
    plain = page.context.browser.new_context(java_script_enabled=False, storage_state=page.context.storage_state())
    page = plain.new_page()
    begin(page, venue, "north-4")
    page.get_by_text("The code as text").click()
    candidate, _ = ask(page)
    expect(page.locator(".digits")).to_have_text(candidate.digits, timeout=15_000)
    page.get_by_role("button", name="Yes, it is this kiosk").click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible()


def test_a_server_that_is_away_is_said_and_then_the_page_goes_on(venue: Venue, window: Window) -> None:
    page = window.sign_in(venue, "admin")
    begin(page, venue, "north-5")
    page.context.set_offline(True)
    expect(page.locator("#lost")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("#lost")).to_be_hidden()
    candidate, _ = ask(page)
    expect(page.locator(".digits")).to_have_text(candidate.digits)
    assert window.complaints("ERR_INTERNET_DISCONNECTED") == []


def test_no_page_of_it_scrolls_sideways(venue: Venue, window: Window) -> None:
    page = window.sign_in(venue, "admin")
    page.goto(f"{venue.address}/kiosks")
    page.get_by_text("Add a kiosk").click()
    assert overflow(page) == {}
    page.get_by_label("Name", exact=True).fill("n" * 64)
    page.get_by_label("Address of this server").fill(f"https://{'registration.' * 13}example:8443/threshold")
    page.get_by_role("button", name="Show the pairing code").click()
    page.get_by_text("The code as text").click()
    assert overflow(page) == {}
    page.set_viewport_size({"width": SIZES["phone"][0], "height": SIZES["phone"][1]})
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Not enrolled")).to_be_visible()
    assert overflow(page) == {}


@pytest.mark.parametrize("display", [(800, 480), (1280, 800), (1080, 1920)])
def test_the_digits_are_the_largest_thing_on_the_kiosk_s_screen(window: Window, display: tuple[int, int]) -> None:
    screen, port = Screen(Place), free_port()
    server = screen.serve("127.0.0.1", port)
    try:
        screen.report(Status(trouble="the server cannot be reached"))
        screen.show(Shown("pairing", "pair_digits", "123 456", "north-1 · hall-a"))
        page = window.open(display)
        page.goto(f"http://127.0.0.1:{port}/")
        expect(page.locator("#name")).to_have_text("123 456")
        sizes = page.evaluate(
            """() => ["h1", "#name", ".advice"].map(
                 (part) => parseFloat(getComputedStyle(document.querySelector(part)).fontSize))"""
        )
        assert sizes[1] == max(sizes)
        expect(page.get_by_text("Offline")).to_be_hidden()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/events", timeout=10) as events:
            events.readline()
            assert json.loads(events.readline().removeprefix(b"data: "))["name"] == "123 456"
    finally:
        server.shutdown()
        server.server_close()
