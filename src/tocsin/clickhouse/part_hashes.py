"""The parts of a table in a folder, with hashes that identify them after a start (decision 98)."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.clickhouse.query_runner import QueryRunner
from tocsin.clickhouse.sql.maintenance import compile_parts

PartHashes = Mapping[str, str]
"""The hash of the content of each part, by the name of the part."""


def no_parts() -> PartHashes:
    """Of servers: all is read again."""
    return {}


def same_parts(known: PartHashes, present: PartHashes) -> PartHashes:
    """The known parts that are present with the same content."""
    return {name: hash for name, hash in known.items() if present.get(name) == hash}


def read_parts(queries: QueryRunner) -> PartHashes:
    """The active parts of a folder's table. Raises Unavailable."""
    return {name: str(hash) for name, hash in queries.run(compile_parts())}
