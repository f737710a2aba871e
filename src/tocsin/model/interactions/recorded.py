"""What is known of an interaction on disk, to tell whether another one repeats it."""

from __future__ import annotations

from typing import NamedTuple


class Recorded(NamedTuple):
    """Members as those of Interaction; the payload, which may be large, as its MD5."""

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
