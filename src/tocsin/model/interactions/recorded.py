"""The stored members of an interaction that a repeat of its id is compared with."""

from __future__ import annotations

from typing import NamedTuple


class Recorded(NamedTuple):
    """Members of Interaction; the payload, which may be large, as its MD5."""

    interaction_number: int
    resource_type_id: bytes
    action_id: bytes
    origin_id: bytes
    resource_id: str
    timestamp: int
    uow_id: bytes | None
    user_id: str | None
    external_reference: str | None
    payload_md5: str
