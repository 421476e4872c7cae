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
    assert overflow(page) == {}
