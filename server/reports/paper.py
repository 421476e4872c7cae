"""A sheet of paper for reports: lines that fit where they stand, lists with bars, in any script.

Nothing is ever written outside of its place. Knows nothing of what is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fpdf.enums import Align

from server.fonts import LINE_HEIGHT, POINTS_PER_MM, Sheet, Weight

INK, MUTED, LINE, BAR, TRACK = (17, 22, 29), (83, 94, 107), (190, 197, 205), (79, 113, 134), (233, 236, 240)
LEAST = 0.8
"""A line that does not fit is set this much smaller at most; then it is cut."""
ROW = 5.6
"""Millimetres from one line of a list to the next."""
WIDE = 100.0
"""From this width on a list has more room for its bars than for its names."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a list: a name, what is said of it, and a bar: ``value`` of ``of`` (of the largest, if 0)."""

    label: str
    text: str
    value: float = 0
    of: float = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: its upper left corner and its width, in millimetres."""

    x: float
    y: float
    width: float


class Paper(Sheet):
    """Lines, bars and columns on a page."""

    def line_of(
        self, text: str, place: Place, size: float, weight: Weight = Weight.REGULAR, align: Align = Align.L
    ) -> None:
        """One line, a little smaller if it has to be, cut with an ellipsis if that is not enough."""
        line = self._faces.drawable(text, weight)
        if not line:
            return
        size = max(size * LEAST, min(size, place.width / max(self._width(line, weight), 1e-9)))
        if self._width(line, weight) * size > place.width + 0.01:
            line = self._cut(line, weight, place.width / size)
        self._select(weight, size)
        self.set_xy(place.x, place.y)
        self.cell(place.width, size * LINE_HEIGHT / POINTS_PER_MM, line, align=align)

    def wrapped(self, text: str, width: float, size: float) -> list[str]:
        """The text in lines of this width."""
        lines, line = [], ""
        for part in text.split(" "):  # not where a space does not break
            word = self._faces.drawable(part, Weight.REGULAR)
            longer = f"{line} {word}" if line else word
            if line and self._width(longer, Weight.REGULAR) * size > width:
                lines.append(line)
                longer = word
            line = longer
        return [*lines, line]

    def _cut(self, line: str, weight: Weight, width: float) -> str:
        """As much of it as takes so many millimetres per point, with an ellipsis."""
        ellipsis = "…" if self._faces.main(weight) else "..."
        low, high = 0, len(line)
        while low < high:
            middle = (low + high + 1) // 2
            fits = self._width(line[:middle].rstrip() + ellipsis, weight) <= width
            low, high = (middle, high) if fits else (low, middle - 1)
        return line[:low].rstrip() + ellipsis

    def list_of(self, rows: Sequence[Row], place: Place, row: float = ROW, text: float = 20) -> None:
        """Names, bars from a common zero, and what is said of each at its end, ``text`` mm wide."""
        size = min(9.5, row * POINTS_PER_MM / LINE_HEIGHT * 0.92)
        barred = any(one.value or one.of for one in rows)
        names = place.width * (0.46 if place.width > WIDE else 0.5) if barred else place.width - text
        middle = size * LINE_HEIGHT / POINTS_PER_MM / 2
        most = max((one.of or one.value for one in rows), default=0) or 1
        scale = (place.width - names - text - 3) / most
        for number, one in enumerate(rows):
            top = place.y + number * row
            free = place.width if not one.text else names - 2 if one.value or one.of else place.width - text - 2
            self.set_text_color(*INK)
            self.line_of(one.label, Place(place.x, top, free), size)
            self._bar(one, Place(place.x + names, top + middle - row * 0.25, scale), row * 0.5)
            self.line_of(one.text, Place(place.x + place.width - text, top, text), size, align=Align.R)

    def curve(self, heights: Sequence[float], place: Place, height: float) -> None:
        """An area of columns without gaps, each as high as its share of ``height``, on a line."""
        step = place.width / max(1, len(heights))
        corners = [(place.x, place.y + height)]
        for number, share in enumerate(heights):
            top = place.y + height * (1 - share)
            corners += [(place.x + number * step, top), (place.x + (number + 1) * step, top)]
        self.set_fill_color(*BAR)
        self.polygon([*corners, (place.x + place.width, place.y + height)], style="F")
        self.rule(Place(place.x, place.y + height, place.width))

    def rule(self, place: Place) -> None:
        """A thin line."""
        self.set_draw_color(*LINE)
        self.set_line_width(0.2)
        self.line(place.x, place.y, place.x + place.width, place.y)

    def _bar(self, one: Row, place: Place, height: float) -> None:
        """The place's width is that of 1. A bar is never longer than what it could be at most."""
        if one.of:
            self.set_fill_color(*TRACK)
            self.rect(place.x, place.y, one.of * place.width, height, style="F")
        if one.value:
            self.set_fill_color(*BAR)
            long = min(one.value, one.of or one.value) * place.width
            self.rect(place.x, place.y, max(0.2, long), height, style="F")
