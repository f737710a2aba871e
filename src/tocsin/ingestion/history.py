"""Reads recorded interactions: one by its id, or newest first, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from uuid import UUID

import msgspec

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.listing import (
    Position,
    compile_by_id,
    compile_positions,
    compile_rows,
)
from tocsin.clickhouse.sql.query import ResultRow
from tocsin.errors import NotFound
from tocsin.ingestion.time_spans import TimeSpans
from tocsin.model.ceilings import PAGE_BYTES
from tocsin.model.cursor import read_cursor, write_cursor
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.payload import readable
from tocsin.model.interactions.search import Search
from tocsin.model.interactions.snapshot import Mnemonics, contents
from tocsin.model.notifications.delivery import Delivery


@dataclass(frozen=True, slots=True)
class InteractionPage:
    """Some interactions, and the cursor of the next page."""

    interactions: list[Interaction]
    next_cursor: str | None


class History:
    def __init__(self, engine: Engine, catalog: Mnemonics) -> None:
        self._engine = engine
        self._catalog = catalog

    def get(self, id: UUID) -> Interaction:
        """The interaction with this id. Raises NotFound."""
        return _only(self._engine.search(compile_by_id(id)))

    def recorded(self, id: UUID) -> Interaction:
        """The same, for repeats and deliveries, which must not wait for searches."""
        return _only(self._engine.look_up(compile_by_id(id)))

    def complete(self, delivery: Delivery) -> Delivery:
        """The delivery with the payload that its snapshot lacks; raises NotFound."""
        interaction = self.recorded(delivery.interaction_id)
        taken = {**delivery.interaction, **contents(interaction)}
        return replace(delivery, snapshot=msgspec.json.encode(taken).decode())

    def page(self, search: Search, limit: int, cursor: str | None) -> InteractionPage:
        """At most `limit` interactions and PAGE_BYTES, by timestamp and number, newest first.

        The first query reads only positions and sizes, so that memory never holds more than a page:
        a payload may have a megabyte.
        """
        after = read_cursor(cursor) if cursor is not None else None
        positions = self._positions(search, limit + 1, after)
        page = _fitting(positions[:limit])
        if not page:
            return InteractionPage([], None)
        interactions = list(map(interaction_of, self._engine.search(compile_rows(search, page))))
        is_last = len(page) == len(positions)
        return InteractionPage(interactions, None if is_last else _cursor_after(page[-1]))

    def _positions(
        self, search: Search, limit: int, after: tuple[datetime, int] | None
    ) -> list[Position]:
        """The newest positions after `after`, span by span, until there are enough."""
        table = self._engine.table(self._catalog)
        # After the table, which knows of the latest interactions then.
        extent = self._engine.recorded_extent.current
        if after and after[0] < extent.latest:
            end = after[0] + timedelta(milliseconds=1)
            search = replace(search, to=min(search.to or end, end))
        spans = TimeSpans(extent, self._engine.rows())
        positions: list[Position] = []
        for span in spans.newest_first(search):
            query = compile_positions(span, limit - len(positions), after, table)
            positions += [Position(*row) for row in self._engine.search(query)]
            if len(positions) >= limit:
                break
        return positions


def _fitting(positions: Sequence[Position]) -> Sequence[Position]:
    """The first positions, at least one, whose interactions have at most PAGE_BYTES together."""
    totals = accumulate(position.size for position in positions)
    return positions[: max(sum(total <= PAGE_BYTES for total in totals), 1)]


def _only(rows: list[ResultRow]) -> Interaction:
    if not rows:
        raise NotFound("No interaction has this id")
    return interaction_of(rows[0])


def interaction_of(row: ResultRow) -> Interaction:
    (id, number, type_id, action_id, origin_id, resource_id, timestamp, uow_id, *rest) = row
    user_id, reference, response, raw = rest
    return Interaction(
        id.bytes,
        type_id.bytes,
        action_id.bytes,
        origin_id.bytes,
        resource_id,
        timestamp,
        raw.encode(),
        readable(response.encode()) if response else b"",
        uow_id.bytes if uow_id else None,
        user_id,
        reference,
        [],
        [],
        number,
    )


def _cursor_after(position: Position) -> str:
    return write_cursor(position.timestamp, position.number)
