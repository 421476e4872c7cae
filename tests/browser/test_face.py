"""The door's screen in a real browser: every state in words, whole on every display, and honest when it is lost."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from dataclasses import astuple, replace
from itertools import chain

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from kiosk.face import Place, Shown, Status, sounds, viewfinder
from kiosk.face.language import LANGUAGES, choose, say
from kiosk.face.screen import Screen
from kiosk.face.viewfinder import STALE_MS, WIDTH, Viewfinder
from kiosk.face.words import WORDS
from tests.browser.stage import Process, Window, free_port, until
from tests.faces import DISPLAYS, STATES, spoken

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

LOST_MS = 15_000
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
LEAST_PX = 17.5
"""The smallest type on any display: on a 7-inch one, which has 0.19 mm a pixel, its capitals are 2.4 mm high."""
READ = """() => {
  const text = (selector) => document.querySelector(selector).textContent;
  const pictures = [...document.querySelectorAll(".picture svg")].filter((one) => one.checkVisibility());
  const lines = [...document.querySelectorAll(".line:not([hidden])")];
  return {
    lines: lines.map((one) => [
      one.lang, one.dir, ...[".title", ".advice", ".also"].map((part) => one.querySelector(part).textContent),
    ]),
    name: text("#name"), detail: text("#detail"), trouble: text("#trouble"),
    state: document.getElementById("face").dataset.state,
    pictures: pictures.map((one) => one.dataset.for),
  };
}"""
STICKS_OUT = """() => {
  const root = document.documentElement;
  const words = document.querySelector(".words");
  const found = root.scrollHeight <= innerHeight && root.scrollWidth <= innerWidth ? [] : ["page"];
  if (words.scrollHeight > words.clientHeight || words.scrollWidth > words.clientWidth) found.push("words");
  for (const part of document.querySelectorAll("h1, h2, main p, #trouble, footer, .picture svg, .view")) {
    const box = part.getBoundingClientRect();
    if (box.width && (box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth))
      found.push(part.id || part.tagName);
  }
  return found;
}"""
ALL_THAT_STICKS_OUT = f"""async (faces) => {{
  const {{ speak }} = await import("/static/words.js");
  const measure = {STICKS_OUT};
  const main = document.getElementById("face");
  const found = [];
  for (const face of faces) {{
    main.dataset.state = face.state;
    main.dataset.key = face.key;
    speak(face);
    const parts = measure();
    const smallest = Math.min(...[...document.querySelectorAll(".words :is(h1, h2, p)")]
      .filter((one) => one.checkVisibility()).map((one) => parseFloat(getComputedStyle(one).fontSize)));
    if (parts.length || smallest < {LEAST_PX})
      found.push([face.key, face.lines.map((one) => one.lang).join(), smallest, ...parts]);
  }}
  return found;
}}"""
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
        self.finder, self.now_ms = Viewfinder(), 0
        pages = [sounds.blueprint(), viewfinder.blueprint(self.finder, lambda: self.now_ms)]
        self.screen = Screen(lambda: self.place, pages)
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


def picture_of(shown: Shown) -> str:
    return "way-out" if shown.key == "waiting_out" else shown.state


def test_every_state_is_shown_in_its_own_words_and_fits_every_display(door: Door, window: Window) -> None:
    pages = [door.open(window, display) for display in DISPLAYS]
    calm, rough = Status(link_up=True), Status(False, 1234, "The disk is full: nothing can be written.", "10:02")
    for shown, status in chain(((s, calm) for s in STATES), ((s, rough) for s in STATES[::4])):
        door.screen.report(status)
        door.screen.show(shown)
        lines = [list(astuple(say(shown, language))) for language in choose(shown, ("en", "fr"))]
        wanted = {"lines": lines, "name": shown.name, "detail": "" if shown.about else shown.detail}
        wanted |= {"state": shown.state, "pictures": [picture_of(shown)], "trouble": status.trouble}
        for page in pages:
            until(lambda page=page, wanted=wanted: page.evaluate(READ) == wanted, f"{wanted} is shown")  # type: ignore[misc]
            assert page.evaluate(STICKS_OUT) == [], (shown, status, page.viewport_size)


@pytest.mark.parametrize("display", DISPLAYS)
def test_every_state_fits_in_every_language_and_in_two_at_once(door: Door, window: Window, display: str) -> None:
    page = door.open(window, display)
    faces = []
    for shown in spoken():
        door.screen.show(shown)
        faces.append(door.screen.state())
    for pair in (("fr", "es"), ("ru", "hi"), ("ar", "zh")):
        door.place = replace(door.place, languages=pair)
        for shown in STATES:
            door.screen.show(shown)
            faces.append(door.screen.state())
    assert page.evaluate(ALL_THAT_STICKS_OUT, faces) == []


def test_an_event_of_many_languages_shows_them_by_turns_while_nobody_is_there(door: Door, window: Window) -> None:
    page = door.open(window)
    page.clock.install()
    door.place = replace(door.place, languages=tuple(LANGUAGES))
    page.reload()
    door.screen.show(Shown("waiting", "waiting"))
    seen: list[str] = []
    for queue in range(1, 5):
        door.screen.report(Status(link_up=True, queue=queue))  # what the page hears is no reason to begin anew
        expect(page.locator("#queue")).to_have_text(str(queue))
        expect(page.locator(".line").first).not_to_have_attribute("lang", seen[-1] if seen else "")
        seen.append(page.locator(".line").first.get_attribute("lang") or "")
        page.clock.run_for(6100)
    assert seen == ["en", "es", "zh", "hi"]
    door.screen.show(Shown("refused", "expired"))
    expect(page.locator("#face")).to_have_attribute("data-state", "refused")
    assert [line.get_attribute("lang") for line in page.locator(".line:not([hidden])").all()] == ["en", "fr"]


def test_no_state_has_a_fault_that_axe_knows_of(door: Door, window: Window) -> None:
    page = door.open(window)
    wrong = []
    for shown in {shown.state: shown for shown in STATES}.values():
        door.screen.show(replace(shown, speaks="ar" if shown.state == "full" else ""))
        expect(page.locator("#face")).to_have_attribute("data-state", shown.state)
        found = Axe().run(page, options=RULES).response["violations"]
        wrong += [(shown.state, one["id"], one["nodes"][0]["target"]) for one in found]
    assert wrong == []


def test_the_mirror_is_there_while_a_badge_is_looked_for_and_gone_with_the_camera(door: Door, window: Window) -> None:
    page = door.open(window)
    view = page.locator("#view")
    door.screen.show(Shown("waiting", "waiting"))
    expect(view).to_be_hidden()
    door.finder.see(np.full((720, 1280), 200, np.uint8), door.now_ms)
    expect(view).to_be_visible()
    assert page.locator("#view-picture").evaluate("(picture) => picture.naturalWidth") == WIDTH
    door.screen.show(Shown("welcome", "welcome"))
    expect(view).to_be_hidden()
    door.screen.show(Shown("waiting", "waiting"))
    expect(view).to_be_visible()
    door.now_ms += STALE_MS + 1
    expect(view).to_be_hidden()


def test_each_answer_is_heard_once_at_the_doors_volume_and_never_at_night(door: Door, window: Window) -> None:
    page = door.open(window)
    page.evaluate(
        """() => {
          window.heard = [];
          const { start } = AudioBufferSourceNode.prototype;
          AudioBufferSourceNode.prototype.start = function () {
            window.heard.push(this.buffer.duration);
            start.call(this);
          };
        }"""
    )

    def heard() -> int:
        return len(page.evaluate("window.heard"))

    door.place = replace(door.place, volume=60)
    for count in (1, 2):
        door.screen.show(Shown("welcome", "welcome"))
        until(lambda count=count: heard() == count, f"sound {count}")  # type: ignore[misc]
    assert all(0.3 < seconds < 2 for seconds in page.evaluate("window.heard"))
    door.screen.report(Status(queue=3))
    door.place = replace(door.place, volume=0)
    door.screen.show(Shown("refused", "expired"))
    expect(page.locator("#face")).to_have_attribute("data-state", "refused")
    expect(page.locator("#queue")).to_have_text("3")
    assert heard() == 2


def test_a_visitor_whose_language_is_known_reads_that_one_alone_and_from_its_own_side(
    door: Door, window: Window
) -> None:
    page = door.open(window)
    door.screen.show(Shown("refused", "expired", speaks="ar"))
    expect(page.locator("h1")).to_have_text(say(Shown("refused", "expired"), "ar").title)
    words, picture = (page.locator(part).bounding_box() for part in ("h1", ".picture"))
    assert words
    assert picture
    assert picture["x"] > words["x"]
    assert page.locator(".line:not([hidden])").count() == 1


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
    window.close()  # first: a page whose server ends goes on complaining
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
            expect(page.locator("h1")).to_have_text("Please ask a steward")
            expect(page.locator(".advice").first).to_have_text("This screen has lost its kiosk.")
            expect(page.locator("h2.title")).to_have_text(say(Shown("lost", "lost"), "fr").title)
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
