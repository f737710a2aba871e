"""The shapes of keys. The secret of a key is in the response that creates it and in no other."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from tocsin.api.schemas.shape import InstantText, Shape, doc, instant_or_none
from tocsin.model.instant import format_instant
from tocsin.model.key import Key, Role


class KeyResponse(Shape):
    key_id: UUID
    name: str
    role: Role
    prefix: str
    from_environment: bool
    created_date: InstantText
    expires_at: Annotated[InstantText | None, doc("From then on the key is refused; null: never")]
    last_used_at: Annotated[InstantText | None, doc("To the minute; null: not used so far")]
    former_secret_until: Annotated[
        InstantText | None,
        doc("The end of the last secret that a rotation replaced and that still holds"),
    ]

    @classmethod
    def of(
        cls, stored: Key, at: datetime, used: datetime | None = None, **secret: Any
    ) -> KeyResponse:
        """The key as of an instant; `used` is its last use."""
        return cls(
            key_id=stored.key_id,
            name=stored.name,
            role=stored.role,
            prefix=stored.prefix,
            from_environment=stored.from_environment,
            created_date=format_instant(stored.created_date),
            expires_at=instant_or_none(stored.expires_at),
            last_used_at=instant_or_none(used),
            former_secret_until=instant_or_none(stored.former_until(at)),
            **secret,
        )


class NewKey(KeyResponse):
    key: Annotated[str, doc("The key itself, shown this once")]
