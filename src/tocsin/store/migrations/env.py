"""The environment of Alembic: migrations run on the connection that `database.py` passes.

SQLite rolls back changes of schema too, so an interrupted migration changes nothing.
"""

from alembic import context

from tocsin.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
