"""Which interactions were recorded: one by its id, or the newest first, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

import msgspec

from tocsin.engine.engine import Engine
from tocsin.engine.querying import Row
from tocsin.errors import NotFound
from tocsin.model.catalog import Kind
from tocsin.model.cursor import read_cursor, write_cursor
from tocsin.model.delivery import Delivery
from tocsin.model.interaction import Interaction
from tocsin.model.payload import readable
from tocsin.model.search import Search
from tocsin.model.snapshot import contents
from tocsin.sql.listing import compile_by_id, compile_page
from tocsin.sql.table import Table


@dataclass(frozen=True, slots=True)
class Page:
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

    def page(self, search: Search, limit: int, cursor: str | None) -> Page:
        """At most `limit` interactions, by timestamp and number, newest first."""
        after = read_cursor(cursor) if cursor is not None else None
        mnemonics = {kind: self._catalog.mnemonics(kind) for kind in Kind}
        table = Table(mnemonics, self._engine.field_types.of)
        rows = self._engine.search(compile_page(search, limit + 1, after, table))
        found = [interaction_of(row) for row in rows[:limit]]
        return Page(found, _cursor_after(found[-1]) if len(rows) > limit else None)


def _only(rows: list[Row]) -> Interaction:
    if not rows:
        raise NotFound("No interaction has this id")
    return interaction_of(rows[0])


def interaction_of(row: Row) -> Interaction:
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


def _cursor_after(interaction: Interaction) -> str:
    return write_cursor(interaction.timestamp, interaction.interaction_number)
