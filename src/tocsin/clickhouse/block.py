"""A block of interactions on its way to the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tocsin.clickhouse.settings import EngineSettings


def _always() -> None:
    """The block may always be sent."""


@dataclass(frozen=True, slots=True)
class Block:
    """Interactions in Arrow's stream format, and the settings that identify their append."""

    data: bytes
    settings: EngineSettings = field(default_factory=dict)
    is_atomic: bool = True
    """Whether it is in one partition, so that it is stored as a whole or not at all."""
    name: str | None = None
    """Identifies the append among those of all nodes."""
    check: Callable[[], object] = _always
    """Called before each attempt; raises Unavailable if the block must not be sent any more."""
