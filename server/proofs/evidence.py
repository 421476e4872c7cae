"""What a check of the audit says: what it looked at, what it found, and how bad that is.

Knows nothing of what is checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select

from server.store.instants import from_ms

KEPT = 10_000
"""So many findings of a kind are kept from one check; the rest is counted, so that memory stays bounded."""
BATCH = 2_000


class Verdict(StrEnum):
    """NOTE: worth knowing, proves nothing wrong."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: in words, and as facts for a machine."""

    verdict: Verdict
    text: str
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its section of the report, what was looked at, and what was found (wrongs first). ``more``: how many
    findings were counted and not kept."""

    section: str
    said: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    more: int = 0


@dataclass
class Gathering:
    """The findings of one check, as they come."""

    section: str
    zone: ZoneInfo
    _kept: dict[Verdict, list[Finding]] = field(default_factory=lambda: {Verdict.WRONG: [], Verdict.NOTE: []})
    _more: int = 0

    def wrong(self, text: str, **facts: object) -> None:
        """Something is wrong."""
        self._add(Finding(Verdict.WRONG, text, facts))

    def note(self, text: str, **facts: object) -> None:
        """Something is worth knowing."""
        self._add(Finding(Verdict.NOTE, text, facts))

    def check(self, said: str) -> Check:
        """The check, now that everything was looked at."""
        findings = (*self._kept[Verdict.WRONG], *self._kept[Verdict.NOTE])
        worst = findings[0].verdict if findings else Verdict.OK
        return Check(self.section, said, worst, findings, self._more)

    def time(self, ms: int) -> str:
        """An instant as it is read in the venue."""
        return clock(from_ms(ms), self.zone)

    def _add(self, finding: Finding) -> None:
        kept = self._kept[finding.verdict]
        if len(kept) < KEPT:
            kept.append(finding)
        else:
            self._more += 1


def clock(instant: datetime, zone: ZoneInfo) -> str:
    """Date and time in the venue's zone."""
    return f"{instant.astimezone(zone):%d %b %H:%M:%S}"


def many(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: 1 passage, 1,200 passages."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Iterable[str]) -> str:
    """Names in a row; "unknown" for none."""
    return ", ".join(names) or "unknown"


def rows(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    """The rows of a query, a batch at a time."""
    yield from connection.execute(query, execution_options={"yield_per": BATCH})


def span(numbers: Sequence[int] | range) -> str:
    """Consecutive numbers: 5, or 5 to 9."""
    return f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
