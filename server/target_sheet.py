"""The printed test target on paper: one A4 page as a PDF, at its true size.

What is drawn where says admission.target. Must not know kiosks or the database.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from fpdf.enums import Align
from qrcode import QRCode
from qrcode.constants import ERROR_CORRECT_M
from qrcode.util import MODE_ALPHA_NUM, QRData

from admission.target import CODE_AT, CODE_MM, MODULES, PAGE_MM, TEXT, WORDS, shapes
from server.fonts import INSTALLED_FONTS, POINTS_PER_MM, Faces, Sheet, Weight

_MARGIN = 15.0
_ABOVE = 0.86
"""Of a line's size, what lies above its baseline with the next line's room."""


def draw_target(out: BinaryIO, *, fonts: Path = INSTALLED_FONTS) -> None:
    """Writes the page as a PDF to ``out``."""
    sheet = Sheet(PAGE_MM, Faces(fonts))
    sheet.set_title(WORDS[0].text)
    sheet.add_page()
    for shape in shapes():
        sheet.set_fill_color(shape.grey)
        sheet.polygon(shape.corners, style="F")
    sheet.fill_strips(_runs(), *CODE_AT, CODE_MM / MODULES)
    width = PAGE_MM[0] - 2 * _MARGIN
    for one in WORDS:
        block = sheet.fitted(one.text, Weight.REGULAR, one.size * POINTS_PER_MM, width, 2 * one.size)
        sheet.write_block(block, _MARGIN, one.baseline - _ABOVE * one.size, width, Align.C)
    sheet.output(out)


def _runs() -> list[tuple[int, int, int]]:
    """Column, row and length of what is dark."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=0)
    code.add_data(QRData(TEXT, mode=MODE_ALPHA_NUM), optimize=0)
    code.make()
    return [(x, y, 1) for y, row in enumerate(code.get_matrix()) for x, dark in enumerate(row) if dark]
