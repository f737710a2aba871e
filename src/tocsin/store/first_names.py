"""Shortens the names in a message that says why something is in use."""

from __future__ import annotations

from collections.abc import Sequence


def first_names(names: Sequence[str]) -> str:
    """The first three names."""
    return ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")
