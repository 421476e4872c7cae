"""Reads a table as a spreadsheet program saves it: BOM or none, commas, semicolons or tabs, any line ends.

Every problem is collected with its line, column and what to do; nothing is raised for one bad cell. Knows nothing of
what the columns mean: parsers are passed in.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.phrase import Phrase, phrase

Parser = Callable[[str], Any]
"""From a trimmed cell to a value; raises ValueError whose text says what is wrong and what to do."""

MAX_BYTES = 50_000_000
MAX_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct. Lines count from 1, the header being line 1; 0: the whole file."""

    file: str
    line: int
    column: str
    what: str

    def __str__(self) -> str:
        place = f", line {self.line}" if self.line else ""
        column = f", column {self.column!r}" if self.column else ""
        return f"{self.file}{place}{column}: {self.what}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its parser gets "" for an empty or absent cell, unless the column is required."""

    name: str
    parse: Parser = str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was read, and the line on which it began."""

    line: int
    values: Mapping[str, Any]


def read(name: str, raw: bytes, columns: Sequence[Column]) -> tuple[list[Row], list[Problem]]:
    """The rows of the file and all that is wrong with it. The first column is the key: it must not repeat."""
    text, problem = _decode(raw)
    if problem:
        return [], [Problem(name, 0, "", problem)]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    rows: list[Row] = []
    problems: list[Problem] = []
    try:
        header = [cell.strip().lower() for cell in next(lines, [])]
        problems = _header_problems(name, header, columns)
        if problems:
            return [], problems
        start = lines.line_num + 1
        for cells in lines:
            if len(rows) >= MAX_ROWS:
                what = phrase("has more than {most} rows; is it the right file?", most=MAX_ROWS)
                return rows, [*problems, Problem(name, start, "", what)]
            if any(cell.strip() for cell in cells):
                row, bad = _row(name, start, dict(zip(header, cells, strict=False)), columns)
                problems += bad + _surplus(name, start, header, cells)
                rows.append(row)
            start = lines.line_num + 1
    except csv.Error as error:
        what = phrase(
            "cannot be read on from here ({error}); look for a quotation mark that is not closed", error=str(error)
        )
        problems.append(Problem(name, lines.line_num, "", what))
    return rows, problems


def _decode(raw: bytes) -> tuple[str, Phrase | None]:
    if len(raw) > MAX_BYTES:
        return "", phrase("is larger than {most} MB; is it the right file?", most=MAX_BYTES // 1_000_000)
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        return "", _not_utf_8(raw, raw[: error.start].count(b"\n") + 1)
    if "\0" in text:
        return "", phrase('is not a text file; save the table as "CSV UTF-8"')
    return text, None


def _not_utf_8(raw: bytes, line: int) -> Phrase:
    """What the bytes are likely to be instead: a spreadsheet's "CSV" without UTF-8 has no NUL and no other mark."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in raw:
        return phrase('is not UTF-8 (line {line}); save it again as "CSV UTF-8"', line=line)
    return phrase(
        'is not UTF-8 (line {line}): it looks like Windows-1252, the plain "CSV" of a spreadsheet;'
        ' save it again as "CSV UTF-8"',
        line=line,
    )


def _delimiter(text: str) -> str:
    header = re.split(r"[\r\n]", text, maxsplit=1)[0]
    return max(",;\t", key=header.count)


def _header_problems(name: str, header: Sequence[str], columns: Sequence[Column]) -> list[Problem]:
    known = [column.name for column in columns]
    listing = ", ".join(known)
    if not any(header):
        return [Problem(name, 1, "", phrase("is empty; the first line names the columns: {columns}", columns=listing))]
    missing = [column.name for column in columns if column.required and column.name not in header]
    what = phrase("is missing; the columns are: {columns}", columns=listing)
    problems = [Problem(name, 1, one, what) for one in missing]
    unknown = [one for one in header if one and one not in known]
    what = phrase("is not a column of this file; they are: {columns}", columns=listing)
    problems += [Problem(name, 1, one, what) for one in unknown]
    twice = {one for one in header if one and header.count(one) > 1}
    return problems + [Problem(name, 1, one, phrase("stands twice; keep one")) for one in sorted(twice)]


def _surplus(name: str, line: int, header: Sequence[str], cells: Sequence[str]) -> list[Problem]:
    extra = [cell for cell in cells[len(header) :] if cell.strip()]
    if not extra:
        return []
    what = phrase(
        "has {cells} cells for {columns} columns; quote cells that hold commas", cells=len(cells), columns=len(header)
    )
    return [Problem(name, line, "", what)]


def _row(name: str, line: int, cells: Mapping[str, str], columns: Sequence[Column]) -> tuple[Row, list[Problem]]:
    values: dict[str, Any] = {}
    problems = []
    for column in columns:
        cell = (cells.get(column.name) or "").strip()
        if not cell and column.required:
            problems.append(Problem(name, line, column.name, phrase("is empty; fill it in")))
            continue
        try:
            values[column.name] = column.parse(cell)
        except ValueError as error:
            problems.append(Problem(name, line, column.name, error.args[0] if error.args else str(error)))
    return Row(line, values), problems
