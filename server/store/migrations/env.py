"""Run by alembic: applies the revisions beside this file. The address of the database is passed in by the store.

All revisions are one transaction, on SQLite too: a plug that is pulled leaves the tables as they were. Left to itself
Python's driver for SQLite begins one only before the first row is written, and commits each table made before that.
"""

import sqlite3
from typing import Any

from alembic import context
from sqlalchemy import Connection, Engine, create_engine, event

from server.store.schema import metadata


def _whole(engine: Engine) -> None:
    """Has transactions of SQLite begin when they are said to."""

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _clear(connection: Connection) -> None:
    """Drops what was left half made of a table before revisions were one transaction: the table itself is there."""
    named = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '\\_alembic\\_tmp\\_%' ESCAPE '\\'"
    for name in list(connection.exec_driver_sql(named).scalars()):
        connection.exec_driver_sql(f'DROP TABLE "{name}"')


engine = create_engine(context.config.attributes["url"])
is_sqlite = engine.dialect.name == "sqlite"
how: dict[str, Any] = {"transactional_ddl": True} if is_sqlite else {}
if is_sqlite:
    _whole(engine)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, **how)
    with context.begin_transaction():
        if is_sqlite:
            _clear(connection)
        context.run_migrations()
engine.dispose()
