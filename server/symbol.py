"""A QR symbol of a text, alphanumeric if nothing else is said: as an SVG's path, and as lines for a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from qrcode import QRCode
from qrcode.constants import ERROR_CORRECT_M
from qrcode.util import MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData

QUIET = 4
_BLACK_ON_WHITE, _PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Symbol:
    """``side`` in modules with the quiet zone; ``path``: the dark modules, a module being 1 x 1."""

    side: int
    path: str


def draw(text: str) -> Symbol:
    """The drawing of the text's symbol. Raises ValueError for a text that is not alphanumeric."""
    return _drawn(_modules(text))


def draw_address(text: str) -> Symbol:
    """The same of an address, whose signs are of any kind."""
    return _drawn(_modules(text, MODE_8BIT_BYTE))


def _drawn(modules: list[list[bool]]) -> Symbol:
    runs = []
    for y, row in enumerate(modules):
        x = 0
        for dark, run in groupby(row):
            length = len(list(run))
            if dark:
                runs.append(f"M{x} {y}h{length}v1h-{length}z")
            x += length
    return Symbol(len(modules), "".join(runs))


def svg(text: str) -> str:
    """The symbol as a picture of its own, white around and behind it. Raises ValueError like ``draw``."""
    symbol = draw(text)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {symbol.side} {symbol.side}" '
        f'shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{symbol.side}v{symbol.side}H0z"/>'
        f'<path d="{symbol.path}"/></svg>'
    )


def lines(text: str) -> list[str]:
    """The symbol for a terminal, two modules to a character, black on white whatever its colours are."""
    modules = _modules(text)
    rows = [*modules, [False] * len(modules)] if len(modules) % 2 else modules
    drawn = []
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        drawn.append("".join(" ▀▄█"[high + 2 * low] for high, low in zip(upper, lower, strict=True)))
    return [f"{_BLACK_ON_WHITE}{line}{_PLAIN}" for line in drawn]


def _modules(text: str, mode: int = MODE_ALPHA_NUM) -> list[list[bool]]:
    code = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET)
    code.add_data(QRData(text, mode=mode), optimize=0)
    code.make()
    return [[bool(module) for module in row] for row in code.get_matrix()]
