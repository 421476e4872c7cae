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

from admission.errors import ConfigError
from server.fonts import INSTALLED_FONTS, Block, Faces, Sheet, Weight, package_for

log = logging.getLogger(__name__)

QR_VERSION = 5
QR_MODULES = 37
QR_MASK = 2
QUIET_MODULES = 4
LEAST_QR = 30.0

PADDING = 6.0
HEADER_TOP, HEADER = 5.0, 8.0
NAME, ORGANISATION, DELEGATION, GAP = 26.0, 11.0, 5.5, 2.0
BAND = 15.0
SERIAL_WIDTH = 22.0
TEXTS = HEADER_TOP + HEADER + NAME + ORGANISATION + DELEGATION + 2 * GAP

BLEED = 2.0
MARK_GAP, MARK = 2.5, 3.0
MARGIN = MARK_GAP + MARK + 4.0

NAME_SIZE, ORGANISATION_SIZE, DELEGATION_SIZE, CATEGORY_SIZE, SMALL_SIZE = 32.0, 13.0, 11.0, 20.0, 9.0
NAMED_SERIALS = 20

BLACK, WHITE, GREY = (0, 0, 0), (255, 255, 255), (70, 70, 70)

COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class CardError(ConfigError, ValueError):
    """A card that cannot be drawn as asked; the text says which and why, without the badge's text."""


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


@dataclass(frozen=True)
class Layout:
    """Sizes in millimetres of the paper, of a card, between cards, and of the QR symbol without its quiet zone.

    Raises CardError when the symbol is too small for the cameras at the gates or something does not fit.
    """

    page: tuple[float, float] = (210.0, 297.0)
    card: tuple[float, float] = (86.0, 124.0)
    gutter: float = 8.0
    qr: float = 40.0

    def __post_init__(self) -> None:
        if self.qr < LEAST_QR:
            raise CardError(f"the QR symbol is {self.qr:g} mm wide; gates need at least {LEAST_QR:g} mm")
        if self.card[0] < self.qr_block or self.card[1] < self.qr_block + BAND + TEXTS:
            raise CardError(f"a card of {self.card[0]:g} x {self.card[1]:g} mm has no room for its texts and QR")
        if self.gutter < 2 * MARK_GAP:
            raise CardError(f"cards need {2 * MARK_GAP:g} mm between them for the cut marks")
        if min(self.columns, self.rows) < 1:
            raise CardError(f"the card does not fit on paper of {self.page[0]:g} x {self.page[1]:g} mm")

    @property
    def qr_block(self) -> float:
        """Width of the symbol with its quiet zone."""
        return self.qr * (QR_MODULES + 2 * QUIET_MODULES) / QR_MODULES

    @property
    def columns(self) -> int:
        """Cards beside each other on a page."""
        return _fitting(self.page[0], self.card[0], self.gutter)

    @property
    def rows(self) -> int:
        """Cards below each other on a page."""
        return _fitting(self.page[1], self.card[1], self.gutter)

    def corner(self, place: int) -> tuple[float, float]:
        """The upper left corner of a place on the page, counted from 0 in reading order."""
        row, column = divmod(place, self.columns)
        return (
            _offset(self.page[0], self.card[0], self.gutter, self.columns, column),
            _offset(self.page[1], self.card[1], self.gutter, self.rows, row),
        )


def _fitting(paper: float, card: float, gutter: float) -> int:
    return int((paper - 2 * MARGIN + gutter) // (card + gutter))


def _offset(paper: float, card: float, gutter: float, count: int, index: int) -> float:
    return (paper - count * card - (count - 1) * gutter) / 2 + index * (card + gutter)


A4 = Layout()


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
        raise CardError("there is no badge to print")
    faces = Faces(fonts)
    sheet = Sheet(layout.page, faces)
    sheet.set_title(event)
    for index, card in enumerate(drawn):
        place = index % (layout.columns * layout.rows)
        if place == 0:
            sheet.add_page()
        _Painter(sheet, layout, *layout.corner(place)).paint(card, event)
    _warn_of_missing(drawn, event, faces)
    sheet.output(out)


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
        colour = _rgb(card)
        width, height = self.layout.card
        top = self.y + height - BAND
        self.sheet.set_fill_color(*colour)
        self.sheet.rect(self.x - BLEED, top, width + 2 * BLEED, BAND + BLEED, style="F")
        self.sheet.set_text_color(*ink_on(colour))
        block = self._fitted(card.category, Weight.BOLD, CATEGORY_SIZE, BAND - 4)
        self._write(block, top + (BAND - block.height) / 2)

    def _symbol(self, card: Card) -> None:
        width, height = self.layout.card
        module = self.layout.qr / QR_MODULES
        left = self.x + (width - self.layout.qr) / 2
        top = self.y + height - BAND - QUIET_MODULES * module - self.layout.qr
        self.sheet.fill_strips(_dark_runs(_modules(card)), left, top, module)

    def _header(self, card: Card, event: str) -> None:
        width = self.layout.card[0] - 2 * PADDING
        left, top = self.x + PADDING, self.y + HEADER_TOP
        block = self.sheet.fitted(event, Weight.REGULAR, SMALL_SIZE, width - SERIAL_WIDTH, HEADER)
        self.sheet.write_block(block, left, top, width - SERIAL_WIDTH, Align.L)
        block = self.sheet.fitted(f"No. {card.serial}", Weight.REGULAR, SMALL_SIZE, SERIAL_WIDTH - 2, HEADER)
        self.sheet.write_block(block, left, top, width, Align.R)

    def _who(self, card: Card) -> None:
        """Name, organisation and delegation, together in the middle of what header and symbol leave."""
        name = self._fitted(card.name, Weight.BOLD, NAME_SIZE, NAME)
        organisation = self._fitted(card.organisation, Weight.REGULAR, ORGANISATION_SIZE, ORGANISATION)
        delegation = self._fitted(card.delegation, Weight.REGULAR, DELEGATION_SIZE, DELEGATION)
        height = name.height + organisation.height + delegation.height + GAP
        free = self.layout.card[1] - BAND - self.layout.qr_block - HEADER_TOP - HEADER
        top = self.y + HEADER_TOP + HEADER + (free - height) / 2
        self.sheet.set_text_color(*BLACK)
        self._write(name, top)
        self._write(organisation, top + name.height + GAP)
        self.sheet.set_text_color(*GREY)
        self._write(delegation, top + name.height + GAP + organisation.height)

    def _fitted(self, text: str, weight: Weight, largest: float, height: float) -> Block:
        return self.sheet.fitted(text, weight, largest, self.layout.card[0] - 2 * PADDING, height)

    def _write(self, block: Block, y: float) -> None:
        self.sheet.write_block(block, self.x + PADDING, y, self.layout.card[0] - 2 * PADDING)


def _modules(card: Card) -> list[list[bool]]:
    """The QR symbol of the badge; alphanumeric, because readers guess at the encoding of bytes.

    The mask is fixed: a signed text looks random, so that every mask leaves it equally well mixed (zbar read both
    alike down to 2.6 pixels a module), and choosing among all eight takes six times as long.
    """
    refusal = (
        f"badge {card.serial}: its text of {len(card.text)} characters is no QR symbol of version"
        f" {QR_VERSION}-M in alphanumeric mode (1 to 122 characters)"
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
        raise CardError(f"badge {card.serial}: the category's colour {card.colour!r} is not #rrggbb")
    red, green, blue = bytes.fromhex(card.colour[1:])
    return red, green, blue


def ink_on(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever has the greater contrast (WCAG 2.2, relative luminance) on the colour."""
    parts = [part / 255 for part in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return BLACK if (luminance + 0.05) ** 2 > 1.05 * 0.05 else WHITE
