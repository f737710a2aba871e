"""The two chains of migrations: one for both databases, and one for PostgreSQL only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import MetaData

from tocsin.store.erasure_tables import erasures
from tocsin.store.server_tables import server_metadata

MIGRATIONS = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Chain:
    """`head` is the newest revision in the folder; a test compares it with the one of Alembic."""

    folder: str
    version_table: str
    head: str
    metadata: MetaData


# The import of these tables completes the metadata, which all tables share.
STORE = Chain("versions", "alembic_version", "0018", erasures.metadata)
SERVER = Chain("server_versions", "alembic_version_server", "0002", server_metadata)
