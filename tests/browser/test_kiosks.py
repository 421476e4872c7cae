"""The page Kiosks in a real browser: how each kiosk reads, at every size, without a script."""

from __future__ import annotations

import urllib.request

import msgspec
import pytest
from playwright.sync_api import expect

from admission import wire
from admission.health import Health, StageHealth
from admission.wire import Lane
from tests.browser.stage import SIZES, Venue, Window, overflow

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

LONG = StageHealth(name="w" * 32, runs=1_000_000, ms=3_600_000.0, needed=1_000_000)
MOST = Health(
    seconds=0.001,
    frames=1_000_000,
    looked=1,
    stages=(LONG,) * 32,
    presentations=1_000_000,
    first_read_ms_median=3_600_000.0,
    first_read_ms_p95=3_600_000.0,
    advice=(("closer", 12), ("a" * 32, 1_000_000)),
    sharpness=0.1,
    light=3.0,
    camera="x" * 200,
    reopened=1_000_000,
    version="9" * 32,
)


def tell(venue: Venue, gate: str, said: Health) -> None:
    """The kiosk at the gate sends its figures."""
    kiosk = venue.kiosk(gate, "hall")
    body, headers = kiosk.seal(msgspec.structs.replace(kiosk.letter(lane=Lane.NEWS), health=said))
    urllib.request.urlopen(urllib.request.Request(venue.address + wire.PATH, body, headers), timeout=10).close()


def test_the_figures_of_reading_fit_every_size(venue: Venue, window: Window) -> None:
    tell(venue, "hall-a", MOST)
    page = window.sign_in(venue, "admin")
    page.goto(f"{venue.address}/kiosks")
    kiosk = page.get_by_role("rowgroup").filter(has_text="k-hall-a")
    expect(kiosk.get_by_text("Trouble: xxx")).to_be_visible()
    expect(kiosk.get_by_text("blurred 0.10")).to_be_visible()
    silent = page.get_by_role("rowgroup").filter(has_text="k-hall-out")  # no test tells anything of this one
    expect(silent.get_by_text("No figures yet")).to_be_visible()
    assert overflow(page) == {}
    for width, height in SIZES.values():
        page.set_viewport_size({"width": width, "height": height})
        expect(kiosk.get_by_role("rowheader", name="k-hall-a")).to_be_visible()


def test_a_kiosk_s_own_page_unfolds_by_keyboard_and_renames_it(venue: Venue, window: Window) -> None:
    tell(venue, "hall-b", MOST)
    page = window.sign_in(venue, "admin")
    page.goto(f"{venue.address}/kiosks/k-hall-b")
    advice = page.get_by_text("hold it closer 12")
    expect(advice).to_be_hidden()
    page.get_by_text("Stages and advice").focus()
    page.keyboard.press("Enter")
    expect(advice).to_be_visible()
    expect(page.get_by_role("columnheader", name="Needed by")).to_be_visible()
    assert overflow(page) == {}
    page.get_by_label("Label").fill("By the stairs")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("heading", name="By the stairs")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("renamed")
