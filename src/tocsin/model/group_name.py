"""The name of a group, and the hash that identifies it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

NOTHING = "–"


def group_name(dimensions: Mapping[str, object] | None) -> str:
    """`ZA · pro`: the values of the dimensions; empty for the group of an ungrouped metric."""
    return " · ".join(group_text(value) for value in (dimensions or {}).values())


def group_text(value: object) -> str:
    """One dimension of a group: `–` for a missing text, `""` for an empty one."""
    if value is None:
        return NOTHING
    return str(value) or '""'


def group_hash(alert_id: str, dimensions: Mapping[str, object] | None, *more: str) -> str:
    """32 hexadecimal digits, the same for an alert and a group in every order of dimensions."""
    text = json.dumps([alert_id, dimensions or {}, *more], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
