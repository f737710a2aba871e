"""The environment of Alembic.

Migrations run on the connection that `run_migrations` passes; without one, their statements are
written to the buffer. Both databases roll back changes of schema too, so an interrupted migration
changes nothing.
"""

from alembic import context

options = context.config.attributes
context.configure(
    connection=options.get("connection"),
    dialect_name=None if "connection" in options else "postgresql",
    output_buffer=options.get("buffer"),
    version_table=options["chain"].version_table,
    target_metadata=options["chain"].metadata,
    transactional_ddl=True,
)
context.run_migrations()
