"""A leadership that a test sets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class SetLeadership:
    is_leader: bool = True
    epoch: int = 1
