"""Acts and incidents in a real browser: two people at two screens, what comes by itself, and what a phone shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from admission.passage import Kind
from tests.browser.stage import Venue, Window, overflow
from tests.world import PaperKiosk, utc_now

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SIZES = [(360, 740), (820, 1180), (1440, 900)]


@pytest.fixture(scope="module")
def gates(venue: Venue) -> dict[str, PaperKiosk]:
    """The kiosks of the hall, with seats."""
    made = {gate: venue.kiosk(gate, "hall") for gate in ("hall-a", "hall-b")}
    for kiosk in made.values():
        venue.hear(kiosk)
    return made


@pytest.fixture(scope="module")
def trouble(venue: Venue) -> None:
    """A cloned card, which is grave, and a record that nobody can read, which is not."""
    for person in ("p11", "p12"):
        clone = venue.kiosk("salon-door", "salon")
        clone.pass_through(Kind.ENTRY, venue.world.badge_ids[person], utc_now(), session="talks")
        venue.hear(clone)
    torn = venue.kiosk("club-door", "club")
    torn.append(b"no passage " + b"n" * 90)
    venue.hear(torn)


@pytest.fixture
def at(venue: Venue, window: Window) -> Callable[..., Page]:
    """Somebody's screen, in a context of their own."""

    def opened(role: str, path: str, **size: Any) -> Page:
        page = window.sign_in(venue, role, **size)
        page.goto(venue.address + path)
        return page

    return opened


def asks(page: Page, venue: Venue, kind: str, choice: str, **typed: str) -> None:
    """Fills in the form of an act and sends it."""
    page.goto(f"{venue.address}/supervision/{kind}")
    page.get_by_label("Room").select_option(choice)
    for label, text in typed.items():
        page.locator(f"[name={label}]").fill(text)
    page.get_by_role("button", name=re.compile("Do it|Ask a second person")).click()
    expect(page).to_have_url(re.compile(r"/supervision\?did=\d+"))


def test_a_second_person_sees_at_once_what_waits_and_confirms_it(venue: Venue, at: Callable[..., Page]) -> None:
    first, second = at("supervisor", "/supervision"), at("admin", "/supervision")
    expect(second.get_by_text("Nothing waits.")).to_be_visible()
    asks(first, venue, "capacity", "club", limit="25", reason="Fire marshal's order")
    mine, theirs = first.locator("#waiting .ask"), second.locator("#waiting .ask")
    expect(theirs).to_contain_text("The club: limit 25 (was 30)")
    for told in ("supervisor", "Fire marshal's order", "Only if: The limit is what fire safety allows"):
        expect(theirs).to_contain_text(told)
    expect(mine).to_contain_text("Somebody else has to confirm this.")
    expect(mine.get_by_role("button", name="Confirm")).to_have_count(0)
    theirs.get_by_role("button", name="Confirm").click()
    expect(second.get_by_role("status").filter(has_text="Done: limit 25, reserve 0")).to_be_visible()
    expect(first.get_by_text("Nothing waits.")).to_be_visible()
    newest = first.locator("#audit li").first
    expect(newest).to_contain_text("confirmed by admin")
    second.reload()
    expect(second.locator("#audit li", has_text="Fire marshal's order")).to_have_count(1)


def test_the_asker_takes_an_act_back_and_it_goes_from_both_screens(venue: Venue, at: Callable[..., Page]) -> None:
    first, second = at("supervisor", "/supervision"), at("admin", "/supervision")
    asks(first, venue, "unbadged-out", "hall", bodies="3", reason="Through the kitchen")
    expect(second.locator("#waiting .ask")).to_have_count(1)
    first.get_by_role("button", name="Take it back").click()
    expect(second.get_by_text("Nothing waits.")).to_be_visible()
    expect(first.locator("#audit li").first).to_contain_text("Taken back")


def test_a_head_count_in_three_steps(venue: Venue, at: Callable[..., Page], gates: dict[str, PaperKiosk]) -> None:
    page = at("supervisor", "/supervision/count")
    page.get_by_label("Room").select_option("hall")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Step 1 of 3")).to_be_visible()
    page.get_by_label("Reason").fill("Too many people")
    page.get_by_role("button", name="Hold entries").click()
    expect(page.get_by_role("heading", name="Step 2 of 3")).to_be_visible()
    rows = {gate: page.locator("#keepers li", has_text=f"k-{gate}") for gate in gates}
    for row in rows.values():
        expect(row).to_contain_text("Silent")
    page.get_by_label("Heads counted").fill("12")
    rows["hall-b"].get_by_role("checkbox").check()
    for _ in range(2):
        venue.hear(gates["hall-a"])
    expect(rows["hall-a"]).to_contain_text("Holds")
    expect(rows["hall-a"].get_by_role("checkbox")).to_have_count(0)
    expect(rows["hall-b"].get_by_role("checkbox")).to_be_checked()
    expect(page.get_by_label("Heads counted")).to_have_value("12")
    page.get_by_label("Reason").fill("Counted twice")
    page.get_by_role("button", name="Ask a second person").click()
    second = at("admin", "/supervision")
    expect(second.locator("#waiting .ask")).to_contain_text("The hall: 12 inside; off and in hand, or gone: k-hall-b/")
    second.get_by_role("button", name="Confirm").click()
    expect(second.locator("#closed")).to_contain_text("12 counted; it settles when these have reported: k-hall-a")
    for _ in range(2):
        venue.hear(gates["hall-a"])
    expect(second.get_by_text("Rooms that let nobody in")).to_have_count(0)


def test_an_incident_appears_by_itself_is_taken_up_and_resolved(
    venue: Venue, window: Window, at: Callable[..., Page], gates: dict[str, PaperKiosk]
) -> None:
    ada, other = at("steward", "/incidents"), at("supervisor", "/incidents")
    before = int(ada.locator("[data-open-tab]").inner_text())
    for gate in ("hall-a", "hall-a"):
        gates[gate].pass_through(Kind.ENTRY, venue.world.badge_ids["p7"], utc_now())
    venue.hear(gates["hall-a"])
    card, theirs = (page.locator(".incident", has_text="Person 7 (p7)") for page in (ada, other))
    for told in ("Somebody came in twice", "Look into it", "FirstHall A", "ThenHall A", "k-hall-a (Hall A)"):
        expect(card).to_contain_text(told)
    for page in (ada, other):
        expect(page.locator(".open-count").first).to_have_text(str(before + 1))
    theirs.get_by_text("Resolve", exact=True).click()
    theirs.get_by_label("What was found and done").fill("Twins, both")
    card.get_by_role("button", name="I look after it").click()
    expect(theirs).to_contain_text("steward looks after it")
    expect(theirs.get_by_label("What was found and done")).to_have_value("Twins, both")
    theirs.get_by_label("What was found and done").fill("Twins, both invited")
    theirs.get_by_role("button", name="Resolve it").click()
    expect(card).to_have_count(0)
    expect(ada.locator(".open-count").first).to_have_text(str(before or ""))
    ada.get_by_role("link", name="Resolved").click()
    expect(card).to_contain_text("Twins, both invited")


def test_a_server_that_is_away_is_said_and_then_the_page_goes_on(
    venue: Venue, window: Window, at: Callable[..., Page]
) -> None:
    page = at("supervisor", "/supervision")
    page.context.set_offline(True)
    expect(page.locator("#lost")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("#lost")).to_be_hidden()
    assert window.complaints("ERR_INTERNET_DISCONNECTED") == []


def test_it_works_without_scripts(venue: Venue, at: Callable[..., Page]) -> None:
    signed_in = at("supervisor", "/supervision")
    assert signed_in.context.browser is not None
    plain = signed_in.context.browser.new_context(
        java_script_enabled=False, storage_state=signed_in.context.storage_state()
    )
    page = plain.new_page()
    asks(page, venue, "hold", "club", reason="Crowd at the stairs")
    expect(page.locator(".did")).to_contain_text("entries are held")
    asks(page, venue, "reopen", "club", reason="Gone")
    expect(page.locator(".did")).to_contain_text("the gates admit again")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_sticks_out_and_grave_ones_differ_by_word_and_shape(
    venue: Venue, at: Callable[..., Page], trouble: None, size: tuple[int, int], scheme: Any
) -> None:
    page = at("admin", "/incidents", size=size)
    page.emulate_media(color_scheme=scheme)
    grave, usual = (page.locator(f".incident[data-gravity={kind}] .gravity").first for kind in ("grave", "usual"))
    expect(grave).to_have_text("Grave")
    expect(usual).to_have_text("Look into it")
    shapes = {one.locator("use").get_attribute("href") for one in (grave, usual)}
    assert len(shapes) == 2
    for path in (
        "/incidents",
        "/incidents?resolved=1",
        "/supervision",
        "/supervision/capacity",
        "/supervision/count?room=hall",
    ):
        page.goto(venue.address + path)
        wide = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        assert wide <= 0, path
    assert overflow(page) == {}
    for button in page.get_by_role("main").get_by_role("button").all():
        box = button.bounding_box()
        assert box is None or box["height"] >= 44
