"""Compares the connections that PostgreSQL allows with those that nodes take."""

from __future__ import annotations

from sqlalchemy import Connection, text

from tocsin.store.postgres import POOL_CONNECTIONS

NODE_CONNECTIONS = POOL_CONNECTIONS + 3
"""The most that a node takes: its pool, its lock, the listener for changes, and for a leader the
lock that shows when it ends."""

# `least` ignores NULL. The third setting exists from PostgreSQL 16 on.
_ALLOWED = text(
    "SELECT least("
    "current_setting('max_connections')::int"
    " - current_setting('superuser_reserved_connections')::int"
    " - coalesce(current_setting('reserved_connections', true), '0')::int, "
    "(SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()), "
    "(SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user))"
)


def allowed_connections(connection: Connection) -> int:
    """The number that the server, the database and the role allow."""
    return int(connection.execute(_ALLOWED).scalar_one())


def shortage(allowed: int, nodes: int) -> str | None:
    """The problem if this number of nodes may need more connections than are allowed."""
    needed = nodes * NODE_CONNECTIONS
    if needed <= allowed:
        return None
    return (
        f"PostgreSQL allows {allowed} connections, and Tocsin takes up to {needed} with {nodes} "
        f"{'node' if nodes == 1 else 'nodes'}: raise max_connections, or the limit of the database "
        "or the role"
    )
