"""Badges as they come out of the printer: the PDF, rasterised, and each card cut out."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from deploy.footage import Frame
from server.cards import A4, Card, draw_cards

DPI = 300


def printed(those: list[Card], folder: Path) -> list[Frame]:
    """The cards as they come out of the printer and the cutter."""
    document = io.BytesIO()
    draw_cards(those, document, "Test summit")
    (folder / "cards.pdf").write_bytes(document.getvalue())
    subprocess.run(["pdftoppm", "-r", str(DPI), "-gray", "cards.pdf", "page"], cwd=folder, check=True, timeout=60)
    sheets = [np.asarray(Image.open(path).convert("L")) for path in sorted(folder.glob("page-*.pgm"))]
    to_px = DPI / 25.4
    wide, high = (round(side * to_px) for side in A4.card)
    places = A4.columns * A4.rows
    cut = []
    for at in range(len(those)):
        left, top = (round(edge * to_px) for edge in A4.corner(at % places))
        cut.append(sheets[at // places][top : top + high, left : left + wide])
    return cut
