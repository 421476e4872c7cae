"""The files of the log, as they are written: CSV, XLSX, JSON Lines. Knows nothing of who asked for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from server import log
from server.cells import line as csv_line
from server.exports import Format
from server.log import Record
from server.spreadsheet import Cell, Heading, Workbook

WIDTHS = {"name": 28, "organisation": 28, "delegation": 20, "session": 34, "gate": 20, "kiosk": 16, "reason": 16}
SHOWN = {"time": "hh:mm:ss", "date": "yyyy-mm-dd"}
Append = Callable[[list[Record]], None]


@contextmanager
def opened(form: Format, path: Path) -> Iterator[Append]:
    """A file of that format: what it gives adds records."""
    if form is Format.XLSX:
        columns = [Heading(title, WIDTHS.get(title, 11), SHOWN.get(title, "")) for title in log.HEADER]
        with Workbook(path, "Log", columns) as book:

            def append(records: list[Record]) -> None:
                for record in records:
                    book.append(cells(record))

            yield append
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        line = json_line
        if form is Format.CSV:
            file.write("\ufeff" + csv_line(log.HEADER))
            line = _csv_line

        def add(records: list[Record]) -> None:
            file.writelines(line(record) for record in records)

        yield add


def cells(record: Record) -> list[Cell]:
    """The record as a spreadsheet has it: numbers are numbers, times are times."""
    at = record.at.replace(tzinfo=None)
    texts: list[Cell] = [*log.cells(record)]
    texts[:2] = [at.time().replace(microsecond=0), at.date()]
    for place, number in ((6, record.badge), (15, record.count), (16, record.passage), (17, record.steward or None)):
        texts[place] = number
    return texts


def json_line(record: Record) -> str:
    """The record as one line of JSON, with the columns' names and its instant in the venue's zone."""
    facts = {"passage": record.passage, "at": record.at.isoformat(timespec="milliseconds")}
    facts |= {name: getattr(record, name) for name in log.HEADER[2:] if name != "passage"}
    facts |= {"flags": record.flags.split(), "steward": record.steward or None}
    return msgspec.json.encode(facts).decode() + "\n"


def _csv_line(record: Record) -> str:
    return csv_line(log.cells(record))
