"""The rows of the log in which nodes begin and end their appends.

Ids are 16 bytes each, joined. `news` has the properties of a block that other nodes need to know
(`ingestion/append_news.py`); it is opaque here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ID_BYTES = 16


class AppendState(StrEnum):
    OPEN = "open"
    # The outcome is unknown; the append no longer holds up later ones.
    ASIDE = "aside"
    ENDED = "ended"


class AppendKind(StrEnum):
    BLOCK = "block"
    # A node has joined: the others must send it the types of fields that they know.
    JOIN = "join"
    # Interactions appeared or disappeared whose numbers were passed before.
    LATE = "late"
    # Shards got a second replica: nodes that do not know of it must not go on.
    QUORUM = "quorum"


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row that is to be written; its interactions have `count` numbers, from `number` on."""

    number: int
    previous: int
    """The number of the row before, 0 for the first one."""
    count: int
    node: str
    kind: AppendKind
    state: AppendState
    news: bytes = b""
    ids: bytes = b""
    """The ids that senders gave."""
    seed: bytes = b""
    generated: int = 0
    """The number of ids that were generated from the seed."""
    staged: bytes = b""
    """The ids of the interactions with staged deliveries."""


@dataclass(frozen=True, slots=True)
class AppendRow:
    """A row as those see it who follow the log."""

    number: int
    previous: int
    count: int
    node: str
    kind: AppendKind
    state: AppendState
    news: bytes = b""

    @property
    def last(self) -> int:
        """The number of the last interaction."""
        return self.number + self.count - 1


@dataclass(frozen=True, slots=True)
class IdRow:
    """A row as the next append sees it, with the ids of its interactions."""

    number: int
    previous: int
    kind: AppendKind
    state: AppendState
    ids: bytes
    seed: bytes = b""
    generated: int = 0


@dataclass(frozen=True, slots=True)
class Unended:
    """A row that has not ended, as the keeper sees it; `age` in seconds since it began."""

    number: int
    count: int
    node: str
    state: AppendState
    staged: bytes
    news: bytes
    age: float

    @property
    def last(self) -> int:
        return self.number + self.count - 1


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of the log: the last row's number, the number after its last interaction, and the
    revision of the catalog."""

    last: int
    next_number: int
    catalog: int


def split_ids(ids: bytes) -> list[bytes]:
    return [ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)]
