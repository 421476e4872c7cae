"""Printing badges: for whom, on what, a preview that opens no door, a file for an hour, and what was printed."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient
from PIL import Image
from pypdf import PdfReader
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from admission import badge as tokens
from admission.errors import ConfigError
from server import people, printing, trail
from server.cards import Card, draw_cards, draw_page
from server.directory import STALE, UNPRINTED, Wanted
from server.layouts import LAYOUTS, LEAST_QR
from server.printing import SPECIMEN, Order
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from server.trail import Who
from tests.pages import Site, token
from tests.world import World, utc_now

Either = SqliteStore | PostgresStore
WHO = Who("tester")
NAMES = (
    "Anna Schmidt",
    "محمد بن سلمان الأحمدي",
    "王小明 (Xiaoming)",
    "राजेन्द्र प्रसाद",
    "Екатерина Владимировна Воскресенская-Преображенская",
    "Wolfeschlegelsteinhausenbergerdorff",
    "Maria do Carmo Fernandes de Oliveira Vasconcelos e Albuquerque da Silva Pereira dos Santos",
    "<b>&\"'</b>",
)
LONG = "International Union for the Conservation of Nature and Natural Resources, Regional Office"
DPI = 200

needs_poppler = pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="needs pdftoppm (poppler-utils)")


@pytest.fixture
def venue(store: Either, world: World) -> Either:
    """The small venue on each kind of database."""
    return store


@pytest.fixture
def site(sqlite_store: Either) -> Site:
    """The pages over a venue of their own."""
    return Site(sqlite_store)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The pages over a venue that these tests only read."""
    url = f"sqlite:///{tmp_path_factory.mktemp('badges') / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    yield Site(store)
    store.close()


def order(store: Either, *refs: str, layout: str = "a4", **wanted: str) -> printing.Print:
    act = (WHO, utc_now(), os.urandom)
    return store.write(lambda c: printing.order(c, Order(layout, Wanted(**wanted), refs), act))  # type: ignore[arg-type]


def ask(client: FlaskClient, **form: str) -> TestResponse:
    return client.post("/badges/print", data=form | {"csrf_token": token(client.get("/badges"))})


def card(serial: int, name: str, text: str = SPECIMEN) -> Card:
    return Card(text, name, LONG, "Norway", "Delegate", "#0b5fff", serial)


class TestPrinting:
    def test_whoever_has_no_badge_gets_one_and_whoever_has_one_the_same_again(self, venue: Either) -> None:
        facts = people.Facts("Walk In", "", "", 1, 0, "")
        ref = venue.write(lambda c: people.walk_in(c, facts, WHO, utc_now()))
        done = order(venue, "p1", ref)
        assert len(done.serials) == 2
        assert order(venue, ref, "p1").serials == done.serials
        with venue.read() as connection:
            assert connection.execute(select(func.count()).select_from(schema.badge)).scalar_one() == 61
            rows = connection.execute(select(schema.printed)).all()
            steps = trail.newest(connection, about="badges")
        assert [(row.by, row.what) for row in rows] == [("tester", "printed")] * 4
        assert [step.facts["issued"] for step in steps] == [0, 1]
        assert not any(text in str(steps) for text in ("Walk In", "Person 1"))

    def test_what_was_not_printed_is_counted_and_chosen(self, venue: Either) -> None:
        with venue.read() as connection:
            assert printing.waiting(connection) == 60
        order(venue, category="press")
        with venue.read() as connection:
            assert printing.waiting(connection) == 40
            left = printing.people(connection, Order("a4", Wanted(badge=UNPRINTED)))
        assert len(left) == 40

    def test_badges_that_are_out_of_date_are_made_anew(self, venue: Either) -> None:
        with venue.read() as connection:
            row = people.find(connection, "p1")
        facts = replace(people.facts_of(row), zones=4)
        act = (WHO, utc_now(), os.urandom)
        assert venue.write(lambda c: people.correct(c, "p1", row["edition"], facts, act)).reprint
        done = order(venue, badge=STALE)
        assert done.serials == (61,)
        with venue.read() as connection:
            rows = connection.execute(select(schema.badge).where(schema.badge.c.person == row["id"])).all()
            assert printing.people(connection, Order("a4", Wanted(badge=STALE))) == []
        assert [(one.zones, one.revoked_why) for one in sorted(rows)] == [(0, "corrected"), (4, None)]

    def test_a_run_goes_by_delegation_then_name(self, venue: Either) -> None:
        done = order(venue)
        with venue.read() as connection:
            cards, title = printing.cards_of(connection, done)
        assert title == "Test summit"
        keys = [(one.delegation, one.name.casefold()) for one in cards]
        assert keys == sorted(keys)

    @pytest.mark.parametrize(("refs", "layout"), [(("nobody",), "a4"), (("p1",), "a3"), (("p1\0",), "a4")])
    def test_what_cannot_be_printed_is_refused_and_notes_nothing(
        self, venue: Either, refs: tuple[str, ...], layout: str
    ) -> None:
        with pytest.raises(ConfigError, match=r"no person|no card size"):
            order(venue, *printing.references(" ".join(refs).replace("p1\0", "p1 zz")), layout=layout)
        with venue.read() as connection:
            assert connection.execute(select(func.count()).select_from(schema.printed)).scalar_one() == 0

    def test_a_file_is_found_by_who_ordered_it_for_an_hour(self, venue: Either) -> None:
        done = order(venue, "p1")
        later = utc_now() + printing.FETCHED_WITHIN + timedelta(seconds=1)
        with venue.read() as connection:
            assert printing.find(connection, done.name, WHO, utc_now()) == done
            assert printing.find(connection, done.name, Who("other"), utc_now()) is None
            assert printing.find(connection, done.name, WHO, later) is None
            assert printing.find(connection, "%' OR 1=1", WHO, utc_now()) is None

    def test_many_are_drawn_in_a_process_of_their_own(self) -> None:
        cards = [card(serial, f"Guest {serial}") for serial in range(1, printing.AT_ONCE + 2)]
        document = printing.draw(cards, "Event", "a4")
        pages = PdfReader(io.BytesIO(document)).pages
        assert sum(page.extract_text().count("No. ") for page in pages) == len(cards)


class TestThePages:
    def test_printing_leads_to_the_file_and_the_file_holds_the_badge(self, site: Site) -> None:
        client = site.signed_in("desk")
        answer = ask(client, refs="p1, P2\np1", layout="wide", badge="")
        assert answer.status_code == 303
        page = client.get(answer.location).text
        assert "2 badges are ready" in page
        name = page.partition("/badges/prints/")[2].partition(".pdf")[0]
        file = client.get(f"/badges/prints/{name}.pdf")
        assert (file.mimetype, file.headers["Cache-Control"]) == ("application/pdf", "no-store")
        assert len(PdfReader(io.BytesIO(file.data)).pages) == 2
        assert site.signed_in("organiser").get(f"/badges/prints/{name}.pdf").status_code == 404

    def test_the_preview_holds_no_badge_and_issues_none(self, still: Site) -> None:
        client = still.signed_in("desk")
        before = still.store.write(lambda c: c.execute(select(func.count()).select_from(schema.badge)).scalar_one())
        picture = client.get("/badges/preview.svg?refs=p1+p9&layout=a4-cr80&badge=")
        assert picture.mimetype == "image/svg+xml"
        ET.fromstring(picture.text)
        assert "<script" not in picture.text
        assert still.world.tokens["p1"] not in picture.text
        with still.store.read() as connection:
            assert connection.execute(select(func.count()).select_from(schema.badge)).scalar_one() == before
            assert isinstance(tokens.verify(SPECIMEN, still.world.keys), tokens.BadBadge)

    @pytest.mark.parametrize("query", ["refs=nobody", "layout=a3", "q=%FF", "before=99999999999999999999", "refs=%FF"])
    def test_hostile_questions_get_an_answer(self, still: Site, query: str) -> None:
        client = still.signed_in("organiser")
        assert client.get(f"/badges?{query}").status_code == 200
        assert client.get(f"/badges/preview.svg?{query}").status_code in (200, 404)

    @pytest.mark.parametrize(
        "form", [{"refs": "nobody"}, {"layout": "x" * 999}, {"q": "matches nobody at all", "badge": ""}]
    )
    def test_what_cannot_be_printed_is_said(self, still: Site, form: dict[str, str]) -> None:
        answer = ask(still.signed_in("desk"), **form)
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text

    @pytest.mark.parametrize("name", ["x", "%00", "0" * 24, "../../etc/passwd"])
    def test_a_print_that_is_none_is_not_found(self, still: Site, name: str) -> None:
        assert still.signed_in("desk").get(f"/badges/prints/{name}.pdf").status_code == 404

    @pytest.mark.parametrize("role", ["viewer", "steward", "supervisor", "auditor"])
    def test_badges_are_the_desk_s_and_organisers(self, still: Site, role: str) -> None:
        client = still.signed_in(role)
        for path in ("/badges", "/badges/preview.svg", "/badges/prints/x.pdf"):
            assert client.get(path).status_code == 403, path


class TestLayouts:
    @pytest.mark.parametrize("name", LAYOUTS)
    def test_a_symbol_is_large_enough_and_stands_free_of_texts_and_band(self, name: str) -> None:
        layout = LAYOUTS[name][1]
        quiet = (layout.qr_block - layout.qr) / 2
        (left, top), (width, height), texts = layout.symbol, layout.card, layout.texts
        assert layout.qr >= LEAST_QR
        assert left >= quiet - 0.01
        assert left + layout.qr + quiet <= width + 0.01
        assert top >= quiet - 0.01
        assert top + layout.qr + quiet <= height - layout.type.band + 0.01
        beside, above = texts.left + texts.width <= left - quiet + 0.01, texts.top + texts.height <= top - quiet + 0.01
        assert beside or above

    @needs_poppler
    @pytest.mark.parametrize("name", LAYOUTS)
    def test_every_badge_is_read_from_paper_whatever_the_name(self, name: str, tmp_path: Path) -> None:
        zbar = pytest.importorskip("pyzbar.pyzbar", exc_type=ImportError, reason="needs pyzbar and libzbar0")
        layout = LAYOUTS[name][1]
        texts = [f"{at}{SPECIMEN}"[:122] for at in range(len(NAMES))]
        with (tmp_path / "cards.pdf").open("wb") as out:
            draw_cards([card(at, NAMES[at], texts[at]) for at in range(len(NAMES))], out, "Event", layout)
        subprocess.run(["pdftoppm", "-r", str(DPI), "-gray", "cards.pdf", "page"], cwd=tmp_path, check=True)
        pages = [Image.open(path) for path in sorted(tmp_path.glob("page-*.pgm"))]
        assert pages[0].size == pytest.approx([round(side / 25.4 * DPI) for side in layout.page], abs=2)
        read = [found.data.decode() for page in pages for found in zbar.decode(page, symbols=[zbar.ZBarSymbol.QRCODE])]
        assert sorted(read) == texts

    @pytest.mark.parametrize("name", LAYOUTS)
    def test_the_picture_shows_every_card_of_the_first_page(self, name: str) -> None:
        layout = LAYOUTS[name][1]
        cards = [card(at, text) for at, text in enumerate(NAMES)]
        root = ET.fromstring(draw_page(cards, "Event", layout))
        width, height = map(float, root.attrib["viewBox"].split()[2:])
        assert (width, height) == pytest.approx(layout.page, abs=0.01)
        bands = [one for one in root.iter() if one.tag.endswith("rect") and one.attrib["fill"] == "rgb(11 95 255)"]
        assert len(bands) == min(layout.places, len(NAMES))
        assert any(one.tag.endswith("use") for one in root.iter())
