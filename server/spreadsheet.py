"""Rows as an XLSX workbook, written as they come: never in memory as a whole, and never with a live formula.

Knows nothing of what the rows say.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from types import TracebackType
from typing import Any

import xlsxwriter

MOST_ROWS = 1_048_575
"""Rows that fit a sheet besides its heading."""
Cell = str | int | float | bool | date | time | datetime | None


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: its heading, how wide it is in characters, and how its dates and times are shown."""

    title: str
    width: int = 12
    shown: str = ""


class Workbook:
    """A workbook that is being written to ``path``: ``append`` adds rows, leaving the block finishes it. A full sheet
    is followed by another one with the same heading."""

    def __init__(self, path: Path, title: str, columns: Sequence[Heading]) -> None:
        self._sheets_folder = path.with_name(f"{path.name}.sheets")  # as large as the rows, until it is zipped
        self._sheets_folder.mkdir(mode=0o700)
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "tmpdir": str(self._sheets_folder),
        }
        self._book: Any = xlsxwriter.Workbook(str(path), options)
        self._title, self._columns = title, columns
        self._heading = self._book.add_format({"bold": True, "bottom": 1})
        shown = {column.shown for column in columns if column.shown}
        formats = {form: self._book.add_format({"num_format": form}) for form in shown}
        self._formats = [formats.get(column.shown) for column in columns]
        self._sheets = 0
        self._begin()

    def append(self, row: Sequence[Cell]) -> None:
        """Adds a row. Texts stay texts, whatever they begin with; numbers, dates and times are such."""
        if self._row >= MOST_ROWS:
            self._end()
            self._begin()
        self._row += 1
        for number, cell in enumerate(row):
            if isinstance(cell, str):
                if cell:
                    self._sheet.write_string(self._row, number, cell)
            elif isinstance(cell, bool):
                self._sheet.write_boolean(self._row, number, cell)
            elif isinstance(cell, int | float):
                self._sheet.write_number(self._row, number, cell)
            elif cell is not None:
                self._sheet.write_datetime(self._row, number, cell, self._formats[number])

    def __enter__(self) -> Workbook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._end()
                self._book.close()
            else:  # nobody wants it any more: nothing is put together
                self._book.fileclosed = True
                for sheet in self._book.worksheets():
                    sheet.row_data_fh.close()
        finally:
            shutil.rmtree(self._sheets_folder, ignore_errors=True)

    def _begin(self) -> None:
        self._sheets += 1
        self._sheet = self._book.add_worksheet(self._title[:25] + (f" {self._sheets}" if self._sheets > 1 else ""))
        self._sheet.freeze_panes(1, 0)
        for number, column in enumerate(self._columns):
            self._sheet.set_column(number, number, column.width)
            self._sheet.write_string(0, number, column.title, self._heading)
        self._row = 0

    def _end(self) -> None:
        self._sheet.autofilter(0, 0, max(self._row, 1), len(self._columns) - 1)
