"""The steward's corner in a real browser: opened by a long press or by keyboard, for fingers on a small display."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from admission.passage import Kind, decode
from admission.wire import Lane
from kiosk.clock import Clock
from kiosk.courier import Courier
from kiosk.diagnosis import Wanted
from kiosk.disk import Disk
from kiosk.dispatch import Dispatch, Vitals
from kiosk.doorkeeper import Doorkeeper
from kiosk.face import Place, checks, sounds
from kiosk.face.corner import blueprint
from kiosk.face.here import HEADER, MARK
from kiosk.face.screen import Screen
from kiosk.gate import Gate
from kiosk.journal import Journal
from kiosk.padlock import Padlock
from kiosk.parts import Parts
from kiosk.position import IDLE_MS
from kiosk.self_test import SelfTest
from kiosk.standing import Standing
from kiosk.steward import Corner
from kiosk.stewarding import Stewarding
from kiosk.tools import Bench, Tools
from kiosk.volume import Volume
from server import stewards
from server.store.engine import PostgresStore, SqliteStore
from server.web import create_parts
from server.web.kiosks import Lanes
from tests.browser.stage import Window, free_port
from tests.kiosk.conftest import DirectLine, Script
from tests.world import World, make_world, utc_now

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

DISPLAYS = [(800, 480), (1280, 800)]
CODE = "730518"
FRAME = np.zeros((48, 64), np.uint8)
FINGER_PX = 56
SMALL = f"""() => {{
  const found = [];
  for (const button of document.querySelectorAll("#corner button")) {{
    if (!button.checkVisibility()) continue;
    const box = button.getBoundingClientRect();
    if (box.width < {FINGER_PX} || box.height < {FINGER_PX} || button.scrollWidth > button.clientWidth
        || button.scrollHeight > button.clientHeight + 1) found.push(`small ${{button.textContent}}`);
    if (box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth)
      found.push(`outside ${{button.textContent}}`);
  }}
  const corner = document.getElementById("corner");
  if (corner.scrollHeight > corner.clientHeight || corner.scrollWidth > corner.clientWidth) found.push("scrolls");
  return found;
}}"""


@dataclass
class Door:
    """A kiosk in this process, its screen on a port, and its badges."""

    world: World
    gate: Gate
    corner: Corner
    journal: Journal
    disk: Disk
    line: DirectLine
    port: int
    ended: list[str]
    ms: int = 1_000_000

    def open(self, window: Window, size: tuple[int, int] = DISPLAYS[0]) -> Page:
        """Its page."""
        page = window.open(size)
        page.goto(f"http://127.0.0.1:{self.port}/")
        expect(page.locator("#gate")).not_to_be_empty()
        return page

    def hold_up(self, who: str) -> None:
        """A badge before the camera."""
        self.gate.hold_up(self.world.tokens[who])

    def kinds(self) -> list[tuple[Kind, int, int]]:
        """Kind, badge and count of all that was written."""
        with self.disk.reading() as connection:
            found = [decode(row[0]) for row in connection.execute("SELECT body FROM journal ORDER BY seq")]
        return [(one.kind, one.badge, one.count) for one in found]


@pytest.fixture
def door(tmp_path: Path, sqlite_store: SqliteStore | PostgresStore) -> Iterator[Door]:
    """The gate of the hall, whose steward is p5."""
    world = sqlite_store.write(lambda c: make_world(c, utc_now(), people=12))
    sqlite_store.write(lambda c: stewards.set_code(c, "p5", CODE, os.urandom(16), os.urandom))
    disk = Disk(tmp_path / "kiosk" / "kiosk.db", 77)
    made: list[Door] = []
    clock = Clock("boot", lambda: made[0].ms if made else 1_000_000)
    journal, standing = Journal(disk), Standing(disk)
    dispatch = Dispatch(world.enrolments["hall-a"], disk, journal, standing, clock, Vitals())
    line = DirectLine(dispatch, Lanes(create_parts(sqlite_store, utc_now)))
    for _ in range(3):
        line.exchange(Lane.NEWS)
    stewarding = Stewarding(disk, journal, standing, clock)
    volume = Volume(60, (), disk, standing, clock)
    test = SelfTest(clock.ms, Wanted("0"))
    ended: list[str] = []
    tools = Tools(Bench(journal, standing, clock, volume, test, ended.append))
    corner = Corner(stewarding, Padlock(disk, standing, clock), standing, clock, line, tools)
    screen = Screen(
        lambda: Place("Hall A", "The hall", "Asia/Kolkata", volume=volume.now()),
        [blueprint(lambda: corner), sounds.blueprint(), checks.blueprint(test)],
    )
    keeper = Doorkeeper(disk, journal, standing, clock)
    courier = Courier(dispatch, journal, standing, lambda: None)
    gate = Gate(Parts(journal, standing, keeper, clock, line, Script(), screen, courier, corner))
    port = free_port()
    served = screen.serve("127.0.0.1", port)
    made.append(Door(world, gate, corner, journal, disk, line, port, ended))
    yield made[0]
    served.shutdown()
    served.server_close()
    corner.close()
    disk.close()


def long_press(page: Page) -> None:
    """A finger on the upper right corner, until the dialog is there."""
    page.mouse.move(page.viewport_size["width"] - 20, 20)  # type: ignore[index]
    page.mouse.down()
    expect(page.locator("#corner")).to_be_visible()
    page.mouse.up()


def heading(page: Page, text: str) -> None:
    """Waits for the step of that heading; all its buttons can be hit with a finger."""
    expect(page.locator("#corner h2:visible")).to_have_text(text, use_inner_text=True)
    picture = os.environ.get("THRESHOLD_PICTURES")
    if picture:
        width = page.viewport_size["width"]  # type: ignore[index]
        page.screenshot(path=f"{picture}/{width}-{re.sub('[^a-z]+', '-', text.lower())}.png")
    assert page.evaluate(SMALL) == [], text


def press(page: Page, name: str) -> None:
    page.locator("#corner").get_by_role("button", name=name, exact=True).click()


def sign_on(page: Page, door: Door) -> None:
    """A long press, the badge, the code on the keypad."""
    long_press(page)
    heading(page, "Hold up your badge")
    door.hold_up("p5")
    heading(page, "Type your code")
    for digit in CODE:
        press(page, digit)
    press(page, "OK")
    heading(page, "Steward")


@pytest.mark.parametrize("size", DISPLAYS)
def test_a_steward_forces_annuls_and_counts_with_a_finger(door: Door, window: Window, size: tuple[int, int]) -> None:
    page = door.open(window, size)
    sign_on(page, door)
    note = page.locator("#corner-note")
    door.line.up = False  # nothing can be shown to be within the limit
    press(page, "Force an entry")
    heading(page, "Why are they let in?")
    press(page, "Guest of honour")
    heading(page, "Hold up the visitor's badge")
    door.hold_up("p1")
    heading(page, "OVER LIMIT")
    assert door.kinds() == []
    press(page, "Let in all the same")
    heading(page, "Steward")
    expect(note).to_have_text("Written: one person is let in.")
    door.gate.step(FRAME)
    expect(page.locator("#corner-door")).to_have_text("Welcome · Person 1")
    press(page, "Annul the last entry")
    heading(page, "Annul the last entry?")
    expect(page.locator("#corner-time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    press(page, "Annul it")
    expect(note).to_have_text("Written: that entry is annulled.")
    press(page, "Count people out without a badge")
    heading(page, "How many went out?")
    for digit in "312":
        press(page, digit)
    press(page, "OK")
    expect(note).to_have_text("Give a number from 1 to 50.")
    press(page, "1")
    press(page, "7")
    press(page, "Delete")
    press(page, "2")
    press(page, "OK")
    expect(note).to_have_text("Written: 12 out without a badge.")
    press(page, "Close")
    expect(page.locator("#corner")).to_be_hidden()
    badge = door.world.badge_ids["p1"]
    assert door.kinds() == [(Kind.FORCED, badge, 1), (Kind.ANNULLED, badge, 1), (Kind.EXIT, 0, 12)]


def test_all_of_it_can_be_done_by_keyboard(door: Door, window: Window) -> None:
    page = door.open(window)
    page.locator("#corner-open").focus()
    page.keyboard.press("Enter")
    heading(page, "Hold up your badge")
    door.hold_up("p5")
    heading(page, "Type your code")
    page.keyboard.type(CODE)
    page.keyboard.press("Enter")
    heading(page, "Steward")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Count people in without a badge")
    page.keyboard.press("Enter")
    heading(page, "How many came in?")
    page.keyboard.type("2x")
    expect(page.locator("#corner-digits")).to_have_value("2")
    page.keyboard.press("Escape")
    expect(page.locator("#corner")).to_be_hidden()
    assert door.kinds() == []


def test_a_short_touch_does_not_open_it(door: Door, window: Window) -> None:
    page = door.open(window)
    with page.expect_event("console", lambda message: message.text == "waited"):
        page.mouse.click(790, 10)
        page.evaluate("setTimeout(() => console.log('waited'), 1200)")
    expect(page.locator("#corner")).to_be_hidden()
    assert door.corner.view().number == 0


def test_what_was_typed_is_hidden_and_gone_after_a_wrong_code(door: Door, window: Window) -> None:
    page = door.open(window)
    long_press(page)
    door.hold_up("p5")
    heading(page, "Type your code")
    digits = page.locator("#corner-digits")
    press(page, "9")
    assert digits.evaluate("(input) => getComputedStyle(input).webkitTextSecurity") == "disc"
    press(page, "OK")
    expect(page.locator("#corner-note")).to_have_text("That did not work.")
    expect(digits).to_have_value("")
    for _ in range(4):
        expect(page.locator("#corner h2:visible")).to_have_text("Type your code", use_inner_text=True)
        press(page, "9")
        press(page, "OK")
        expect(digits).to_have_value("")
    heading(page, "This badge is locked here")
    assert digits.evaluate("(input) => input.type") == "text"  # no browser offers to keep it


def test_it_shuts_by_itself_after_a_minute(door: Door, window: Window) -> None:
    page = door.open(window)
    sign_on(page, door)
    door.ms += IDLE_MS
    expect(page.locator("#corner")).to_be_hidden()


def test_the_door_goes_on_and_its_verdicts_are_seen_above(door: Door, window: Window) -> None:
    page = door.open(window)
    sign_on(page, door)
    door.hold_up("p2")
    expect(page.locator("#corner-door")).to_have_text("Welcome · Person 2 · Keynote")
    expect(page.locator("#corner-door")).to_have_attribute("data-state", "welcome")


def test_two_displays_of_one_door_show_the_same_step(door: Door, window: Window) -> None:
    one, other = door.open(window), door.open(window, DISPLAYS[1])
    long_press(one)
    long_press(other)
    door.hold_up("p5")
    heading(one, "Type your code")
    heading(other, "Type your code")
    press(one, "Close")
    expect(other.locator("#corner")).to_be_hidden()


def test_no_other_page_in_the_browser_can_press(door: Door, window: Window) -> None:
    stranger = Screen(lambda: Place("Elsewhere"))
    port = free_port()
    served = stranger.serve("127.0.0.1", port)
    try:
        page = window.open()
        page.goto(f"http://127.0.0.1:{port}/static/face.css")
        for mode, headers in (("no-cors", {}), ("cors", {HEADER: MARK})):
            page.evaluate(
                "([url, mode, headers]) => fetch(url, {method: 'POST', mode, headers, body: '{}'}).catch(() => {})",
                [f"http://127.0.0.1:{door.port}/steward/open", mode, headers],
            )
        assert door.corner.view().number == 0
    finally:
        window.close()
        served.shutdown()
        served.server_close()
    window.complaints("CORS|Failed to load|Content Security|violates|Connecting")


class TestTools:
    def open(self, door: Door, window: Window, tool: str, size: tuple[int, int] = DISPLAYS[0]) -> Page:
        page = door.open(window, size)
        sign_on(page, door)
        press(page, "More")
        heading(page, "More")
        press(page, tool)
        return page

    @pytest.mark.parametrize("size", DISPLAYS)
    def test_a_badge_is_found_by_its_number_and_told_without_a_name(
        self, door: Door, window: Window, size: tuple[int, int]
    ) -> None:
        door.hold_up("p2")
        page = self.open(door, window, "Find a badge by its number", size)
        heading(page, "The badge's number?")
        number = door.world.badge_ids["p2"] >> 32
        for digit in str(number):
            press(page, digit)
        press(page, "OK")
        heading(page, f"Badge {number}")
        facts = page.locator("#found-facts")
        expect(facts).to_contain_text("By the server")
        expect(facts).to_contain_text(re.compile(r"Last hereIn, \d\d:\d\d:\d\d"))
        expect(facts).not_to_contain_text("Person")

    def test_the_last_passages_are_listed_and_scroll_by_themselves(self, door: Door, window: Window) -> None:
        for number in (1, 2, 3, 4, 6, 7, 8, 9, 10):
            door.hold_up(f"p{number}")
        page = self.open(door, window, "Last passages here")
        heading(page, "Last passages here")
        rows = page.locator("#last-rows tr")
        expect(rows).to_have_count(8)
        expect(rows.filter(has_text="Refused: not on the list")).to_have_count(1)

    def test_the_volume_is_heard_as_it_is_changed(self, door: Door, window: Window) -> None:
        page = self.open(door, window, "Volume")
        heading(page, "Volume: 60")
        press(page, "Louder")
        heading(page, "Volume: 70")
        expect(page.locator("html")).to_have_attribute("data-played", "welcome-70")

    def test_the_gate_is_turned_into_a_way_out_and_the_door_says_so(self, door: Door, window: Window) -> None:
        page = self.open(door, window, "Way out only")
        heading(page, "Make this gate a way out?")
        press(page, "Make it a way out")
        expect(page.locator("#corner-note")).to_contain_text("This gate is a way out now")
        press(page, "Close")
        door.hold_up("p2")
        expect(page.locator("h1")).to_have_text("Goodbye")

    def test_a_camera_that_gives_nothing_is_told_with_what_to_do(self, door: Door, window: Window) -> None:
        page = self.open(door, window, "Test the camera")
        heading(page, "Hold the test target up, 30 cm away")
        expect(page.locator("#test-waits")).to_be_visible()
        door.ms += 15_000
        expect(page.locator("#test-findings dt").first).to_have_text("BAD")
        expect(page.locator("#test-waits")).to_be_hidden()

    def test_a_finger_that_comes_down_twice_switches_nothing_off(self, door: Door, window: Window) -> None:
        page = self.open(door, window, "Restart or switch off")
        for name, asked in (("Switch off", "Switch this kiosk off?"), ("Restart the program", "Restart the program?")):
            page.locator("#corner").get_by_role("button", name=name, exact=True).dblclick()
            heading(page, asked)
            assert door.ended == []
            press(page, "No, back")
            heading(page, "Restart or switch off")

    def test_switching_off_takes_two_presses_more(self, door: Door, window: Window) -> None:
        page = self.open(door, window, "Restart or switch off")
        heading(page, "Restart or switch off")
        press(page, "Switch off")
        heading(page, "Switch this kiosk off?")
        press(page, "No, back")
        heading(page, "Restart or switch off")
        press(page, "Restart the program")
        heading(page, "Restart the program?")
        assert door.ended == []
        press(page, "Yes")
        heading(page, "More")
        assert door.ended == ["program"]
