"""Between the tables and the API: masks and instants as programs read them, and a row as an import reads it. Pure."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from zoneinfo import ZoneInfo

from server.store.instants import from_ms


def numbers_of(mask: int) -> list[int]:
    """The zones of a mask, from 1 on."""
    return [number + 1 for number in range(mask.bit_length()) if mask >> number & 1]


def instant(ms: int, zone: ZoneInfo) -> datetime:
    """The instant, in the venue's zone."""
    return from_ms(ms).astimezone(zone)


def sheet_of(header: str, *cells: str) -> bytes:
    """A CSV file of one row."""
    out = io.StringIO()
    csv.writer(out).writerows([header.split(), cells])
    return out.getvalue().encode()
