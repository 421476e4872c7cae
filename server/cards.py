"""Badge cards on paper: a PDF of cards with the badge as a QR symbol, the name large, and marks to cut along.

Must not know where people and badges come from, how a badge is signed, or where the PDF goes.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fpdf.enums import Align
from qrcode import QRCode
from qrcode.constants import ERROR_CORRECT_M
from qrcode.exceptions import DataOverflowError
from qrcode.util import MODE_ALPHA_NUM, QRData

from server.fonts import INSTALLED_FONTS, Block, Faces, Sheet, Weight, package_for
from server.layouts import A4, LAYOUTS, MARK, MARK_GAP, QR_MODULES, CardError, Layout
from server.phrase import phrase
from server.picture import Picture

__all__ = ["A4", "LAYOUTS", "Card", "CardError", "Layout", "draw_cards", "draw_page", "ink_on"]

log = logging.getLogger(__name__)

QR_VERSION = 5
QR_MASK = 2

BLEED = 2.0
NAMED_SERIALS = 20

BLACK, WHITE, GREY = (0, 0, 0), (255, 255, 255), (70, 70, 70)

COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Card:
    """What one card says; `text` is the badge token, `category` the category's name, `colour` is #rrggbb."""

    text: str
    name: str
    organisation: str
    delegation: str
    category: str
    colour: str
    serial: int


def draw_cards(
    cards: Iterable[Card], out: BinaryIO, event: str, layout: Layout = A4, *, fonts: Path = INSTALLED_FONTS
) -> None:
    """Writes a PDF with one card per badge to `out`, in the order given, as many to a page as fit.

    Names may be in any script that a font under `fonts` has; a box stands for a character that none has, and one
    warning per Debian package says which to install. Nothing is written if it raises CardError: no card, a badge
    text that is no version 5-M alphanumeric QR symbol, a colour that is not #rrggbb.
    """
    drawn = tuple(cards)
    if not drawn:
        raise CardError(phrase("there is no badge to print"))
    faces = Faces(fonts)
    sheet = Sheet(layout.page, faces)
    sheet.set_title(event)
    for index, card in enumerate(drawn):
        place = index % layout.places
        if place == 0:
            sheet.add_page()
        _Painter(sheet, layout, *layout.corner(place)).paint(card, event)
    _warn_of_missing(drawn, event, faces)
    sheet.output(out)


def draw_page(cards: Sequence[Card], event: str, layout: Layout = A4, *, fonts: Path = INSTALLED_FONTS) -> bytes:
    """The first page of the same cards as an SVG picture. Raises CardError like ``draw_cards``."""
    if not cards:
        raise CardError(phrase("there is no badge to print"))
    picture = Picture(layout.page, Faces(fonts))
    picture.add_page()
    for place, card in enumerate(cards[: layout.places]):
        _Painter(picture, layout, *layout.corner(place)).paint(card, event)
    return picture.svg()


def _warn_of_missing(cards: Sequence[Card], event: str, faces: Faces) -> None:
    serials: dict[str, list[str]] = {}
    for card in cards:
        missing = faces.missing(f"{card.name} {card.category}", Weight.BOLD)
        missing |= faces.missing(f"{event} {card.organisation} {card.delegation}", Weight.REGULAR)
        for package in {package_for(character) for character in missing}:
            serials.setdefault(package, []).append(str(card.serial))
    for package, lacking in sorted(serials.items()):
        named = ", ".join(lacking[:NAMED_SERIALS])
        more = f" and {len(lacking) - NAMED_SERIALS} more" if len(lacking) > NAMED_SERIALS else ""
        log.warning(
            "no font has every character on the card of badge %s%s; install the Debian package %s and print again",
            named,
            more,
            package,
        )


@dataclass(frozen=True)
class _Painter:
    """Draws one card at one place of the sheet; x and y (mm) are the card's upper left corner."""

    sheet: Sheet
    layout: Layout
    x: float
    y: float

    def paint(self, card: Card, event: str) -> None:
        if self.layout.cut:
            self._cut_marks()
        self._band(card)
        self._symbol(card)
        self.sheet.set_text_color(*GREY)
        self._header(card, event)
        self._who(card)

    def _cut_marks(self) -> None:
        width, height = self.layout.card
        self.sheet.set_draw_color(*BLACK)
        self.sheet.set_line_width(0.1)
        near, far = MARK_GAP, MARK_GAP + MARK
        for x, outwards in ((self.x, -1), (self.x + width, 1)):
            for y, away in ((self.y, -1), (self.y + height, 1)):
                self.sheet.line(x + outwards * near, y, x + outwards * far, y)
                self.sheet.line(x, y + away * near, x, y + away * far)

    def _band(self, card: Card) -> None:
        """The category across the foot of the card, a little beyond the cut on three sides."""
        colour, band, pad = _rgb(card), self.layout.type.band, self.layout.type.padding
        width, height = self.layout.card
        top = self.y + height - band
        self.sheet.set_fill_color(*colour)
        self.sheet.rect(self.x - BLEED, top, width + 2 * BLEED, band + BLEED, style="F")
        self.sheet.set_text_color(*ink_on(colour))
        inner = width - 2 * pad
        size = self.layout.type.category
        block = self.sheet.fitted(card.category, Weight.BOLD, size, inner, band * 0.75)
        self.sheet.write_block(block, self.x + pad, top + (band - block.height) / 2, inner)

    def _symbol(self, card: Card) -> None:
        left, top = self.layout.symbol
        self.sheet.fill_strips(_dark_runs(_modules(card)), self.x + left, self.y + top, self.layout.qr / QR_MODULES)

    def _header(self, card: Card, event: str) -> None:
        kind, column = self.layout.type, self.layout.texts
        width = self.layout.card[0] - 2 * kind.padding
        left, top = self.x + kind.padding, self.y + kind.header_top
        if self.layout.beside:
            width, left = column.width, self.x + column.left
        block = self.sheet.fitted(event, Weight.REGULAR, kind.small, width - kind.serial, kind.header)
        self.sheet.write_block(block, left, top, width - kind.serial, Align.L)
        block = self.sheet.fitted(f"No. {card.serial}", Weight.REGULAR, kind.small, kind.serial - 2, kind.header)
        self.sheet.write_block(block, left, top, width, Align.R)

    def _who(self, card: Card) -> None:
        """Name, organisation and delegation, together in the middle of what header and symbol leave."""
        kind, column = self.layout.type, self.layout.texts
        name = self._fitted(card.name, Weight.BOLD, kind.name, column.share(kind.name_share))
        organisation = self._fitted(card.organisation, Weight.REGULAR, kind.organisation, column.share(0.23))
        delegation = self._fitted(card.delegation, Weight.REGULAR, kind.delegation, column.share(0.115))
        gap = kind.gap
        height = name.height + organisation.height + delegation.height + gap
        top = self.y + column.top + (column.height - height) / 2
        self.sheet.set_text_color(*BLACK)
        self._write(name, top)
        self._write(organisation, top + name.height + gap)
        self.sheet.set_text_color(*GREY)
        self._write(delegation, top + name.height + gap + organisation.height)

    def _fitted(self, text: str, weight: Weight, largest: float, height: float) -> Block:
        return self.sheet.fitted(text, weight, largest, self.layout.texts.width, height)

    def _write(self, block: Block, y: float) -> None:
        self.sheet.write_block(block, self.x + self.layout.texts.left, y, self.layout.texts.width)


def _modules(card: Card) -> list[list[bool]]:
    """The QR symbol of the badge; alphanumeric, because readers guess at the encoding of bytes.

    The mask is fixed: a signed text looks random, so that every mask leaves it equally well mixed (zbar read both
    alike down to 2.6 pixels a module), and choosing among all eight takes six times as long.
    """
    refusal = phrase(
        "badge {serial}: its text of {count} characters is no QR symbol of version {version}-M in alphanumeric mode"
        " (1 to 122 characters)",
        serial=card.serial,
        count=len(card.text),
        version=QR_VERSION,
    )
    if not card.text:
        raise CardError(refusal)
    symbol = QRCode(version=QR_VERSION, error_correction=ERROR_CORRECT_M, border=0, mask_pattern=QR_MASK)
    try:
        symbol.add_data(QRData(card.text, mode=MODE_ALPHA_NUM, check_data=True))
        symbol.make(fit=False)
    except (DataOverflowError, ValueError) as error:
        raise CardError(refusal) from error
    matrix: list[list[bool]] = symbol.get_matrix()
    return matrix


def _dark_runs(matrix: Sequence[Sequence[bool]]) -> Iterator[tuple[int, int, int]]:
    """Column, row and length of each unbroken run of dark modules."""
    for y, row in enumerate(matrix):
        start = None
        for x, dark in enumerate([*row, False]):
            if dark and start is None:
                start = x
            elif not dark and start is not None:
                yield start, y, x - start
                start = None


def _rgb(card: Card) -> tuple[int, int, int]:
    if not COLOUR.fullmatch(card.colour):
        raise CardError(
            phrase(
                "badge {serial}: the category's colour {colour!r} is not #rrggbb",
                serial=card.serial,
                colour=card.colour,
            )
        )
    red, green, blue = bytes.fromhex(card.colour[1:])
    return red, green, blue


def ink_on(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever has the greater contrast (WCAG 2.2, relative luminance) on the colour."""
    parts = [part / 255 for part in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return BLACK if (luminance + 0.05) ** 2 > 1.05 * 0.05 else WHITE
