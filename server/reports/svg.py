"""Small pictures as SVG text, with attributes only: no style, no script, no font of their own.

Drawn here and not by a charting library, because what these pictures need no library draws: a bar against its
capacity with the numbers written beside it, rows of curves over one clock with their limit, and labels in any script.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from types import MappingProxyType

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif"
SIZE = 14.0
LIGHT: Mapping[str, str] = MappingProxyType(
    {
        "ink": "#11161d",
        "muted": "#535e6b",
        "grid": "#d8dde3",
        "track": "#e9ecf0",
        "edge": "#79838f",
        "bar": "#4f7186",
        "limit": "#a3123f",
    }
)
DARK: Mapping[str, str] = MappingProxyType(
    {
        "ink": "#eef2f6",
        "muted": "#9ba7b4",
        "grid": "#29313b",
        "track": "#1d242c",
        "edge": "#75808d",
        "bar": "#7d9fb5",
        "limit": "#ff8fac",
    }
)
LOOKS: Mapping[str, Mapping[str, str]] = MappingProxyType({"light": LIGHT, "dark": DARK})
"""The colours of the pages, by what they mean there (static/threshold.css)."""
WIDTHS = {"narrow": 360.0, "middle": 700.0, "wide": 1100.0, "full": 1344.0}
"""Pixels of a picture for a phone, a tablet or half a page, a page, a large page."""


@dataclass
class Drawing:
    """A picture that is being drawn; y grows downwards, in pixels. Colours are named as in LIGHT."""

    width: float
    look: Mapping[str, str]
    parts: list[str] = field(default_factory=list)

    def text(
        self, x: float, y: float, text: str, colour: str = "ink", *, anchor: str = "start", bold: bool = False
    ) -> None:
        """A line of text whose baseline is at y."""
        weight = ' font-weight="650"' if bold else ""
        place = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self.parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" fill="{self.look[colour]}"{place}{weight}>{escape(clean(text))}</text>'
        )

    def box(self, x: float, y: float, size: tuple[float, float], fill: str = "", edge: str = "") -> None:
        """A rectangle of this width and height, filled, with an edge, or both."""
        width, height = size
        line = f' stroke="{self.look[edge]}"' if edge else ""
        inside = self.look[fill] if fill else "none"
        self.parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" fill="{inside}"{line}/>'
        )

    def line(self, points: tuple[float, float, float, float], colour: str, width: float = 1, dash: str = "") -> None:
        """A line from (x, y) to (x, y)."""
        x1, y1, x2, y2 = map(_n, points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<path d="M{x1} {y1}L{x2} {y2}" stroke="{self.look[colour]}" stroke-width="{_n(width)}"{dashed}/>'
        )

    def path(self, commands: str, fill: str = "", edge: str = "", width: float = 1.5) -> None:
        """Any path."""
        inside = self.look[fill] if fill else "none"
        line = f' stroke="{self.look[edge]}" stroke-width="{_n(width)}"' if edge else ""
        self.parts.append(f'<path d="{commands}" fill="{inside}"{line}/>')

    def finish(self, height: float, title: str) -> str:
        """The whole file; ``title`` says in words what is to be seen."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(self.width)}" height="{_n(height)}"'
            f' viewBox="0 0 {_n(self.width)} {_n(height)}" role="img" font-family="{escape(FONT)}"'
            f' font-size="{_n(SIZE)}" font-variant-numeric="tabular-nums">'
            f"<title>{escape(clean(title))}</title>{''.join(self.parts)}</svg>"
        )


def width_of(text: str, size: float = SIZE) -> float:
    """About how many pixels a line takes; rather too many than too few."""
    return size * sum(_em(character) for character in text)


def fitted(text: str, width: float, size: float = SIZE) -> str:
    """The text, with an ellipsis where it would be wider."""
    if width_of(text, size) <= width:
        return text
    kept, used = "", size * 0.9
    for character in text:
        used += size * _em(character)
        if used > width:
            break
        kept += character
    return kept.rstrip() + "…"


def clean(text: str) -> str:
    """Without the characters that XML does not have."""
    return (
        "".join(" " if unicodedata.category(character) in ("Cc", "Cs") else character for character in text)
        .replace("\ufffe", " ")
        .replace("\uffff", " ")
    )


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if character in "iljtfr.,:;'|!() ":
        return 0.34
    return 0.86 if character in "mwMW—…" else 0.68 if character.isupper() else 0.56


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
