"""The tables that only several nodes need, at the newest revision; they exist on PostgreSQL only.

The migrations in `migrations/server_versions` create them; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import MetaData

server_metadata = MetaData()
