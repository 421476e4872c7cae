"""The printed target as a picture: ``threshold-kiosk target --out target.svg``, A4, one unit to a millimetre.

Must not know what a camera makes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import click
from qrcode import QRCode
from qrcode.constants import ERROR_CORRECT_M
from qrcode.util import MODE_ALPHA_NUM, QRData

from admission.errors import DiskError
from admission.target import CODE_AT, CODE_MM, MODULES, PAGE_MM, TEXT, WORDS, shapes


def draw() -> str:
    """The target as an SVG that prints at its true size."""
    wide, high = PAGE_MM
    size = f'width="{wide:g}mm" height="{high:g}mm" viewBox="0 0 {wide:g} {high:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    ground = f'<rect width="{wide:g}" height="{high:g}" fill="#fff"/>'
    left, top = CODE_AT
    place = f'transform="translate({left:g} {top:g}) scale({CODE_MM / MODULES:.6f})"'
    code = f'<path {place} shape-rendering="crispEdges" d="{"".join(_runs())}"/>'
    return "\n".join((head, ground, *_polygons(), code, *_words(), "</svg>", ""))


@click.command("target")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="the SVG file to write")
def command(out: Path) -> None:
    """Draw the test target for doctor and self-test; print it at 100 % on A4."""
    try:
        out.write_text(draw(), "utf-8")
    except OSError as error:
        raise click.ClickException(str(DiskError(f"{out} cannot be written: {error.strerror}"))) from error
    click.echo(f"the target is in {out}; print it at 100 % (its bar is 100 mm long) and hold it up at 30 cm")


def _runs() -> Iterator[str]:
    """The dark modules, row by row."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=0)
    code.add_data(QRData(TEXT, mode=MODE_ALPHA_NUM), optimize=0)
    code.make()
    for y, row in enumerate(code.get_matrix()):
        yield "".join(f"M{x} {y}h1v1h-1z" for x, dark in enumerate(row) if dark)


def _polygons() -> Iterator[str]:
    for shape in shapes():
        points = " ".join(f"{x:.3f},{y:.3f}" for x, y in shape.corners)
        yield f'<polygon points="{points}" fill="rgb({shape.grey},{shape.grey},{shape.grey})"/>'


def _words() -> Iterator[str]:
    for one in WORDS:
        kind = f'font-family="sans-serif" font-size="{one.size:g}" text-anchor="middle"'
        yield f'<text x="{PAGE_MM[0] / 2:g}" y="{one.baseline:g}" {kind}>{escape(one.text)}</text>'
