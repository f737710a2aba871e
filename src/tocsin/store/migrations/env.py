"""How does Alembic run a migration: on the connection that `database.py` hands it.

SQLite rolls back changes of schema too, so a migration that is cut off leaves nothing behind.
"""

from alembic import context

from tocsin.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
