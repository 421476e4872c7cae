"""The log: every passage, newest first, filtered, page by page, and as CSV. Only reads.

Pages follow the passage's number (keyset), so page 1,000 costs what page 1 costs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, or_, select

from server.columns import YEARS, search_text
from server.store.instants import from_ms, to_ms
from server.store.schema import badge, gate, passage, person, session

PAGE = 100
EXPORT_PART = 2000
VERDICTS = (
    ("entry", "entered"),
    ("exit", "left"),
    ("refused", "refused"),
    ("duplicate_entry", "entered twice"),
    ("exit_unmatched", "left without entry"),
    ("revoked_meanwhile", "entered, badge revoked"),
    ("unknown_badge", "unknown badge"),
    ("forced", "let in by a steward"),
    ("annulled", "entry annulled"),
    ("annuls_nothing", "annulled no entry"),
    ("counted", "left, counted without a badge"),
)
KINDS = frozenset({"entry", "exit", "refused"})
SILENT = frozenset({"accepted", "noted", "forced", "annulled"})
"""Verdicts that say no more than the kind."""
HEADER = [
    "time",
    "date",
    "person",
    "name",
    "organisation",
    "delegation",
    "badge",
    "session",
    "gate",
    "room",
    "kiosk",
    "kind",
    "reason",
    "verdict",
    "flags",
    "count",
    "passage",
    "steward",
]


class BadFilter(ValueError):
    """A filter that cannot be; the text says which and what to write."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What to look for; empty strings look for everything. Times are instants."""

    q: str = ""
    session: str = ""
    gate: str = ""
    organisation: str = ""
    verdict: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, newest first; whether there are newer and older ones."""

    rows: list[dict[str, Any]]
    newer: int | None
    older: int | None


def parse_filters(given: Mapping[str, str], zone: ZoneInfo) -> Filters:
    """The filters of a query string. Raises BadFilter for times, verdicts and characters that cannot be."""
    texts = {name: given.get(name, "").strip()[:200] for name in ("q", "session", "gate", "organisation", "verdict")}
    if any("\0" in text for text in texts.values()):
        raise BadFilter("a filter holds the character NUL, which no name has; write it again")
    if texts["verdict"] and texts["verdict"] not in dict(VERDICTS):
        raise BadFilter(f"verdict {texts['verdict']!r} is none of: {', '.join(dict(VERDICTS))}")
    until = _moment(given.get("until", ""), zone)
    if until is not None:  # "until 10:00" includes what happened within that minute, a date that day
        until += _width(given["until"].strip())
    return Filters(**texts, since=_moment(given.get("since", ""), zone), until=until)


def page(connection: Connection, filters: Filters, before: int | None, after: int | None, zone: ZoneInfo) -> Page:
    """The newest rows, or those ``before`` or ``after`` a passage's number."""
    query = _query(filters)
    if after is not None:
        query = query.where(passage.c.id > after).order_by(passage.c.id.asc())
    else:
        query = query.where(passage.c.id < before) if before is not None else query
        query = query.order_by(passage.c.id.desc())
    found = connection.execute(query.limit(PAGE + 1)).mappings().all()
    beyond = len(found) > PAGE
    stewards = _stewards(connection, found)
    rows = [_shown(row, zone) | {"by": stewards.get(row["by"], "")} for row in found[:PAGE]]
    if after is not None:
        rows.reverse()
        return Page(rows, rows[0]["id"] if beyond else None, rows[-1]["id"] if rows else None)
    return Page(rows, rows[0]["id"] if before is not None and rows else None, rows[-1]["id"] if beyond else None)


def export(connection: Connection, filters: Filters, zone: ZoneInfo) -> Iterator[str]:
    """The same rows, oldest first, as CSV text with a BOM (spreadsheets then know that it is UTF-8)."""
    yield "\ufeff" + _csv_line(HEADER)
    last = 0
    while True:
        query = _query(filters).where(passage.c.id > last).order_by(passage.c.id.asc()).limit(EXPORT_PART)
        rows = connection.execute(query).mappings().all()
        yield "".join(_csv_line(_exported(row, zone)) for row in rows)
        if len(rows) < EXPORT_PART:
            return
        last = rows[-1]["id"]


def choices(connection: Connection) -> dict[str, list[tuple[str, str]]]:
    """What the filters offer."""
    sessions = connection.execute(select(session.c.id, session.c.title).order_by(session.c.starts)).all()
    gates = connection.execute(select(gate.c.id, gate.c.name).order_by(gate.c.name)).all()
    return {"sessions": list(sessions), "gates": list(gates), "verdicts": list(VERDICTS)}


def _query(filters: Filters) -> Select[Any]:
    columns = [column for column in passage.c if column.name not in ("raw", "hash")]
    query = (
        select(*columns, person.c.name.label("person_name"), person.c.ref, person.c.organisation, person.c.delegation)
        .add_columns(session.c.title, gate.c.name.label("gate_name"))
        .select_from(
            passage.outerjoin(person, person.c.id == passage.c.person)
            .outerjoin(session, session.c.id == passage.c.session)
            .outerjoin(gate, gate.c.id == passage.c.gate)
        )
    )
    for word in search_text(filters.q).split():
        query = query.where(_people(or_(_holds(person.c.search, word), _holds(person.c.search_of, word))))
    if filters.organisation:
        query = query.where(_people(_holds(person.c.search_of, search_text(filters.organisation))))
    if filters.session:
        query = query.where(passage.c.session == filters.session)
    if filters.gate:
        query = query.where(passage.c.gate == filters.gate)
    if filters.verdict:
        column = passage.c.kind if filters.verdict in KINDS else passage.c.verdict
        query = query.where(column == filters.verdict)
    if filters.since is not None:
        query = query.where(passage.c.at >= to_ms(filters.since))
    if filters.until is not None:
        query = query.where(passage.c.at < to_ms(filters.until))
    return query


def _stewards(connection: Connection, rows: Sequence[RowMapping]) -> dict[int, str]:
    """The names behind the stewards' badges in these rows; most pages have none."""
    bys = {row["by"] for row in rows if row["by"]}
    if not bys:
        return {}
    named = select(badge.c.id, person.c.name).join(person, person.c.id == badge.c.person).where(badge.c.id.in_(bys))
    names = dict(connection.execute(named).all())
    return {by: names.get(by, f"badge {by >> 32}") for by in bys}


def _people(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """The passages of these people; a list of their numbers lets the index on (person, id) do the rest."""
    return passage.c.person.in_(select(person.c.id).where(which))


def _holds(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    literal = text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return column.like(f"%{literal}%", escape="!")


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    if not text.strip():
        return None
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadFilter(f"time {text!r}: write it like 2026-11-23T10:00") from error
    if instant.year not in YEARS:
        raise BadFilter(f"time {text!r} is in the year {instant.year}: write it like 2026-11-23T10:00")
    return instant if instant.tzinfo else instant.replace(tzinfo=zone)


def _width(text: str) -> timedelta:
    if len(text) <= len("2026-11-23"):
        return timedelta(days=1)
    clock = text[len("2026-11-23T") :].rstrip("Z").split("+")[0].split("-")[0]
    return timedelta(minutes=1) if clock.count(":") < 2 else timedelta(0)


def _shown(row: RowMapping, zone: ZoneInfo) -> dict[str, Any]:
    at = from_ms(row["at"]).astimezone(zone)
    flags = row["flags"].split()
    if row["verdict"] not in SILENT:
        flags.append(row["verdict"])
    return {
        "id": row["id"],
        "at": f"{at:%H:%M:%S}",
        "date": f"{at:%Y-%m-%d}",
        "person": row["person_name"] or "",
        "organisation": row["organisation"] or "",
        "badge": row["badge"] >> 32,
        "session": row["title"] or row["session"],
        "gate": row["gate_name"] or row["gate"],
        "kiosk": row["device"],
        "kind": row["kind"],
        "reason": row["why"],
        "flags": flags,
        "count": row["count"],
    }


def _exported(row: RowMapping, zone: ZoneInfo) -> list[str]:
    at = from_ms(row["at"]).astimezone(zone)
    who = [row["ref"] or "", row["person_name"] or "", row["organisation"] or "", row["delegation"] or ""]
    where = [row["title"] or row["session"], row["gate_name"] or row["gate"], row["room"], row["device"]]
    what = [row["kind"], row["why"], row["verdict"], row["flags"], str(row["count"]), str(row["id"])]
    steward = str(row["by"] >> 32) if row["by"] else ""
    return [f"{at:%H:%M:%S}", f"{at:%Y-%m-%d}", *who, str(row["badge"] >> 32), *where, *what, steward]


def _csv_line(cells: list[str] | tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_harmless(cell) for cell in cells])
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet would take for a formula gets an apostrophe (OWASP: CSV injection)."""
    return f"'{cell}" if cell[:1] in tuple("=+-@\t\r") else cell
