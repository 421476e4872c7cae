"""The log in a real browser: what is listed, filtered, turned and taken home."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from admission.passage import Kind
from tests.browser.stage import SIZES, Venue, Window, overflow
from tests.world import utc_now

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PAGE = 100


@pytest.fixture(scope="module")
def told(venue: Venue) -> int:
    """Passages: everybody tries the club's door in vain and then enters the hall; how many that are."""
    club, hall = venue.kiosk("club-door", "club"), venue.kiosk("hall-a", "hall")
    everybody = [venue.world.badge_ids[f"p{number}"] for number in range(1, len(venue.world.badge_ids) + 1)]
    for badge in everybody:
        club.pass_through(Kind.REFUSED, badge, utc_now(), session="dinner", why="not_listed")
    venue.hear(club)
    for badge in everybody:
        hall.pass_through(Kind.ENTRY, badge, utc_now())
    venue.hear(hall)
    return 2 * len(everybody)


def passages(page: Page) -> list[dict[str, str]]:
    """The rows of the page: person, verdict and gate."""
    found: list[dict[str, str]] = page.locator("tr[data-kind]").evaluate_all(
        """(rows) => rows.map((row) => Object.fromEntries(["person", "verdict", "gate"].map(
             (name) => [name, row.querySelector(`td.${name} bdi, td.${name} .kind`).textContent.trim()])))"""
    )
    return found


def test_a_passage_is_listed_with_person_verdict_session_and_gate(venue: Venue, window: Window, told: int) -> None:
    page = window.sign_in(venue, "auditor", "/log")
    first = page.locator("tr[data-kind]").first
    for part in ("Person 60", "Org 4", "Entry", "Keynote", "Hall A", "k-hall-a"):
        expect(first).to_contain_text(part)
    page.get_by_label("Verdict").select_option("refused")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tr[data-kind]").first).to_contain_text("not on the list")


def test_the_log_is_filtered_by_person(venue: Venue, window: Window, told: int) -> None:
    page = window.sign_in(venue, "organiser", "/log")
    page.get_by_label("Person or organisation").fill("person 37")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tr[data-kind]")).to_have_count(2)
    assert {row["person"] for row in passages(page)} == {"Person 37"}
    assert [row["verdict"] for row in passages(page)] == ["Entry", "Refused"]
    page.get_by_label("Person or organisation").fill("nobody of that name")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No passage matches this filter.")).to_be_visible()
    page.get_by_role("link", name="Clear", exact=True).click()
    expect(page.locator("tr[data-kind]")).to_have_count(PAGE)


def test_the_pages_of_the_log_hold_every_passage_once(venue: Venue, window: Window, told: int) -> None:
    page = window.sign_in(venue, "admin", "/log")
    newest = passages(page)
    page.get_by_role("link", name="Older").click()
    expect(page.locator("tr[data-kind]")).to_have_count(told - PAGE)
    seen = Counter((row["person"], row["verdict"]) for row in newest + passages(page))
    assert len(seen) == told
    assert set(seen.values()) == {1}
    expect(page.get_by_role("link", name="Older")).to_have_count(0)
    page.get_by_role("link", name="Newer").click()
    expect(page.locator("tr[data-kind]")).to_have_count(PAGE)
    assert passages(page) == newest


def test_the_csv_has_the_filtered_rows_of_all_pages(venue: Venue, window: Window, told: int, tmp_path: Path) -> None:
    page = window.sign_in(venue, "organiser", "/log")

    def take() -> list[dict[str, str]]:
        page.get_by_text("Take home what is filtered here").click()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download CSV").click()
        download.value.save_as(tmp_path / "log.csv")
        with (tmp_path / "log.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file, strict=True))

    assert len(take()) == told
    page.get_by_label("Person or organisation").fill("person 37")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tr[data-kind]")).to_have_count(2)
    rows = take()
    assert [(row["person"], row["kind"], row["gate"]) for row in rows] == [
        ("p37", "refused", "Club"),
        ("p37", "entry", "Hall A"),
    ]


def test_the_log_never_scrolls_sideways(venue: Venue, window: Window, told: int) -> None:
    page = window.sign_in(venue, "organiser", "/log", SIZES["phone"])
    expect(page.locator("tr[data-kind]")).to_have_count(PAGE)
    page.get_by_text("More filters").click()
    expect(page.get_by_label("Since")).to_be_visible()
    page.get_by_text("Take home what is filtered here").click()
    assert overflow(page) == {}
    for path in ("/log/person/p1", "/log/session/keynote", "/log/session/dinner?show=absent", "/exports"):
        page.goto(venue.address + path)
        assert overflow(page) == {}, path


def test_a_filter_is_taken_away_by_its_chip_and_set_by_a_quick_link(venue: Venue, window: Window, told: int) -> None:
    page = window.sign_in(venue, "organiser", "/log?q=person+3&gate=club-door&kind=refused")
    expect(page.get_by_role("list", name="Filtered by").get_by_role("listitem")).to_have_count(4)
    page.get_by_role("link", name="Remove: Gate Club").click()
    expect(page.get_by_role("link", name="Remove: Gate Club")).to_have_count(0)
    expect(page.get_by_label("Person or organisation")).to_have_value("person 3")
    page.get_by_role("link", name="Clear", exact=True).click()
    page.get_by_role("link", name="Refusals").click()
    expect(page.locator("tr[data-kind]")).to_have_count(told // 2)
    expect(page.locator("tr[data-kind=entry]")).to_have_count(0)


def test_a_name_leads_to_the_whole_day_and_a_session_to_its_attendance(venue: Venue, window: Window, told: int) -> None:
    page = window.sign_in(venue, "auditor", "/log?person=p37")
    page.get_by_role("link", name="Person 37").first.click()
    expect(page.get_by_role("heading", name="Person 37")).to_be_visible()
    expect(page.locator(".steps li[data-kind=refused]")).to_contain_text("not on the list")
    page.get_by_role("link", name="Keynote").click()
    expect(page.get_by_role("heading", name="Keynote")).to_be_visible()
    expect(page.get_by_role("row", name="Person 37")).to_contain_text("inside")


def test_a_file_is_ready_without_loading_the_page_again_and_goes_when_it_is_deleted(
    venue: Venue, window: Window, told: int, tmp_path: Path
) -> None:
    page = window.sign_in(venue, "organiser", "/log?person=p37")
    page.get_by_text("Take home what is filtered here").click()
    page.get_by_role("button", name="JSON Lines").click()
    page.wait_for_url("**/exports")
    order = page.locator("li.sheet").first
    expect(order).to_contain_text("ready")
    with page.expect_download() as download:
        order.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "log.jsonl")
    assert (tmp_path / "log.jsonl").read_text().count("\n") == 2
    order.get_by_role("button", name="Delete").click()
    expect(page.locator("li.sheet").first).to_contain_text("deleted")
