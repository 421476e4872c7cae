"""The same cards as a picture that any browser shows: an SVG of one page, every letter an outline.

The letters are shaped and measured by the same fonts as on paper. Must not know what is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from fontTools.pens.svgPathPen import SVGPathPen  # type: ignore[import-untyped]
from fpdf.enums import Align

from server.fonts import POINTS_PER_MM, Block, Faces, Sheet

BASELINE = (0.5, 0.3)
"""Where the baseline is in a line of text: so much of the line's height, and of the size of the type, as on paper."""


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


class Picture(Sheet):
    """One page in millimetres that takes what a Sheet takes; ``svg`` is what was drawn."""

    def __init__(self, page: tuple[float, float], faces: Faces) -> None:
        super().__init__(page, faces)
        self._size = page
        self._shapes: list[str] = []
        self._glyphs: dict[tuple[str, int], str] = {}
        self._outlines: list[str] = []
        self._inks = {"draw": "#000", "fill": "#000", "text": "#000"}

    def svg(self) -> bytes:
        """The picture."""
        width, height = map(_number, self._size)
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        ground = f'<rect width="{width}" height="{height}" fill="#fff"/>'
        defs = f"<defs>{''.join(self._outlines)}</defs>"
        return "".join((head, defs, ground, *self._shapes, "</svg>")).encode()

    def set_draw_color(self, r: Any, g: Any = -1, b: Any = -1) -> None:
        """See FPDF."""
        self._inks["draw"] = f"rgb({r} {g} {b})"

    def set_fill_color(self, r: Any, g: Any = -1, b: Any = -1) -> None:
        """See FPDF."""
        self._inks["fill"] = f"rgb({r} {g} {b})"

    def set_text_color(self, r: Any, g: Any = -1, b: Any = -1) -> None:
        """See FPDF."""
        self._inks["text"] = f"rgb({r} {g} {b})"

    def line(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """See FPDF."""
        path = f"M{_number(x1)} {_number(y1)}L{_number(x2)} {_number(y2)}"
        self._shapes.append(f'<path d="{path}" stroke="{self._inks["draw"]}" stroke-width=".2"/>')

    def rect(self, x: float, y: float, w: float, h: float, *_style: Any, **_more: Any) -> None:
        """See FPDF; always filled."""
        place = f'x="{_number(x)}" y="{_number(y)}" width="{_number(w)}" height="{_number(h)}"'
        self._shapes.append(f'<rect {place} fill="{self._inks["fill"]}"/>')

    def fill_strips(self, rectangles: Iterable[tuple[int, int, int]], x: float, y: float, unit: float) -> None:
        """See Sheet."""
        path = "".join(f"M{column} {row}h{length}v1h-{length}z" for column, row, length in rectangles)
        self._shapes.append(f'<path transform="translate({_number(x)} {_number(y)}) scale({unit:.5f})" d="{path}"/>')

    def write_block(self, block: Block, x: float, y: float, width: float, align: Align = Align.C) -> None:
        """See Sheet."""
        height = block.height / max(1, len(block.lines))
        self._select(block.weight, block.size)
        for index, line in enumerate(block.lines):
            wide = self.get_string_width(line)
            left = x + {Align.L: 0.0, Align.R: width - wide}.get(align, (width - wide) / 2)
            baseline = y + (index + BASELINE[0]) * height + BASELINE[1] * block.size / POINTS_PER_MM
            self._write(line, left, baseline, block.size)

    def _write(self, line: str, x: float, baseline: float, size: float) -> None:
        if not self.text_shaping:
            place = f'x="{_number(x)}" y="{_number(baseline)}" font-size="{_number(size / POINTS_PER_MM)}"'
            self._shapes.append(f'<text {place} font-family="sans-serif">{escape(line)}</text>')
            return
        uses = []
        for fragment in self._preload_bidirectional_text(line, False):
            font: Any = fragment.font
            scale = size / POINTS_PER_MM / font.ttfont["head"].unitsPerEm
            shaping = fragment.text_shaping_parameters
            infos, places = font.perform_harfbuzz_shaping(fragment.string, size, shaping)
            for info, place in zip(infos, places, strict=True):
                name = self._glyph(font, info.codepoint)
                at = f"{_number(x + place.x_offset * scale)} {_number(baseline - place.y_offset * scale)}"
                if name:
                    turn = f"translate({at}) scale({scale:.6f} {-scale:.6f})"
                    uses.append(f'<use href="#{name}" transform="{turn}"/>')
                x += place.x_advance * scale
        self._shapes.append(f'<g fill="{self._inks["text"]}">{"".join(uses)}</g>')

    def _glyph(self, font: Any, number: int) -> str:
        """The name of a glyph's outline; "" for one that leaves nothing on the paper."""
        key = (font.fontkey, number)
        if key not in self._glyphs:
            glyphs = font.ttfont.getGlyphSet()
            pen = SVGPathPen(glyphs, ntos=lambda value: _number(round(value)))
            glyphs[font.ttfont.getGlyphName(number)].draw(pen)
            path = pen.getCommands()
            name = f"g{len(self._glyphs)}" if path else ""
            self._glyphs[key] = name
            if path:
                self._outlines.append(f'<path id="{name}" d="{path}"/>')
        return self._glyphs[key]
