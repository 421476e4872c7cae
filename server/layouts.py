"""Sizes of badge cards and of the paper that they are printed on. Pure; knows nothing of what a card says.

A card has a header, the texts, the QR symbol and a band with the category at its foot. On an upright card the symbol
stands under the texts, on a wide one beside them. The symbol is never too small for the cameras at the gates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from admission.errors import ConfigError
from server.phrase import marked as _
from server.phrase import phrase

QR_MODULES = 37
QUIET_MODULES = 4
LEAST_QR = 30.0

MARK_GAP, MARK = 2.5, 3.0
MARGIN = MARK_GAP + MARK + 4.0
LEAST_TEXTS = 25.0
"""Less width (mm) than this has no room for a name beside the symbol."""


class CardError(ConfigError, ValueError):
    """A card that cannot be drawn as asked; the text says which and why, without the badge's text."""


@dataclass(frozen=True, slots=True)
class Type:
    """How large things are on a card: type in points (the largest it gets), the rest in millimetres. ``name_share``:
    how much of the height of the texts a name may take; ``texts``: the least height that they need."""

    padding: float = 6.0
    header_top: float = 5.0
    header: float = 8.0
    band: float = 15.0
    gap: float = 2.0
    serial: float = 22.0
    name: float = 32.0
    organisation: float = 13.0
    delegation: float = 11.0
    category: float = 20.0
    small: float = 9.0
    name_share: float = 0.55
    texts: float = 46.5


UPRIGHT = Type()
LARGE = Type(8.0, 7.0, 9.0, 20.0, 3.0, 26.0, 44.0, 17.0, 14.0, 26.0, 10.0)
SMALL = Type(4.0, 2.5, 6.0, 11.0, 1.0, 13.0, 22.0, 9.5, 8.5, 15.0, 6.5, 0.58, 22.0)
WIDE = Type(5.0, 4.0, 7.0, 13.0, 1.5, 18.0, 27.0, 11.5, 10.0, 18.0, 8.0, 0.56, 30.0)


@dataclass(frozen=True, slots=True)
class Column:
    """Where the texts stand on a card, in millimetres from its upper left corner."""

    left: float
    top: float
    width: float
    height: float

    def share(self, part: float) -> float:
        """A part of its height."""
        return self.height * part


@dataclass(frozen=True)
class Layout:
    """Sizes in millimetres of the paper, of a card, between cards, and of the QR symbol without its quiet zone.

    ``cut``: the paper is larger and has marks to cut along; otherwise it is the card. ``beside``: the symbol stands
    beside the texts. Raises CardError when the symbol is too small for the cameras at the gates or something does not
    fit.
    """

    page: tuple[float, float] = (210.0, 297.0)
    card: tuple[float, float] = (86.0, 124.0)
    gutter: float = 8.0
    qr: float = 40.0
    type: Type = UPRIGHT
    cut: bool = True
    beside: bool = False

    def __post_init__(self) -> None:
        if self.qr < LEAST_QR:
            raise CardError(
                phrase("the QR symbol is {qr:g} mm wide; gates need at least {least:g} mm", qr=self.qr, least=LEAST_QR)
            )
        if not self._has_room():
            raise CardError(
                phrase(
                    "a card of {width:g} x {height:g} mm has no room for its texts and QR",
                    width=self.card[0],
                    height=self.card[1],
                )
            )
        if self.cut and self.gutter < 2 * MARK_GAP:
            raise CardError(phrase("cards need {gap:g} mm between them for the cut marks", gap=2 * MARK_GAP))
        if min(self.columns, self.rows) < 1:
            raise CardError(
                phrase(
                    "the card does not fit on paper of {width:g} x {height:g} mm",
                    width=self.page[0],
                    height=self.page[1],
                )
            )

    def _has_room(self) -> bool:
        width, height = self.card
        if self.beside:
            return self.texts.width >= LEAST_TEXTS and height >= self.qr_block + self.type.band
        least = self.type.header_top + self.type.header + self.type.texts
        return width >= self.qr_block and height >= self.qr_block + self.type.band + least

    @property
    def qr_block(self) -> float:
        """Width of the symbol with its quiet zone."""
        return self.qr * (QR_MODULES + 2 * QUIET_MODULES) / QR_MODULES

    @property
    def symbol(self) -> tuple[float, float]:
        """The upper left corner of the symbol on a card, without its quiet zone."""
        width, height = self.card
        quiet = QUIET_MODULES * self.qr / QR_MODULES
        if self.beside:
            return width - self.qr_block + quiet, (height - self.type.band - self.qr) / 2
        return (width - self.qr) / 2, height - self.type.band - quiet - self.qr

    @property
    def texts(self) -> Column:
        """Where name, organisation and delegation stand on a card."""
        width, height = self.card
        top = self.type.header_top + self.type.header
        if self.beside:
            return Column(
                self.type.padding, top, width - self.qr_block - self.type.padding, height - self.type.band - top - 1
            )
        return Column(
            self.type.padding, top, width - 2 * self.type.padding, height - self.type.band - self.qr_block - top
        )

    @property
    def columns(self) -> int:
        """Cards beside each other on a page."""
        return _fitting(self.page[0], self.card[0], self.gutter) if self.cut else 1

    @property
    def rows(self) -> int:
        """Cards below each other on a page."""
        return _fitting(self.page[1], self.card[1], self.gutter) if self.cut else 1

    @property
    def places(self) -> int:
        """Cards on a page."""
        return self.columns * self.rows

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


CR80, THREE_BY_FOUR, A6 = (85.6, 53.98), (101.6, 76.2), (105.0, 148.0)
A4 = Layout()
LAYOUTS: Mapping[str, tuple[str, Layout]] = {
    "a4": (_("A4 sheet, cards of 86 x 124 mm"), A4),
    "a4-wide": (_("A4 sheet, cards of 4 x 3 in"), Layout((297.0, 210.0), THREE_BY_FOUR, 8, 40, WIDE, True, True)),
    "a4-cr80": (_("A4 sheet, cards of 85.6 x 54 mm (CR80)"), Layout(card=CR80, qr=31, type=SMALL, beside=True)),
    "a6": (_("Single cards, A6"), Layout(A6, A6, 0, 52, LARGE, False, False)),
    "wide": (_("Single cards, 4 x 3 in"), Layout(THREE_BY_FOUR, THREE_BY_FOUR, 0, 40, WIDE, False, True)),
    "cr80": (_("Single cards, 85.6 x 54 mm (CR80)"), Layout(CR80, CR80, 0, 31, SMALL, False, True)),
}
"""What badges can be printed on, by name, each with its words."""
