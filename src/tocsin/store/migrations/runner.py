"""Runs migrations by Alembic.

Importing Alembic takes 0.1 s, so this module is imported only if a migration is due.
"""

from __future__ import annotations

import io
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from tocsin.errors import Unavailable
from tocsin.store.migrations import chains
from tocsin.store.migrations.chains import Chain


class _Statements(io.TextIOBase):
    """A buffer that keeps each statement that Alembic writes; comments are left out."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def write(self, text: str) -> int:
        statement = text.strip().removesuffix(";")
        if statement and not statement.startswith("--") and statement not in ("BEGIN", "COMMIT"):
            self.statements.append(statement)
        return len(text)


def run_migrations(connection: Connection, chain: Chain) -> None:
    """Migrate to the newest revision, in the transaction of the connection.

    Raises Unavailable for a schema of a newer version.
    """
    try:
        command.upgrade(_config(chain, connection=connection), "head")
    except CommandError as error:
        raise Unavailable(
            "The store was written by a newer Tocsin; start that version or a later one"
        ) from error


def statements_of(chain: Chain, revision: str | None) -> list[str]:
    """The statements that migrate PostgreSQL from a revision to the newest one."""
    buffer = _Statements()
    command.upgrade(_config(chain, buffer=buffer), f"{revision or 'base'}:head", sql=True)
    return buffer.statements


def revisions_after(chain: Chain, revision: str | None) -> list[tuple[str, str]]:
    """The revisions that follow one, oldest first, with their first sentences."""
    script = ScriptDirectory.from_config(_config(chain))
    newer = script.iterate_revisions("head", revision or "base")
    return [(each.revision, each.doc) for each in newer][::-1]


def newest_revision(chain: Chain) -> str | None:
    return ScriptDirectory.from_config(_config(chain)).get_current_head()


def _config(chain: Chain, **attributes: Any) -> Config:
    config = Config()
    folder = str(chains.MIGRATIONS).replace("%", "%%")
    config.set_main_option("script_location", folder)
    # Paths may have spaces and commas, at which Alembic splits by default.
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{folder}/{chain.folder}")
    config.attributes.update(chain=chain, **attributes)
    return config
