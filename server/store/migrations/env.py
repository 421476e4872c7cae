"""Run by alembic: applies the revisions beside this file. The address of the database is passed in by the store."""

from alembic import context
from sqlalchemy import create_engine

from server.store.schema import metadata

engine = create_engine(context.config.attributes["url"])
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
