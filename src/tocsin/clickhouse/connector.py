"""The interface to one ClickHouse: chDB in this process, or a server or cluster over HTTP.

Everything that differs between them is behind it: how clients are opened, how blocks are sent,
what an error means, and who creates the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from clickhouse_connect.driver.client import Client

from tocsin.clickhouse.block import Block
from tocsin.clickhouse.query_cost import CostMeter
from tocsin.clickhouse.repeatable_appends import RepeatableAppends
from tocsin.clickhouse.settings import EngineSettings
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.topology import Topology
from tocsin.errors import TocsinError

ANSWER_SECONDS = 60.0
"""The longest time without a byte from a server, after which it counts as unavailable."""


class Connector(Protocol):
    """Opens clients of one ClickHouse with the same credentials."""

    @property
    def is_server(self) -> bool: ...

    @property
    def topology(self) -> Topology: ...

    @property
    def unsettled(self) -> RepeatableAppends: ...

    def open(self, settings: EngineSettings, answer_seconds: float) -> Client:
        """A client whose statements have these settings. Raises Unavailable and the like."""

    def open_meter(self, settings: EngineSettings, answer_seconds: float) -> CostMeter: ...

    def host_connectors(self) -> Sequence[Sequence[Connector]]:
        """A connector of each server, by shard, for statements that are about one server."""

    def prepare_table(self, client: Client) -> None:
        """Ensure that the table is that of this version. Raises InvalidSettings if it is not."""

    def bindable(self, query: Query) -> Query:
        """An equivalent query, whose values are short enough to be bound."""

    def insert(self, client: Client, block: Block) -> int:
        """Insert a block; returns the number of written rows. Raises the driver's exceptions, or
        TocsinErrors."""

    def discard_output(self, client: Client) -> None:
        """Discard the output of a failed statement, which the next would return. Raises the
        driver's exceptions."""

    def to_tocsin_error(self, error: Exception, *, is_logging: bool = True) -> TocsinError:
        """The error for the caller of a failed query; the engine's message goes to the log."""

    def to_append_error(self, error: Exception, *, is_atomic: bool) -> TocsinError:
        """The error for a failed append; `is_atomic` if its block is in one partition. It is
        UnknownOutcome if the block may be stored, now or later."""

    def close(self) -> None: ...
