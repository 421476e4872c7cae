"""A report's tables as files for spreadsheets and programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from server.cells import line as csv_line
from server.reports.tables import Column, Table
from server.reports.tallies import MINUTE
from server.reports.voice import Voice
from server.store.instants import from_ms


def lines(voice: Voice, table: Table) -> Iterator[str]:
    """The table as CSV text with a BOM: values for machines, times with their zone, nothing that is a formula."""
    yield "\ufeff" + csv_line([voice.say(column.title) for column in table.columns])
    for row in table.rows:
        yield csv_line([_plain(voice, column, value) for column, value in zip(table.columns, row, strict=True)])


def _plain(voice: Voice, column: Column, value: Any) -> str:
    if value is None:
        return ""
    if column.kind == "moment":
        return f"{from_ms(int(value) * MINUTE).astimezone(voice.zone):%Y-%m-%dT%H:%M%z}"
    return f"{value:.3f}" if column.kind == "share" else str(value)
