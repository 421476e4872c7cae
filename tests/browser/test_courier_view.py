"""The courier's view on a door's screen in a real browser: codes that can be read off it; and the whole way, from a
cut-off kiosk's screen through a phone's camera to a real server, and back into the kiosk's."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from admission import courier
from kiosk.face import Place, Shown, Status, courier_view
from kiosk.face.screen import Screen
from kiosk.gate import Gate
from server.store.engine import SqliteStore, migrate
from server.web import create_app
from server.web.kiosks import Lanes
from tests.browser.courier_desk import Grey, film, film_pictures, grey, launch, read_codes
from tests.browser.stage import Window, fill_in, free_port, until
from tests.eyes import new_eye
from tests.kiosk.conftest import Kiosk, Time
from tests.world import PASSWORD, make_world, utc_now

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

DISPLAYS = {"7 inch": (800, 480), "10 inch": (1280, 800), "upright": (1080, 1920)}
PHONE = (390, 844)
PEOPLE = [f"p{number}" for number in range(1, 61) if number != 3]
PLACE = """() => {
  const box = document.querySelector("#courier-code img").getBoundingClientRect();
  return [box.x, box.y, box.width, box.height];
}"""
OUT_OF_SIGHT = """() => [...document.querySelectorAll("#courier :is(h2, p, button, img)")].filter((part) => {
  const box = part.getBoundingClientRect();
  return box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth;
}).map((part) => part.id || part.tagName)"""


class Door:
    """A cut-off kiosk at a real server's gate, and its screen. ``slips`` makes its letters."""

    def __init__(self, folder: Path) -> None:
        database = folder / "threshold.db"
        migrate(f"sqlite:///{database}")
        self.store = SqliteStore(database)
        world = self.store.write(lambda connection: make_world(connection, utc_now()))
        time = Time(world.now)
        self.app = create_app(self.store, time)
        lanes = Lanes(self.app.extensions["threshold"])
        other = Kiosk(folder / "other", world, lanes, "hall-b", time)
        self.kiosk = Kiosk(folder / "kiosk", world, lanes, "hall-a", time)
        for one in (other, self.kiosk, other, self.kiosk):  # each holds about half of the seats then
            one.hear()
        other.disk.close()
        self.kiosk.line.cut, self.kiosk.line.up = True, False
        self.slips: Callable[[], list[str]] = self.kiosk.courier.slips
        corner = courier_view.blueprint(lambda: list(self.slips()))
        self.screen = Screen(lambda: Place("Hall A", "The hall", "Asia/Kolkata"), [corner])
        self.screen.show(Shown("waiting", "waiting"))
        self.port = free_port()
        self._serving = [self.screen.serve("127.0.0.1", self.port)]

    def serve_office(self) -> str:
        """The server's own pages, over HTTP; their address."""
        port = free_port()
        server = make_server("127.0.0.1", port, self.app, threaded=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self._serving.append(server)
        return f"http://127.0.0.1:{port}"

    def close(self) -> None:
        """Serves no more."""
        for server in self._serving:
            server.shutdown()
            server.server_close()
        self.kiosk.disk.close()
        self.store.close()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """A door without a network."""
    made = Door(tmp_path)
    yield made
    made.close()


def open_page(door: Door, window: Window, display: str = "7 inch") -> Page:
    """The door's page, whose time the test can hurry on."""
    page = window.open(DISPLAYS[display])
    page.clock.install()
    page.goto(f"http://127.0.0.1:{door.port}/")
    return page


def hurry(door: Door, page: Page, seconds: int) -> None:
    """Lets time pass on the page, with a word from the kiosk now and then."""
    for step in range(seconds // 5):
        door.screen.report(replace(door.screen._status, queue=1000 + step))
        expect(page.locator("#queue")).to_have_text(str(1000 + step))
        page.clock.fast_forward(5_000)


def open_view(door: Door, page: Page) -> None:
    """Waits for the way to the view, and takes it."""
    hurry(door, page, 15)
    page.get_by_role("button", name="Courier").click()


def codes_on(page: Page, count: int) -> dict[str, Grey]:
    """Watches the screen until so many codes were seen; each with a picture of the screen."""
    seen: dict[str, Grey] = {}

    def look() -> bool:
        shot = page.screenshot()
        seen.update((text, grey(shot)) for text in read_codes(shot))
        return len(seen) >= count

    until(look, f"{count} codes on the screen")
    return seen


def test_the_way_to_it_opens_when_the_link_has_been_down_for_ten_seconds(door: Door, window: Window) -> None:
    door.screen.report(Status(link_up=True))
    page = open_page(door, window)
    way = page.get_by_role("button", name="Courier")
    hurry(door, page, 15)
    expect(way).to_be_hidden()
    door.screen.report(Status(link_up=False))
    expect(page.get_by_text("Offline")).to_be_visible()
    page.clock.fast_forward(9_000)
    expect(way).to_be_hidden()
    hurry(door, page, 5)
    expect(way).to_be_visible()
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    door.screen.report(Status(link_up=True))
    expect(way).to_be_hidden()


@pytest.mark.parametrize("display", DISPLAYS)
def test_every_code_can_be_read_off_the_screen(door: Door, window: Window, display: str) -> None:
    for name in PEOPLE:
        door.kiosk.show(name, later_ms=1_000)
    door.slips = (letter := door.kiosk.courier.slips()).copy
    assert len(letter) >= 3
    page = open_page(door, window, display)
    open_view(door, page)
    assert set(codes_on(page, len(letter))) == set(letter)
    modules = 4 * courier_view.version_of(max(letter, key=len)) + 17 + 8
    x, y, width, height = page.evaluate(PLACE)
    assert (x, y, width % modules, height) == (0, 0, 0, width)
    assert width + modules > min(DISPLAYS[display])  # as large as fits
    expect(page.locator("#courier-progress")).to_have_text(f"2 of {len(letter)}")
    assert page.evaluate(OUT_OF_SIGHT) == []


def test_it_works_by_keyboard_and_each_opening_makes_a_fresh_letter(door: Door, window: Window) -> None:
    page = open_page(door, window)
    hurry(door, page, 15)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    [first] = codes_on(page, 1)
    page.keyboard.press("Enter")  # on the button to close
    expect(page.locator("#courier")).to_be_hidden()
    door.kiosk.show("p1")
    page.get_by_role("button", name="Courier").click()
    [second] = codes_on(page, 1)
    assert second != first
    page.keyboard.press("Escape")
    expect(page.locator("#courier")).to_be_hidden()


def test_it_closes_by_itself_after_three_minutes(door: Door, window: Window) -> None:
    page = open_page(door, window)
    open_view(door, page)
    hurry(door, page, 170)
    expect(page.locator("#courier-code img")).to_be_visible()
    hurry(door, page, 15)
    expect(page.locator("#courier")).to_be_hidden()


def test_a_visitors_verdict_is_shown_before_the_codes_and_the_thanks_end_them(door: Door, window: Window) -> None:
    page = open_page(door, window)
    open_view(door, page)
    expect(page.locator("#courier-code img")).to_be_visible()
    door.screen.show(Shown("welcome", "welcome", "Person 1"))
    expect(page.locator("#courier-code img")).to_be_hidden()
    door.screen.show(Shown("waiting", "waiting"))
    expect(page.locator("#courier-code img")).to_be_visible()
    door.screen.show(Shown("courier", "courier_thanks", detail="12", about="more_seats"))
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    door.screen.show(Shown("waiting", "waiting"))
    expect(page.locator("h1")).to_have_text("Hold up your badge")
    expect(page.locator("#courier")).to_be_hidden()


def test_a_letter_that_cannot_be_made_is_explained(door: Door, window: Window) -> None:
    door.slips = list
    page = open_page(door, window)
    open_view(door, page)
    expect(page.locator("#courier-progress")).to_have_text("No letter: this kiosk is not set up: pair it first")
    assert window.complaints("status of 409") == []


def _with_code(page: Page) -> bytes | None:
    """A picture of the page, if a code in it can be read."""
    shot = page.screenshot()
    return shot if read_codes(shot) else None


@pytest.fixture
def reel(tmp_path: Path) -> Path:
    """The film in the phone's camera."""
    film(tmp_path / "film.y4m", [""])
    return tmp_path / "film.y4m"


@pytest.fixture
def phone(browser: Browser, reel: Path) -> Iterator[Window]:
    """A phone whose camera shows the film."""
    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    opened = launch(browser.browser_type, *camera, f"--use-file-for-fake-video-capture={reel}")
    window = Window(opened)
    yield window
    window.close()
    opened.close()
    assert window.complaints() == []


def test_a_cut_off_door_without_seats_admits_again_after_a_phone_has_been_to_the_server(
    door: Door, window: Window, phone: Window, reel: Path
) -> None:
    kiosk = door.kiosk
    balance = kiosk.standing.account("hall").balance
    for name in PEOPLE[:balance]:
        assert kiosk.show(name, later_ms=1_000) == "welcome"
    assert kiosk.show(PEOPLE[balance]) == "no_seats"
    letter = kiosk.courier.slips()
    page = open_page(door, window)
    open_view(door, page)
    film_pictures(reel, [picture[:, :480] for picture in codes_on(page, len(letter)).values()])

    steward = phone.open(PHONE)
    steward.goto(f"{door.serve_office()}/courier")
    fill_in(steward, "steward", PASSWORD)
    box = steward.get_by_role("dialog", name="Hold this up to the camera of Hall A")
    expect(box).to_contain_text(re.compile(r"\d+ more seats for Hall A"))
    shot = until(lambda: _with_code(steward), "the code on the phone")
    with door.store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM passage").scalar_one() == balance + 1

    kiosk.ms += 10_000
    gate = Gate(replace(kiosk.parts, reader=new_eye(), face=door.screen))
    gate.step(grey(shot))
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    expect(page.locator(".also").first).to_have_text(re.compile(r"^More seats for this door: \W?\d+\W?$"))
    assert kiosk.journal.waiting == 0
    assert courier.is_answer(read_codes(shot)[0])
    assert kiosk.line.cut
    assert kiosk.show(PEOPLE[balance]) == "welcome"
