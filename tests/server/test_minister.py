"""The two pages that one would send to a minister: always two, in words and figures that are true."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from pypdf import PdfReader

from server import minister
from server.minister import Cover
from server.phrase import Phrase
from server.reports.audience import Group, Theme
from server.reports.day import Report
from server.reports.prose import paragraph
from server.reports.voice import Voice
from server.store.engine import PostgresStore, SqliteStore
from tests.server.reported import DAY, PLACE, VOICE, Venue, busy_day, number

COVER = Cover("Test summit", "Monday 23 November 2026")
LONG = "A title that nobody has shortened because its organisers could not agree — " * 3
ARABIC = "الإمارات العربية المتحدة والمملكة العربية السعودية"


@pytest.fixture
def venue(sqlite_store: SqliteStore | PostgresStore) -> Venue:
    return Venue(sqlite_store)


def pages(report: Report, voice: Voice = VOICE, cover: Cover = COVER, **fonts: Path) -> list[str]:
    """The text of each page."""
    found = PdfReader(io.BytesIO(minister.draw(report, voice, cover, **fonts)))
    assert all(tuple(round(float(side)) for side in page.mediabox[2:]) == (595, 842) for page in found.pages)
    return [" ".join(page.extract_text().split()) for page in found.pages]


def crowded(report: Report) -> Report:
    """Far more of everything than fits, and every name too long."""
    one = report.talks[0]
    titles = [LONG if n % 2 else ARABIC + str(n) for n in range(60)]
    talks = [
        replace(one, session=msgspec.structs.replace(one.session, title=title), people=n * 9, begun=True)
        for n, title in enumerate(titles)
    ]
    lands = [Group(ARABIC if n % 2 else f"中华人民共和国代表团 {n}", 9, 8, 20) for n in range(140)]
    people = replace(report.audience, delegations=lands, categories=lands, themes=[Theme(LONG, 3, 9, 9)] * 20)
    safety = replace(report.safety, refused={f"{n}{LONG}": 90 - n for n in range(20)}, over={"hall": 12})
    return replace(report, talks=talks, audience=people, safety=safety)


def test_a_busy_day_is_told_in_words_and_figures(venue: Venue) -> None:
    busy_day(venue)
    first, second = pages(venue.report())
    assert "Test summit Monday 23 November 2026" in first
    assert "3 of 60 people with a badge came to Test summit." in first
    assert "Of 5 delegations, 3 were represented." in first
    assert "“Keynote” drew the largest audience: 3." in first
    assert "The fullest room was The hall: 6 of the 100 that it may hold (6%), at 11:30." in first
    assert "No room was over its legal limit at any time." in first
    assert "11:00 Keynote" in first
    assert "3 of 100 · 3%" in first
    assert "page 1 of 2" in first
    assert "Delegations represented: 3 of 5" in second
    assert "Rooms over their legal limit never" in second
    assert "not on the list 2" in second
    assert "made on Monday 23 November 2026 at 16:00" in second
    assert "page 2 of 2" in second


def test_an_empty_day_is_two_pages_too(venue: Venue) -> None:
    first, second = pages(venue.report("2026-11-20"), cover=Cover("Test summit", "Friday 20 November 2026"))
    assert "nobody was counted at the doors of Test summit" in first
    assert "No session has begun." in first
    assert "Nothing was counted." in second


def test_two_pages_hold_whatever_happened(venue: Venue) -> None:
    busy_day(venue)
    first, second = pages(crowded(venue.report()), cover=Cover(LONG, LONG))
    assert "smaller sessions that are not shown: 20" in first
    assert "others: 130" in second
    assert "times: 12" in second


def test_two_pages_hold_all_days(venue: Venue) -> None:
    busy_day(venue)
    report = venue.report("all")
    first, _second = pages(report, replace(VOICE, dated=True))
    assert "From Monday 23 November 2026 to Monday 23 November 2026, 3 of 60 people" in first
    assert "Mon 23 11:00" in first


def test_a_machine_without_fonts_still_makes_it(venue: Venue, tmp_path: Path) -> None:
    busy_day(venue)
    assert len(pages(crowded(venue.report()), fonts=tmp_path)) == 2


def test_refusals_and_what_stewards_did_are_in_the_paragraph(venue: Venue) -> None:
    busy_day(venue)
    text = paragraph(venue.report(), VOICE, "Test summit")
    assert "Attempts to enter that were refused: 2; the most frequent reason was: not on the list." in text
    assert "Let in by stewards, on their own decision: 3." in text
    over = replace(venue.report(), safety=replace(venue.report().safety, over={"hall": 2}, refused={}))
    text = paragraph(over, VOICE, "Test summit")
    assert "Rooms were over their legal limit, by forced entries; times: 2." in text
    assert "Nobody was refused at the doors." in text


def test_another_language_is_another_say(venue: Venue) -> None:
    def in_capitals(text: object) -> str:
        return text.pattern.upper() if isinstance(text, Phrase) else str(text).upper()

    voice = Voice(PLACE, in_capitals, number, lambda _day: DAY, lambda day: f"{day:%d}")
    busy_day(venue)
    first, second = pages(venue.report(), voice)
    assert "ATTENDANCE OF THE SESSIONS" in first
    assert "FULLEST MOMENTS" in second
