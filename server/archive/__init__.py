"""The whole event as one SQLite file that any SQLite tool opens: tables in plain words, full-text search, views.

It is made from one moment's picture of the database, so that everything in it fits together, and holds what the
database holds then: what was erased or cut by retention is not in it. Nobody who writes has to wait for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select
from sqlite_utils import Database

from server import event
from server.archive.happened import HAPPENED
from server.archive.tables import Table
from server.archive.venue import PLANNED
from server.archive.views import VIEWS
from server.store.engine import Readable
from server.store.instants import from_ms
from server.store.schema import act, passage, stay

TABLES = (*PLANNED, *HAPPENED)
APPLICATION = 0x54485253  # "THRS"
VERSION = 1
PART = 2000
TOKENS = "unicode61 remove_diacritics 2"
AUDIT = "trail"
LEFT_OUT = (
    "Not in this file: the audit trail, of who changed, viewed or took home what, is for admins, who can make an "
    "archive with it (page Files, or: threshold-server archive)."
)
GONE = "no longer in the programme"
Progress = Callable[[int, int], None]


def make(
    store: Readable,
    path: Path,
    made: datetime,
    progress: Progress = lambda _rows, _total: None,
    *,
    audit: bool = True,
) -> int:
    """Writes the archive to ``path``, which must not be there yet; how many passages are in it. ``audit``: with the
    audit trail, for whoever may read it.

    ``progress`` hears how many rows of how many, and may stop everything by raising. Raises OSError if the disk fails.
    """
    tables = TABLES if audit else tuple(table for table in TABLES if table.name != AUDIT)
    path.touch(mode=0o600, exist_ok=False)
    database = Database(path, execute_plugins=False)
    try:
        database.execute("PRAGMA journal_mode = OFF")  # whatever happens, half of it is thrown away as a whole
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA foreign_keys = OFF")  # checked at the end, all at once
        with store.read() as connection:
            _at_one_moment(connection)
            venue = event.read(connection)
            passages = _fill(database, connection, tables, venue.zone, progress)
        _index(database, tables)
        _describe(database, tables, venue.name, made.astimezone(venue.zone))
        wrong = database.execute("PRAGMA foreign_key_check").fetchall()
        assert not wrong, f"rows that refer to nothing: {wrong[:5]}"
    finally:
        database.close()
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return passages


def _at_one_moment(connection: Connection) -> None:
    """Whatever is written from now on is not seen."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    else:
        connection.execution_options(isolation_level="REPEATABLE READ")


def _fill(
    database: Database, connection: Connection, tables: Sequence[Table], zone: ZoneInfo, progress: Progress
) -> int:
    counts = [connection.execute(select(func.count()).select_from(one)).scalar_one() for one in (passage, stay, act)]
    total, done = sum(counts), 0
    for table in tables:
        _create(database, table)
        for part in _parts(connection, table, zone):
            database.table(table.name).insert_all(part, batch_size=PART)
            done = min(total, done + len(part) if table.name in ("passages", "stays", "acts") else done)
            progress(done, total)
    _name_the_gone(database)
    return int(counts[0])


def _create(database: Database, table: Table) -> None:
    columns = {name: column.kind for name, column in table.columns.items()}
    keys = [(name, column.refers, _key(column.refers)) for name, column in table.columns.items() if column.refers]
    database.create_table(table.name, columns, pk=table.key, foreign_keys=keys, column_order=list(columns))


def _key(table: str) -> str:
    """The one column that names a row of the table."""
    found = next(one.key for one in TABLES if one.name == table)
    assert isinstance(found, str)
    return found


def _parts(connection: Connection, table: Table, zone: ZoneInfo) -> Iterator[list[dict[str, object]]]:
    """The table's rows, some at a time."""
    names = list(table.columns)
    instants = [number for number, column in enumerate(table.columns.values()) if column.instant]
    found = connection.execution_options(yield_per=PART).execute(table.query())
    for rows in found.partitions():
        part = []
        for row in rows:
            values = list(row)
            for number in instants:
                if values[number] is not None:
                    values[number] = from_ms(values[number]).astimezone(zone).isoformat(timespec="milliseconds")
            part.append(dict(zip(names, values, strict=True)))
        yield part


def _name_the_gone(database: Database) -> None:
    """What passages and stays refer to and the programme no longer has gets a row that says so: nothing dangles."""
    for table in TABLES:
        for name, column in table.columns.items():
            if column.refers in ("rooms", "gates", "sessions", "kiosks"):
                key, goal = _key(column.refers), next(one for one in TABLES if one.name == column.refers)
                label = next((one for one in ("name", "title", "label") if one in goal.columns), key)
                database.execute(
                    f'INSERT OR IGNORE INTO "{goal.name}" ("{key}", "{label}") '  # noqa: S608 - names of our own
                    f'SELECT DISTINCT "{name}", "{name}" || \' ({GONE})\' FROM "{table.name}" '
                    f'WHERE "{name}" IS NOT NULL AND "{name}" NOT IN (SELECT "{key}" FROM "{goal.name}")'
                )
    database.conn.commit()


def _index(database: Database, tables: Sequence[Table]) -> None:
    for table in tables:
        for columns in table.indexes:
            database.table(table.name).create_index(columns)
        if table.search:
            database.table(table.name).enable_fts(table.search, tokenize=TOKENS)
    for name, view in VIEWS.items():
        database.create_view(name, view.sql.strip())
    database.analyze()


def _describe(database: Database, tables: Sequence[Table], title: str, made: datetime) -> None:
    """``about``: every table, view and column in plain words; ``metadata``: the same as Datasette reads it."""
    lines = [_line(table.name, "", table.about) for table in tables]
    lines += [_line(table.name, "", LEFT_OUT) for table in TABLES if table not in tables]
    lines += [_line(table.name, name, column.about) for table in tables for name, column in table.columns.items()]
    lines += [_line(name, "", view.about) for name, view in VIEWS.items()]
    lines += [_line(name, column, said) for name, view in VIEWS.items() for column, said in view.columns.items()]
    lines += [_line("about", "", "This table: what every table, view and column says.")]
    lines += [_line("metadata", "", "When and by what this was made; metadata.json is what Datasette reads (-m).")]
    database.table("about").insert_all(lines, pk=("table", "column"))
    told: dict[str, dict[str, object]] = {
        table.name: {"description": table.about, "columns": {name: one.about for name, one in table.columns.items()}}
        for table in tables
    }
    told |= {name: {"description": view.about, "columns": dict(view.columns)} for name, view in VIEWS.items()}
    but = "" if len(tables) == len(TABLES) else " but who looked at or changed what"
    description = f"Everything that Threshold knows of this event{but}, made {made:%Y-%m-%d %H:%M}."
    read = {"title": title, "description": description, "databases": {"archive": {"tables": told}}}
    facts = {"made": made.isoformat(timespec="seconds"), "made_by": "Threshold", "version": str(VERSION)}
    facts["metadata.json"] = json.dumps(read, ensure_ascii=False, indent=1)
    database.table("metadata").insert_all(({"key": key, "value": value} for key, value in facts.items()), pk="key")
    database.execute(f"PRAGMA application_id = {APPLICATION}")
    database.execute(f"PRAGMA user_version = {VERSION}")
    database.conn.commit()


def _line(table: str, column: str, about: str) -> dict[str, str]:
    return {"table": table, "column": column, "about": about}
