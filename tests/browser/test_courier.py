"""The courier page in a real browser with a camera: letters of cut-off kiosks are read, held, sent and answered."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from server import web
from tests.browser.courier_desk import CourierDesk, film, launch, letter, read_codes, see
from tests.browser.stage import PATIENCE_S, Window, fill_in, overflow, until
from tests.world import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PHONE = (360, 740)
FAR = "venue.test"  # a name of ours that no browser takes for its own machine
NO_NETWORK = "net::ERR_"


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film in the camera."""
    path = tmp_path_factory.mktemp("camera") / "film.y4m"
    film(path, [""])
    return path


@pytest.fixture(scope="module")
def seeing(browser: Browser, reel: Path) -> Iterator[Browser]:
    """A Chromium whose camera shows the film."""
    far = f"--host-resolver-rules=MAP {FAR} 127.0.0.1"
    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    opened = launch(browser.browser_type, far, *camera, f"--use-file-for-fake-video-capture={reel}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CourierDesk]:
    made = CourierDesk(tmp_path_factory.mktemp("desk"))
    yield made
    made.close()


@pytest.fixture
def desk(office: CourierDesk) -> CourierDesk:
    """The server, that has had no letter yet."""
    office.came.clear()
    office.troubles.clear()
    return office


@pytest.fixture
def phone(seeing: Browser, desk: CourierDesk, reel: Path) -> Iterator[Callable[..., Page]]:
    """Opens the page for a steward whose camera sees these codes. Complaints, but for the network's, fail the test."""
    window = Window(seeing)

    def open_page(*codes: str) -> Page:
        film(reel, codes or [""])
        page = window.open(PHONE)
        page.goto(f"{desk.address}/courier")
        fill_in(page, "steward", PASSWORD)
        page.wait_for_url("**/courier")
        until(lambda: page.evaluate("navigator.serviceWorker.controller !== null"), "the service worker is in charge")
        return page

    yield open_page
    window.close()
    assert window.complaints(NO_NETWORK, r"status of (400|403|503)") == []


def shows(page: Page, words: str | re.Pattern[str], *, times: int = 1) -> None:
    """Waits until as many letters in the list say so: a film takes its time, and so does trying again."""
    expect(page.locator(".letter").filter(has_text=words)).to_have_count(times, timeout=PATIENCE_S * 1000)


def test_every_frame_is_read_in_whatever_order_and_posted_once(phone: Callable[..., Page], desk: CourierDesk) -> None:
    frames = letter()
    shuffled = random.Random(5).sample(frames, len(frames))
    page = phone(*shuffled)
    shows(page, "Grant ready")
    assert [sorted(came) for came in desk.came] == [sorted(frames)]


def test_the_grant_is_shown_by_itself_and_can_be_read_off_the_screen(
    phone: Callable[..., Page], desk: CourierDesk
) -> None:
    page = phone(*letter(total=3))
    page.emulate_media(color_scheme="dark")
    box = page.get_by_role("dialog", name="Hold this up to the camera of Hall A")
    expect(box).to_contain_text("12 seats for Hall A")
    (text,) = until(lambda: read_codes(page.screenshot()), "a code that can be read")
    assert text.startswith("TG:K-HALL-A:00C0DE SEATS*12+$%./:9F")
    box.get_by_role("button", name="Done").click()
    expect(box).to_be_hidden()


def test_without_a_network_letters_are_read_and_held_and_sent_when_it_is_back(
    phone: Callable[..., Page], desk: CourierDesk, reel: Path
) -> None:
    page = phone()
    page.context.set_offline(True)
    expect(page.get_by_text("Reading still works.")).to_be_visible()
    see(page, reel, *letter(total=4), *letter("K-HALL-B", "0B0B0B", 2))
    shows(page, "Waiting for network", times=2)
    assert desk.came == []
    page.context.set_offline(False)
    shows(page, "Grant ready", times=2)
    assert sorted(len(came) for came in desk.came) == [2, 4]


def test_a_reload_without_a_server_keeps_the_page_and_all_that_was_read(
    phone: Callable[..., Page], desk: CourierDesk, reel: Path
) -> None:
    page = phone()
    desk.shut()
    see(page, reel, *letter(total=3), *letter("K-HALL-B", "0B0B0B", 9)[:5])
    shows(page, re.compile("3 of 3|5 of 9"), times=2)
    page.reload()
    expect(page.get_by_text("No network", exact=True)).to_be_visible()
    shows(page, re.compile("3 of 3|5 of 9"), times=2)
    expect(page.get_by_text("Not read yet: 6, 7, 8, 9.")).to_be_visible()
    film(reel, letter("K-HALL-B", "0B0B0B", 9)[5:])
    page.reload()
    shows(page, "9 of 9")  # the reader, too, was kept
    desk.open()
    shows(page, "Grant ready", times=2)  # found by trying again, without being told


def test_all_that_the_page_loads_is_kept_for_a_day_without_network(
    phone: Callable[..., Page], desk: CourierDesk
) -> None:
    page = phone(*letter(total=1))
    shows(page, "Grant ready")
    loaded = set(page.evaluate("performance.getEntriesByType('resource').map((r) => new URL(r.name).pathname)"))
    parts = {path for path in loaded if path.startswith("/static/")}
    assert any(path.endswith(".wasm") for path in parts)
    list_kept = "async () => (await (await caches.open('courier')).keys()).map((r) => new URL(r.url).pathname)"
    assert set(page.evaluate(list_kept)) == parts | {"/courier", "/static/favicon.svg"}


def test_the_code_reader_is_the_one_that_its_page_names() -> None:
    folder = Path(web.__file__).parent / "static/vendor/zxing-wasm"
    rows = re.findall(
        r"^\| `([^`]+)` \| `[^`]+` \| `([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.MULTILINE
    )
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"README.md"}
    assert {name for name, _ in rows} == files
    for name, digest in rows:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


def test_what_there_is_can_be_sent_before_all_is_read(
    phone: Callable[..., Page], desk: CourierDesk, reel: Path
) -> None:
    frames = letter(total=5)
    page = phone(*frames[:3])
    shows(page, "3 of 5")
    assert desk.came == []
    page.get_by_role("button", name="Send what I have").click()
    shows(page, "Sent in part")
    see(page, reel, *frames[2:])
    shows(page, "Grant ready")
    assert [len(came) for came in desk.came] == [3, 5]


def test_a_403_keeps_the_letter_and_says_what_the_server_said(phone: Callable[..., Page], desk: CourierDesk) -> None:
    desk.troubles = [(403, "This kiosk was taken off.")]
    page = phone(*letter(total=2))
    expect(page.get_by_text("This kiosk was taken off. Try again later.")).to_be_visible()
    page.reload()
    shows(page, "Not accepted")
    page.locator(".letter").get_by_role("button", name="Try again").click()
    shows(page, "Grant ready")
    assert [len(came) for came in desk.came] == [2, 2]


def test_who_was_signed_out_meanwhile_is_asked_to_sign_in_and_nothing_is_lost(
    phone: Callable[..., Page], desk: CourierDesk, reel: Path
) -> None:
    page = phone()
    page.context.clear_cookies()
    see(page, reel, *letter(total=2))
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    shows(page, "Waiting for sign-in")
    page.get_by_role("link", name="Sign in again").click()
    fill_in(page, "supervisor", PASSWORD)
    shows(page, "Grant ready")
    assert len(desk.came) == 1


def test_a_page_whose_token_is_stale_takes_a_new_one_by_itself(
    phone: Callable[..., Page], desk: CourierDesk, reel: Path
) -> None:
    page = phone()
    other = page.context.new_page()
    other.goto(f"{desk.address}/sign-in")
    fill_in(other, "admin", PASSWORD)  # the token of the first page belongs to a session that is no more
    other.wait_for_url("**/board")
    other.close()
    see(page, reel, *letter(total=2))
    shows(page, "Grant ready")
    assert len(desk.came) == 1


def test_a_server_that_fails_is_asked_again(phone: Callable[..., Page], desk: CourierDesk) -> None:
    desk.troubles = [(503, "The disk is full.")]
    page = phone(*letter(total=2))
    expect(page.get_by_text("The disk is full.")).to_be_visible()
    shows(page, "Waiting for the server")
    shows(page, "Grant ready")
    assert len(desk.came) == 2


def test_signing_out_asks_and_then_wipes_all_that_is_held(
    phone: Callable[..., Page], desk: CourierDesk, reel: Path
) -> None:
    page = phone(*letter(total=9)[:4])
    shows(page, "4 of 9")
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    shows(page, "4 of 9")
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    assert page.evaluate("caches.keys()") == []
    film(reel, [""])
    page.goto(f"{desk.address}/courier")
    fill_in(page, "steward", PASSWORD)
    expect(page.get_by_text("Nothing yet.")).to_be_visible()


def test_a_letter_is_discarded_only_when_one_means_it(
    phone: Callable[..., Page], desk: CourierDesk, reel: Path
) -> None:
    page = phone(*letter(total=9)[:2])
    shows(page, "2 of 9")
    see(page, reel, "")
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    expect(page.locator(".letter")).to_have_count(1)
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(page.get_by_text("Nothing yet.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Nothing yet.")).to_be_visible()


def test_a_code_that_is_no_letter_gets_a_hint_and_no_place(phone: Callable[..., Page], desk: CourierDesk) -> None:
    page = phone("T1:A BADGE OR ANYTHING ELSE")
    expect(page.get_by_text("That is not a letter.")).to_be_visible()
    expect(page.locator(".letter")).to_have_count(0)


def test_a_later_letter_takes_the_place_of_the_kiosks_earlier_one(
    phone: Callable[..., Page], desk: CourierDesk, reel: Path
) -> None:
    page = phone(*letter(total=2))
    shows(page, "Grant ready")
    page.get_by_role("button", name="Done").click()
    see(page, reel, *letter(name="00C0DF", total=3))
    shows(page, re.compile("3 of 3.*Grant ready", re.DOTALL))
    expect(page.locator(".letter")).to_have_count(1)


def test_a_page_that_was_not_opened_by_https_says_so(seeing: Browser, desk: CourierDesk) -> None:
    window = Window(seeing)
    page = window.open(PHONE)
    page.goto(f"{desk.address.replace('127.0.0.1', FAR)}/courier")
    fill_in(page, "steward", PASSWORD)
    expect(page.get_by_text("The camera works only where the address begins with https.")).to_be_visible()
    page.context.close()
    assert window.complaints() == []


def test_without_a_camera_the_page_says_what_to_do(browser: Browser, desk: CourierDesk) -> None:
    window = Window(browser)  # this Chromium has no camera
    page = window.open(PHONE)
    page.goto(f"{desk.address}/courier")
    fill_in(page, "steward", PASSWORD)
    expect(page.get_by_text(re.compile("No camera was found|The camera is not allowed"))).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    page.context.close()
    assert window.complaints() == []


def test_the_page_never_scrolls_sideways(phone: Callable[..., Page], desk: CourierDesk) -> None:
    page = phone(*letter("K-" + "VERY-LONG-" * 5 + "NAME", total=30)[:9])
    shows(page, "9 of 30")
    assert overflow(page) == {}
    page.set_viewport_size({"width": 320, "height": 568})
    assert page.evaluate("document.scrollingElement.scrollWidth") == 320
