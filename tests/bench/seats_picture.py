"""The picture of the seat benchmark: bars in SVG, readable on light and on dark paper. Knows nothing of seats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

SYSTEMS = ("Threshold", "online only", "static split")
CLASSES = ("a", "b", "c")
WIDTH = 860
LEFT, RIGHT = 236, 618  # where the bars of the two panels begin
FALSE_WIDE, USED_WIDE = 290, 172
MOST = 1100  # false refusals; longer bars are broken
TOP, ROW, BAR = 118, 74, 16
STYLE = """
text { font: 15px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2328 }
.title { font-weight: 600 } .small { font-size: 13.5px } .quiet { fill: #57606a } .name { text-anchor: end }
.rule { stroke: #d0d7de } .a { fill: #1a7f4b } .b { fill: #c9800f } .c { fill: #8c959f }
text.a { font-weight: 600 } text.b, text.c { fill: #57606a }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet, text.b, text.c { fill: #9da7b3 } .rule { stroke: #3d444d }
  .a { fill: #4cc38a } .b { fill: #d9a040 } .c { fill: #767e89 }
}
""".strip()


@dataclass(frozen=True, slots=True)
class Bars:
    """One line of the picture: what happens, more exactly; who asked; per system false refusals and seats used (%)."""

    name: str
    more: str
    asked: float
    false: Sequence[float]
    used: Sequence[float]


def draw(lines: Sequence[Bars]) -> str:
    """The whole picture."""
    height = TOP + ROW * len(lines) + 6
    title = "False refusals and seats used, by way of handing seats out and by what fails"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [
        f'{head} role="img" aria-label="{title}">',
        f"<title>{title}</title>",
        f"<style>{STYLE}</style>",
        *_head(lines),
    ]
    for number, line in enumerate(lines):
        parts += _line(line, TOP + ROW * number)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _head(lines: Sequence[Bars]) -> Iterable[str]:
    at = LEFT
    for name, colour in zip(SYSTEMS, CLASSES, strict=True):
        yield f'<rect class="{colour}" x="{at}" y="10" width="14" height="14" rx="2"/>'
        yield f'<text x="{at + 21}" y="22">{name}</text>'
        at += 130
    yield f'<text class="title" x="{LEFT}" y="62">People refused although there was room</text>'
    yield f'<text class="title" x="{RIGHT}" y="62">Seats used</text>'
    asked = sorted(round(line.asked, -1) for line in lines)
    most = f" ({asked[-1]:,.0f} when the server is gone)" if asked[-1] > asked[0] else ""
    yield f'<text class="small quiet" x="{LEFT}" y="84">of {asked[0]:,.0f} who asked{most}</text>'
    yield f'<text class="small quiet" x="{RIGHT}" y="84">percent of what was possible</text>'


def _line(line: Bars, top: int) -> Iterable[str]:
    yield f'<line class="rule" x1="0" x2="{WIDTH}" y1="{top - 11}" y2="{top - 11}"/>'
    y = top + BAR + (6 if line.more else 16)
    yield f'<text class="name" x="{LEFT - 16}" y="{y}">{escape(line.name)}</text>'
    if line.more:
        yield f'<text class="name small quiet" x="{LEFT - 16}" y="{y + 20}">{escape(line.more)}</text>'
    for number, colour in enumerate(CLASSES):
        y = top + number * (BAR + 2)
        false, used = line.false[number], line.used[number]
        yield from _bar(LEFT, y, FALSE_WIDE * min(1.0, false / MOST), colour, broken=false > MOST)
        yield _number(LEFT + FALSE_WIDE * min(1.0, false / MOST), y, f"{false:,.0f}", colour)
        yield from _bar(RIGHT, y, USED_WIDE * min(100, used) / 100, colour)
        yield _number(
            RIGHT + USED_WIDE * min(100, used) / 100, y, f"{min(100, used):.1f}".removesuffix(".0") + " %", colour
        )


def _bar(x: float, y: float, wide: float, colour: str, *, broken: bool = False) -> Iterable[str]:
    if not broken:
        if wide:
            yield f'<rect class="{colour}" x="{x}" y="{y}" width="{max(wide, 1):.1f}" height="{BAR}"/>'
        return
    gap = x + wide - 34
    yield f'<path class="{colour}" d="M{x} {y}H{gap + 6:.1f}L{gap - 2:.1f} {y + BAR}H{x}Z"/>'
    yield f'<path class="{colour}" d="M{gap + 12:.1f} {y}H{x + wide:.1f}V{y + BAR}H{gap + 4:.1f}Z"/>'


def _number(x: float, y: float, text: str, colour: str) -> str:
    return f'<text class="small {colour}" x="{x + 7:.1f}" y="{y + 13}">{text}</text>'
