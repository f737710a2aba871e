"""The scope of a question: a type, an action and an origin of interactions, each optional."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from tocsin.model.interactions.catalog import Kind


@dataclass(frozen=True)
class Scope:
    """Ids of catalog entries that interactions must have; None for any entry
    ("Which interactions count" 1 in docs/reference/semantics.md)."""

    resource_type_id: UUID | None = None
    action_id: UUID | None = None
    origin_id: UUID | None = None

    @cached_property
    def ids(self) -> dict[Kind, UUID | None]:
        return {
            Kind.RESOURCE_TYPE: self.resource_type_id,
            Kind.ACTION: self.action_id,
            Kind.ORIGIN: self.origin_id,
        }

    def covers(self, ids: tuple[bytes, bytes, bytes]) -> bool:
        """Whether the scope has an interaction with this type, action and origin, given as the 16
        bytes of each id."""
        pairs = zip(self._id_bytes, ids, strict=True)
        return all(required is None or required == id for required, id in pairs)

    @cached_property
    def _id_bytes(self) -> tuple[bytes | None, ...]:
        return tuple(id.bytes if id else None for id in self.ids.values())


ANY_SCOPE = Scope()
