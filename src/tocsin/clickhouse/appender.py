"""Appends blocks of interactions to the table, durably."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clickhouse_connect.driver.exceptions import ClickHouseError

from tocsin.clickhouse.arrow import arrow_stream
from tocsin.clickhouse.block import Block
from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.connector import Connector
from tocsin.clickhouse.errors import is_bad_data
from tocsin.clickhouse.months import months_of
from tocsin.clickhouse.settings import EngineSettings
from tocsin.clickhouse.time_bounds import RecordedExtent
from tocsin.errors import CannotWrite, TocsinError, Unavailable
from tocsin.model.interactions.interaction import Interaction
from tocsin.process.write_state import WriteState


class BlockRejected(Exception):
    """The engine rejected a value in this block, and stored none of its interactions."""


class BlockAppender:
    """Has a client that nothing else uses, so that recording waits for nothing but its append."""

    def __init__(
        self,
        connector: Connector,
        clients: ClientPool,
        extent: RecordedExtent,
        write_state: WriteState,
    ) -> None:
        self._connector = connector
        self._clients = clients
        self._extent = extent
        self._write_state = write_state

    def append(
        self,
        interactions: Sequence[Interaction],
        *,
        token: str | None = None,
        name: str | None = None,
        query_id: str | None = None,
        check: Callable[[], object] = lambda: None,
    ) -> None:
        """See Engine.append; `query_id` is that of the statement."""
        timestamps = [interaction.timestamp for interaction in interactions]
        # Before the append, so that no query sees an interaction outside of the extent.
        self._extent.include(min(timestamps), max(timestamps))
        is_atomic = len(set(months_of([min(timestamps), max(timestamps)]))) == 1
        data, identity = arrow_stream(interactions), _identity(interactions, token, query_id)
        block = Block(data, identity, is_atomic, name, check)
        with self._clients.acquire() as client:
            try:
                written = self._connector.insert(client, block)
            except ClickHouseError as error:
                if is_bad_data(error):
                    raise BlockRejected(str(error)) from error
                failure = self._connector.to_append_error(error, is_atomic=is_atomic)
                self._note(failure)
                raise failure from error
            except CannotWrite as error:
                self._note(error)
                raise
        self._write_state.succeed()
        if written < len(interactions):
            raise Unavailable(f"The engine stored {written} of {len(interactions)}")

    def _note(self, failure: TocsinError) -> None:
        if isinstance(failure, CannotWrite):
            self._write_state.fail(failure.reason)


def _identity(
    interactions: Sequence[Interaction], token: str | None, query_id: str | None
) -> EngineSettings:
    """The settings by which the server recognizes a repeated append."""
    settings: EngineSettings = {}
    if token is not None:
        # A rejected block is appended again in halves, each of which is a block of its own.
        first = interactions[0].interaction_number
        settings["insert_deduplication_token"] = f"{token}-{first}-{len(interactions)}"
    if query_id is not None:
        settings["query_id"] = query_id
    return settings
