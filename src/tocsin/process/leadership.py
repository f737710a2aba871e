"""Decides which node does the work that one node at a time may do.

That work is the scheduled evaluation of alerts, the sending of deliveries, the records of their
outcomes, changes of materialized columns, and retention.
"""

from __future__ import annotations

from typing import Protocol


class Leadership(Protocol):
    """A worker asks before each run, because a node may lose the leadership at any time."""

    @property
    def is_leader(self) -> bool:
        """Whether this node is the leader now; reads memory only."""

    @property
    def epoch(self) -> int:
        """A number that grows with each change of the leader; that of the last time that this node
        was the leader."""


class AlwaysLeader:
    """The leadership of the only process that uses a data folder."""

    is_leader = True
    epoch = 0


ALWAYS_LEADER = AlwaysLeader()

FOLLOWER_SECONDS = 1.0
"""How often the workers of a node that is not the leader ask again. `LeadershipGained` wakes them
earlier."""
