"""How a node on servers keeps up with the others, for readiness and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Coordination:
    """`seconds_behind` is the age of the node's last look at the appends of the others;
    `oldest_append_seconds` is the age of the oldest append of any node that has not ended."""

    role: Literal["leader", "follower"]
    seconds_behind: float = 0.0
    oldest_append_seconds: float = 0.0
