"""The interface to one ClickHouse: chDB in this process, or a server over HTTP.

Everything that differs between the two is behind it: how clients are opened, how blocks are sent,
what an error means, and who creates the table.
"""

from __future__ import annotations

from typing import Protocol

from clickhouse_connect.driver.client import Client

from tocsin.clickhouse.query_cost import CostMeter
from tocsin.clickhouse.settings import EngineSettings
from tocsin.clickhouse.sql.query import Query
from tocsin.errors import TocsinError

ANSWER_SECONDS = 60.0
"""The longest time without a byte from a server, after which it counts as unavailable."""


class Connector(Protocol):
    """Opens clients of one ClickHouse with the same credentials."""

    @property
    def is_server(self) -> bool: ...

    def open(self, settings: EngineSettings, answer_seconds: float) -> Client:
        """A client whose statements have these settings. Raises Unavailable and the like."""

    def open_meter(self, settings: EngineSettings, answer_seconds: float) -> CostMeter: ...

    def prepare_table(self, client: Client) -> None:
        """Ensure that the table is that of this version. Raises InvalidSettings if it is not."""

    def bindable(self, query: Query) -> Query:
        """An equivalent query, whose values are short enough to be bound."""

    def insert(self, client: Client, block: bytes, settings: EngineSettings) -> int:
        """Insert a block in Arrow's stream format; returns the number of written rows. Raises the
        driver's exceptions."""

    def discard_output(self, client: Client) -> None:
        """Discard the output of a failed statement, which the next would return. Raises the
        driver's exceptions."""

    def to_tocsin_error(self, error: Exception, *, is_logging: bool = True) -> TocsinError:
        """The error for the caller of a failed query; the engine's message goes to the log."""

    def to_append_error(self, error: Exception, *, is_atomic: bool) -> TocsinError:
        """The error for a failed append; `is_atomic` if its block is in one partition. It is
        UnknownOutcome if the block may be stored, now or later."""

    def close(self) -> None: ...
