"""Bars, one below the other, from a common zero, each with its name and its numbers written beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.reports.svg import Drawing, fitted, width_of

ROW, TALL_ROW = 27.0, 47.0
BAR = 15.0
NARROW = 500.0
GAP = 8.0


@dataclass(frozen=True, slots=True)
class Bar:
    """``of``: what the value could be at most, drawn as a frame around the bar; ``until``: a thin line from the bar's
    end to here. ``text`` stands beside it, ``note`` before the label."""

    label: str
    value: float
    text: str
    of: float = 0
    until: float = 0
    note: str = ""

    @property
    def reach(self) -> float:
        """How far it is drawn."""
        return max(self.value, self.of, self.until)


def draw(bars: Sequence[Bar], width: float, look: Mapping[str, str], title: str, most: float = 0) -> str:
    """The picture. ``most``: the end of the scale if it is not the longest bar's; longer bars are broken off."""
    drawing = Drawing(width, look)
    is_narrow = width < NARROW
    row = TALL_ROW if is_narrow else ROW
    texts = min(0.45 * width, max((width_of(one.text) for one in bars), default=0) + 2 * GAP)
    notes = max((width_of(one.note) for one in bars), default=0)
    names = max((width_of(one.label) for one in bars), default=0) + (notes + GAP if notes else 0) + 2 * GAP
    left = 0.0 if is_narrow else min(0.4 * width, names)
    scale = (width - left - texts) / (most or max((one.reach for one in bars), default=0) or 1)
    for number, one in enumerate(bars):
        top = 4 + number * row
        _name(drawing, one, top, (width if is_narrow else left - 2 * GAP), notes)
        _bar(drawing, one, (left, top + (row - BAR) - 6 if is_narrow else top + (row - BAR) / 2), scale, most)
    height = 8 + max(1, len(bars)) * row
    drawing.line((left + 0.5, 2, left + 0.5, height - 4), "edge")
    return drawing.finish(height, title)


def _name(drawing: Drawing, one: Bar, top: float, width: float, notes: float) -> None:
    start = 0.0
    if one.note:
        drawing.text(0, top + 18, one.note, "muted")
        start = notes + GAP
    drawing.text(start, top + 18, fitted(one.label, width - start))


def _bar(drawing: Drawing, one: Bar, corner: tuple[float, float], scale: float, most: float) -> None:
    x, y = corner
    end = min(one.value, most or one.value) * scale
    if one.of:
        drawing.box(x + 0.5, y + 0.5, (one.of * scale, BAR - 1), "track", "edge")
    if end:
        drawing.box(x, y, (max(end, 1), BAR), "bar")
    if one.until > one.value:
        across = x + one.until * scale
        drawing.line((x + end, y + BAR / 2, across, y + BAR / 2), "bar", 2)
        drawing.line((across, y + 3, across, y + BAR - 3), "bar", 2)
    if 0 < one.of < one.value:
        drawing.line((x + one.of * scale, y - 3, x + one.of * scale, y + BAR + 3), "ink", 2)
    if most and one.value > most:
        drawing.text(x + end - 3, y + BAR - 3, "→", "ink", anchor="end", bold=True)
    reach = min(one.reach, most or one.reach) * scale
    drawing.text(x + reach + GAP, y + BAR - 3, one.text)
