"""Lines of a CSV file that a spreadsheet may open: no cell is ever a live formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: str) -> str:
    """The text; one that a spreadsheet would take for a formula gets an apostrophe (OWASP: CSV injection)."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def line(cells: Iterable[str]) -> str:
    """One line of the file (RFC 4180), every cell harmless."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([harmless(cell) for cell in cells])
    return out.getvalue()
