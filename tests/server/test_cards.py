"""Badge cards as they leave the printer: what a scanner, a steward and a pair of scissors find on them."""

import io
import logging
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from server.cards import A4, BLACK, WHITE, Card, CardError, Layout, draw_cards, ink_on
from server.fonts import INSTALLED_FONTS, Faces, Weight

ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
DPI = 300
EVENT = "14th World Conference on Rivers"
NAMES = (
    "Anna Schmidt",
    "Wolfeschlegelsteinhausenbergerdorff",
    "Maria do Carmo Fernandes de Oliveira Vasconcelos e Albuquerque da Silva Pereira dos Santos",
    "محمد بن سلمان الأحمدي",
    "דוד בן־גוריון (David)",
    "王小明",
    "राजेन्द्र प्रसाद",
    "ශ්‍රී ලංකා",
    "Ọlá Adébáyọ̀",
    "สมชาย ใจดี",
    "김민준",
    "\u200f \ufe0f{nb}\u0301\t**x** \U0001f600 \ue000\U000e0001",
    "",
)

needs_poppler = pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="needs pdftoppm (poppler-utils)")
needs_noto = pytest.mark.skipif(
    not (INSTALLED_FONTS / "noto/NotoSansSinhala-Bold.ttf").exists(), reason="needs fonts-noto-core"
)


def token(seed: int) -> str:
    return "".join(random.Random(seed).choices(ALPHANUMERIC, k=122))


def card(serial: int = 1, name: str = "Anna Schmidt", **other: str) -> Card:
    facts = {"organisation": "River Trust", "delegation": "Norway", "category": "Delegate", "colour": "#0b5fff"}
    return Card(text=other.pop("text", token(serial)), name=name, serial=serial, **(facts | other))


def pdf(*cards: Card, layout: Layout = A4, fonts: Path = INSTALLED_FONTS) -> bytes:
    out = io.BytesIO()
    draw_cards(cards, out, EVENT, layout, fonts=fonts)
    return out.getvalue()


def pages(document: bytes, folder: Path) -> list[Image.Image]:
    (folder / "cards.pdf").write_bytes(document)
    subprocess.run(["pdftoppm", "-r", str(DPI), "-gray", "cards.pdf", "page"], cwd=folder, check=True)
    return [Image.open(path).convert("L") for path in sorted(folder.glob("page-*.pgm"))]


def pixels(millimetres: float) -> int:
    return round(millimetres * DPI / 25.4)


def dark(page: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """The part of the page between these millimetres, with ink in white."""
    part = page.crop((pixels(left), pixels(top), pixels(right), pixels(bottom)))
    return part.point(lambda grey: 255 if grey < 128 else 0)


def texts_read(page: Image.Image) -> set[str]:
    zbar = pytest.importorskip("pyzbar.pyzbar", exc_type=ImportError, reason="needs pyzbar and libzbar0")
    return {found.data.decode() for found in zbar.decode(page, symbols=[zbar.ZBarSymbol.QRCODE])}


def test_four_cards_go_on_each_page_of_a4_and_every_card_has_its_serial() -> None:
    reader = PdfReader(io.BytesIO(pdf(*(card(serial) for serial in range(101, 110)))))
    assert [len(page.extract_text().split("No. ")) - 1 for page in reader.pages] == [4, 4, 1]
    assert "No. 109" in reader.pages[2].extract_text()
    assert float(reader.pages[0].mediabox.width) == pytest.approx(595.28, abs=0.01)
    assert float(reader.pages[0].mediabox.height) == pytest.approx(841.89, abs=0.01)


def test_a_card_says_who_and_for_which_event() -> None:
    text = PdfReader(io.BytesIO(pdf(card()))).pages[0].extract_text()
    for words in ("Anna Schmidt", "River Trust", "Norway", "Delegate", EVENT):
        assert words in text


@needs_poppler
def test_every_badge_on_a_page_is_read_from_paper_whatever_the_name(tmp_path: Path) -> None:
    cards = [card(serial, name) for serial, name in enumerate(NAMES, 1)]
    read = [texts_read(page) for page in pages(pdf(*cards), tmp_path)]
    assert read == [{card.text for card in cards[at : at + 4]} for at in range(0, len(cards), 4)]


@needs_poppler
@pytest.mark.parametrize("width", [40.0, 30.0])
def test_the_qr_symbol_is_as_wide_as_asked_and_stands_in_a_quiet_zone(tmp_path: Path, width: float) -> None:
    layout = Layout(qr=width)
    [page] = pages(pdf(card(colour="#101010"), layout=layout), tmp_path)
    x, y = layout.corner(0)
    middle, foot = x + layout.card[0] / 2, y + layout.card[1] - 15
    top = foot - layout.qr_block
    strip = dark(page, x, top, x + layout.card[0], foot - 0.3)
    bounds = strip.getbbox()
    assert bounds is not None
    left, upper, right, lower = (edge * 25.4 / DPI for edge in bounds)
    assert right - left == pytest.approx(width, abs=0.5)
    assert lower - upper == pytest.approx(width, abs=0.5)
    assert x + (left + right) / 2 == pytest.approx(middle, abs=0.2)
    assert upper == pytest.approx(4 * width / 37, abs=0.2)


@needs_poppler
def test_cut_marks_point_at_all_corners_of_a_card_and_stay_off_it(tmp_path: Path) -> None:
    [page] = pages(pdf(card()), tmp_path)
    left, top = A4.corner(0)
    right, bottom = left + A4.card[0], top + A4.card[1]
    for y in (top, bottom):
        assert dark(page, left - 5, y - 0.3, left - 3, y + 0.3).getbbox()
        assert dark(page, right + 3, y - 0.3, right + 5, y + 0.3).getbbox()
    for x in (left, right):
        assert dark(page, x - 0.3, top - 5, x + 0.3, top - 3).getbbox()
        assert dark(page, x - 0.3, bottom + 3, x + 0.3, bottom + 5).getbbox()
    assert dark(page, left - 2, top - 2, right + 2, top + 4).getbbox() is None


@needs_poppler
def test_no_text_is_cut_or_runs_off_the_card(tmp_path: Path) -> None:
    long = "International Union for the Conservation of Nature and Natural Resources, Regional Office"
    cards = [card(at, name, organisation=long, delegation=long, category=long) for at, name in enumerate(NAMES)]
    printed = pages(pdf(*cards), tmp_path)
    for place in range(len(cards)):
        page, (x, y) = printed[place // 4], A4.corner(place % 4)
        right, top, texts_end = x + A4.card[0], y + 13, y + A4.card[1] - 15 - A4.qr_block
        assert dark(page, x + 6, top, right - 6, texts_end).getbbox()
        assert dark(page, x, top, x + 5.5, texts_end).getbbox() is None
        assert dark(page, right - 5.5, top, right, texts_end).getbbox() is None
        assert dark(page, x, texts_end, right, texts_end + 4).getbbox() is None


@needs_poppler
@needs_noto
def test_a_hebrew_name_reads_from_right_to_left(tmp_path: Path) -> None:
    [page] = pages(pdf(card(name="אל", organisation="", delegation="")), tmp_path)
    x, y = A4.corner(0)
    words = dark(page, x, y + 13, x + A4.card[0], y + A4.card[1] - 15 - A4.qr_block)
    bounds = words.getbbox()
    assert bounds is not None
    left, top, right, bottom = bounds
    first_letter = words.crop(((left + right) // 2, top, right, bottom)).getbbox()
    assert first_letter is not None
    assert first_letter[1] > (bottom - top) * 0.1, "only lamed, the second letter, rises to the top, on the left"


def test_empty_organisation_and_delegation_leave_the_card_whole() -> None:
    text = PdfReader(io.BytesIO(pdf(card(organisation="", delegation=" ")))).pages[0].extract_text()
    assert "Anna Schmidt" in text
    assert "River Trust" not in text


def test_a_symbol_too_small_for_the_gates_is_refused() -> None:
    with pytest.raises(CardError, match="at least 30 mm"):
        Layout(qr=29.9)


@pytest.mark.parametrize(
    "sizes",
    [{"qr": 60.0}, {"card": (40.0, 124.0)}, {"card": (120.0, 290.0)}, {"page": (80.0, 297.0)}, {"gutter": 0.0}],
)
def test_a_layout_in_which_something_does_not_fit_is_refused(sizes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"room|fit|between"):
        Layout(**sizes)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [token(1) + "A", token(1).lower(), "Ä", ""])
def test_a_text_that_is_no_badge_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(CardError, match=r"badge 7: .* QR symbol of version 5-M") as refusal:
        pdf(card(7, text=text))
    assert not text or text not in str(refusal.value)


@pytest.mark.parametrize("colour", ["blue", "#12345", "#1234567", "#12345g", "#١٢٣٤٥٦"])
def test_a_colour_that_is_none_is_refused(colour: str) -> None:
    with pytest.raises(CardError, match="badge 1: the category's colour"):
        pdf(card(colour=colour))


def test_an_empty_run_is_refused() -> None:
    with pytest.raises(CardError, match="no badge"):
        pdf()


@pytest.mark.parametrize(
    ("colour", "ink"),
    [((0, 0, 0), WHITE), ((255, 255, 255), BLACK), ((255, 212, 0), BLACK), ((11, 95, 255), WHITE)],
)
def test_the_category_is_written_in_the_ink_that_stands_out(
    colour: tuple[int, int, int], ink: tuple[int, int, int]
) -> None:
    assert ink_on(colour) == ink


def test_a_character_that_no_font_has_is_boxed_and_the_steward_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "server.cards"):
        pdf(card(1), card(17, "\ue000 Bjørn"), card(18, "\ue001"))
    [warning] = [record.getMessage() for record in caplog.records if record.name == "server.cards"]
    assert "17, 18" in warning
    assert "fonts-noto-core" in warning
    assert "Bjørn" not in warning


def test_without_any_font_names_are_set_in_helvetica(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "server.cards"):
        document = pdf(card(1), card(2, "Łukasz Müller"), card(3, "王小明"), fonts=tmp_path)
    text = PdfReader(io.BytesIO(document)).pages[0].extract_text()
    assert "?ukasz Müller" in text
    warnings = [record.getMessage() for record in caplog.records if record.name == "server.cards"]
    assert [("fonts-droid-fallback" in line, "fonts-noto-core" in line) for line in warnings] == [
        (True, False),
        (False, True),
    ]


@needs_noto
def test_only_fonts_that_the_names_need_are_in_the_file() -> None:
    assert pdf(card()).count(b"/FontFile2") == 2
    assert pdf(card(), card(2, "राजेन्द्र")).count(b"/FontFile2") == 3


@needs_noto
@pytest.mark.parametrize("name", ["ශ්‍රී", "র‍্যাব", "Ọlá Adébáyọ̀", "علی‌رضا"])
def test_marks_and_joiners_stay_with_their_letters(name: str) -> None:
    assert len(Faces().runs(Faces().drawable(name, Weight.BOLD), Weight.BOLD)) == 1


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30), st.sampled_from(Weight))
def test_cutting_a_text_into_runs_loses_nothing(text: str, weight: Weight) -> None:
    faces = Faces()
    drawable = faces.drawable(text, weight)
    assert "".join(run.text for run in faces.runs(drawable, weight)) == drawable


def test_a_large_run_stays_small_enough_to_send() -> None:
    document = pdf(*(card(serial, f"Guest {serial}") for serial in range(1, 101)))
    assert len(document) < 100 * 3_000
