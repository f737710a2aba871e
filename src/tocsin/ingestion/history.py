"""Which interactions were recorded: one by its id, or the newest first, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Protocol
from uuid import UUID

import msgspec

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.query_runner import ResultRow
from tocsin.clickhouse.sql.listing import (
    Position,
    compile_by_id,
    compile_positions,
    compile_rows,
)
from tocsin.clickhouse.sql.table import Table
from tocsin.errors import NotFound
from tocsin.model.ceilings import PAGE_BYTES
from tocsin.model.cursor import read_cursor, write_cursor
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.payload import readable
from tocsin.model.interactions.search import Search
from tocsin.model.interactions.snapshot import contents
from tocsin.model.notifications.delivery import Delivery

# Payloads may have a megabyte each: what a page holds is bounded by bytes as well as by count.


@dataclass(frozen=True, slots=True)
class InteractionPage:
    """Some interactions, and the cursor of those that come after them."""

    interactions: list[Interaction]
    next_cursor: str | None


class Catalog(Protocol):
    def mnemonics(self, kind: Kind) -> Mapping[UUID, str]: ...


class History:
    def __init__(self, engine: Engine, catalog: Catalog) -> None:
        self._engine = engine
        self._catalog = catalog

    def get(self, id: UUID) -> Interaction:
        """One interaction; NotFound if none has the id."""
        return _only(self._engine.search(compile_by_id(id)))

    def recorded(self, id: UUID) -> Interaction:
        """The same for senders who repeat an id and for deliveries: neither waits for searches."""
        return _only(self._engine.look_up(compile_by_id(id)))

    def complete(self, delivery: Delivery) -> Delivery:
        """The delivery with the payload that its snapshot lacks; raises NotFound."""
        interaction = self.recorded(delivery.interaction_id)
        taken = {**delivery.interaction, **contents(interaction)}
        return replace(delivery, snapshot=msgspec.json.encode(taken).decode())

    def page(self, search: Search, limit: int, cursor: str | None) -> InteractionPage:
        """At most `limit` interactions and PAGE_BYTES, by timestamp and number, newest first.

        Which they are and how large is asked first, so that no more than a page is ever in memory.
        """
        after = read_cursor(cursor) if cursor is not None else None
        mnemonics = {kind: self._catalog.mnemonics(kind) for kind in Kind}
        table = Table(mnemonics, self._engine.field_types.of)
        found = self._engine.search(compile_positions(search, limit + 1, after, table))
        places = [Position(*row) for row in found]
        shown = _fitting(places[:limit])
        if not shown:
            return InteractionPage([], None)
        rows = self._engine.search(compile_rows(search, shown))
        is_last = len(shown) == len(places)
        return InteractionPage(
            list(map(interaction_of, rows)), None if is_last else _cursor_after(shown[-1])
        )


def _fitting(places: Sequence[Position]) -> Sequence[Position]:
    """The first places whose interactions have PAGE_BYTES together, at least one."""
    totals = accumulate(place.size for place in places)
    return places[: max(sum(total <= PAGE_BYTES for total in totals), 1)]


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


def _cursor_after(place: Position) -> str:
    return write_cursor(place.timestamp, place.number)
