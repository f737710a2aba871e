"""The shapes of keys. The secret of a key is in the response that creates it and in no other."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from tocsin.api.schemas.shape import InstantText, Shape, doc
from tocsin.model.instant import format_instant
from tocsin.model.key import Key, Role


class KeyResponse(Shape):
    key_id: UUID
    name: str
    role: Role
    prefix: str
    from_environment: bool
    created_date: InstantText

    @classmethod
    def of(cls, stored: Key, **secret: Any) -> KeyResponse:
        return cls(
            key_id=stored.key_id,
            name=stored.name,
            role=stored.role,
            prefix=stored.prefix,
            from_environment=stored.from_environment,
            created_date=format_instant(stored.created_date),
            **secret,
        )


class NewKey(KeyResponse):
    key: Annotated[str, doc("The key itself, shown this once")]
