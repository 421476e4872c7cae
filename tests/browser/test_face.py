"""The door's screen in a real browser: every state in words, whole on every display, and honest when it is lost."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from itertools import chain

import pytest
from playwright.sync_api import Page, expect

from admission.rules import Why
from kiosk.face import Place, Shown, Status, hint, refusal
from kiosk.face.screen import Screen
from kiosk.face.words import TRY, WORDS
from kiosk.reader import Advice
from tests.browser.stage import Process, Window, free_port, until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

LOST_MS = 15_000
DISPLAYS = {"7 inch": (800, 480), "10 inch": (1280, 800)}
NAME = "Dr. Maximiliane Freifrau von und zu Hohenlohe-Waldenburg"
SESSION = "Who answers when a machine errs? A fireside conversation with the founders"
STATES = [
    Shown("moment", "starting"),
    Shown("waiting", "waiting"),
    Shown("closed", "closed_now"),
    Shown("closed", "exit_only"),
    Shown("reading", "reading"),
    *(hint(advice) for advice in Advice),
    Shown("moment", "moment"),
    Shown("welcome", "welcome"),
    Shown("welcome", "welcome", NAME, SESSION),
    Shown("goodbye", "goodbye", NAME),
    Shown("counted", "counted", detail="10:02:11"),
    Shown("steward", "steward"),
    Shown("trouble", "camera_away"),
    Shown("trouble", "disk_full"),
    Shown("trouble", "out_of_order"),
    Shown("pairing", "pair"),
    Shown("moment", "pair_moment"),
    Shown("pairing", "pair_digits", "123 456", "north-1 · hall-a"),
    Shown("pairing", "pair_done", detail="north-1 · hall-a"),
    Shown("pairing", "pair_refused"),
    Shown("pairing", "pair_expired"),
    Shown("pairing", "pair_away", detail="http://192.168.100.200:8080"),
    Shown("pairing", "pair_untrusted", detail="https://registration.conference-centre.example.org:8443"),
    Shown("courier", "courier_thanks", "12 more seats"),
    Shown("courier", "courier_old"),
    Shown("courier", "courier_astray", detail="k-the-grand-auditorium-of-the-palace-north"),
    Shown("courier", "courier_doubted"),
    refusal(Why.NO_SEATS, TRY.format(gate="The Grand Auditorium, north entrance, left")),
    *(refusal(why, "The Grand Auditorium of the Palace" if why is Why.FULL else "") for why in Why),
]
READ = """() => {
  const text = (id) => document.getElementById(id).textContent;
  const pictures = [...document.querySelectorAll(".picture svg")].filter((one) => one.checkVisibility());
  return {
    ...Object.fromEntries(["title", "advice", "name", "detail", "trouble"].map((id) => [id, text(id)])),
    state: document.getElementById("face").dataset.state,
    pictures: pictures.map((one) => one.dataset.for),
  };
}"""
STICKS_OUT = """() => {
  const root = document.documentElement;
  const words = document.querySelector(".words");
  const found = root.scrollHeight <= innerHeight && root.scrollWidth <= innerWidth ? [] : ["page"];
  if (words.scrollHeight > words.clientHeight || words.scrollWidth > words.clientWidth) found.push("words");
  for (const part of document.querySelectorAll("h1, main p, #trouble, footer, .picture svg")) {
    const box = part.getBoundingClientRect();
    if (box.width && (box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth))
      found.push(part.id || part.tagName);
  }
  return found;
}"""
FIRST_WORD_LINES = """() => {
  const text = document.getElementById("name").firstChild;
  const word = document.createRange();
  word.setStart(text, 0);
  word.setEnd(text, text.data.split(" ")[0].length);
  return word.getClientRects().length;
}"""
ALONE = """
import sys, threading
from kiosk.face import Place, Shown
from kiosk.face.screen import Screen
screen = Screen(lambda: Place("Hall A", "The hall"))
screen.show(Shown("waiting", "waiting"))
screen.serve("127.0.0.1", int(sys.argv[1]))
threading.Event().wait()
"""


class Door:
    """A screen in this process. Where it stands is not known at first, as on a new kiosk."""

    def __init__(self) -> None:
        self.place = Place()
        self.screen = Screen(lambda: self.place)
        self.port = free_port()
        self._server = self.screen.serve("127.0.0.1", self.port)

    def open(self, window: Window, display: str = "7 inch") -> Page:
        """Its page."""
        page = window.open(DISPLAYS[display])
        page.goto(f"http://127.0.0.1:{self.port}/")
        return page

    def close(self) -> None:
        """Serves no more."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def door() -> Iterator[Door]:
    """A door that knows where it stands."""
    made = Door()
    made.place = Place("Hall A", "The hall", "Asia/Kolkata")
    yield made
    made.close()


def test_every_key_that_has_words_is_among_the_states_tried_here() -> None:
    assert {shown.key for shown in STATES} == set(WORDS)


def test_every_state_is_shown_in_its_own_words_and_fits_every_display(door: Door, window: Window) -> None:
    pages = [door.open(window, display) for display in DISPLAYS]
    calm, rough = Status(link_up=True), Status(False, 1234, "The disk is full: nothing can be written.", "10:02")
    for shown, status in chain(((s, calm) for s in STATES), ((s, rough) for s in STATES)):
        door.screen.report(status)
        door.screen.show(shown)
        words = {"title": shown.title, "advice": shown.advice, "name": shown.name, "detail": shown.detail}
        wanted = words | {"state": shown.state, "pictures": [shown.state], "trouble": status.trouble}
        for page in pages:
            until(lambda page=page, wanted=wanted: page.evaluate(READ) == wanted, f"{wanted} is shown")  # type: ignore[misc]
            assert page.evaluate(STICKS_OUT) == [], (shown, status, page.viewport_size)


def test_a_long_word_in_a_name_is_made_smaller_and_broken_only_if_it_never_fits(door: Door, window: Window) -> None:
    page = door.open(window)
    for name, whole in (("Andriamanantenasoa Mamitiana", True), ("Hubert" * 8, False)):
        door.screen.show(Shown("welcome", "welcome", name))
        expect(page.locator("#name")).to_have_text(name)
        assert (page.evaluate(FIRST_WORD_LINES) == 1) is whole
        assert page.evaluate(STICKS_OUT) == []


def test_a_new_door_learns_where_it_stands_without_a_reload(window: Window) -> None:
    door = Door()
    page = door.open(window)
    expect(page.locator(".place")).to_be_hidden()
    door.place = Place("Hall A", "The hall", "Asia/Kolkata")
    door.screen.show(Shown("waiting", "waiting"))
    expect(page.locator(".place")).to_have_text("Hall A · The hall")
    expect(page).to_have_title("Hall A")
    door.close()


def test_the_page_says_that_it_lost_its_kiosk_and_finds_it_again(window: Window) -> None:
    processes, pages = [], []
    for _ in range(2):
        port = free_port()
        process = Process([sys.executable, "-c", ALONE, str(port)], port)
        process.start()
        page = window.open(DISPLAYS["7 inch"])
        page.goto(process.address)
        expect(page.locator("#face")).to_have_attribute("data-state", "waiting")
        processes.append(process)
        pages.append(page)
    dead, hung = processes
    try:
        dead.kill()
        hung.signal(signal.SIGSTOP)  # its connections stay open, without a word
        for page in pages:
            expect(page.locator("#face")).to_have_attribute("data-state", "lost", timeout=LOST_MS)
            expect(page.locator("#title")).to_have_text("Please ask a steward")
            expect(page.locator("#advice")).to_have_text("This screen has lost its kiosk.")
            assert page.evaluate(STICKS_OUT) == []
        dead.start()
        hung.signal(signal.SIGCONT)
        for page in pages:
            expect(page.locator("#face")).to_have_attribute("data-state", "waiting", timeout=LOST_MS)
    finally:
        window.close()  # first: pages whose server ends go on complaining
        for process in processes:
            process.kill()
    assert window.complaints("net::ERR_") == []
