"""The properties of an append that the nodes send each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np

from tocsin.clickhouse.months import months_of
from tocsin.model.interactions.interaction import Interaction
from tocsin.process.events import InteractionsFollowed, ScopeIds

MINUTE = 60_000
FieldType = tuple[tuple[str, ...], str]
"""A path, and the name of a type that occurs at it."""


@dataclass(slots=True)
class NewBlock:
    """A block that is about to be appended: interactions that the engine does not have.

    `given` are the ids that senders gave, `generated` is the number of those that the seed
    generates. `known_ids` is that of the append log when the engine was asked for the given ids.
    """

    interactions: Sequence[Interaction]
    given: Sequence[bytes] = ()
    seed: bytes = b""
    generated: int = 0
    known_ids: int = 0
    staged: Sequence[bytes] = ()
    """The ids of the interactions that have deliveries."""


class News(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    """The properties of a block that others need to know; instants in milliseconds.

    A minute is the number of a bucket of the rollups: its interactions are later than the minute
    before. `minutes` has the first one, and then the differences.
    """

    earliest: int = 0
    latest: int = 0
    minutes: list[int] = []
    months: list[int] = []
    scopes: list[bytes] = []
    types: list[FieldType] = []
    has_deliveries: bool = False
    has_any_type: bool = False
    """Whether the node has given up knowing the types of each path."""

    @classmethod
    def of(cls, block: NewBlock) -> News:
        timestamps = [interaction.timestamp for interaction in block.interactions]
        minutes = np.unique(-(-np.array(timestamps, dtype=np.int64) // MINUTE))
        scopes = {scope_of(each) for each in block.interactions if not each.is_imported}
        return cls(
            min(timestamps),
            max(timestamps),
            np.diff(minutes, prepend=0).tolist(),
            sorted(set(months_of(timestamps))),
            [b"".join(scope) for scope in scopes],
            [],
            bool(block.staged),
        )

    def event(self, number: int, *, is_late: bool) -> InteractionsFollowed:
        """The event by which this node's parts learn of a row with these news; `number` is that of
        its last interaction."""
        timestamps = np.cumsum(np.array(self.minutes, dtype=np.int64)) * MINUTE
        scopes = [(scope[:16], scope[16:32], scope[32:]) for scope in self.scopes]
        return InteractionsFollowed(
            timestamps.tolist(), scopes, number, self.has_deliveries, is_late
        )


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(News)
encode_news: Callable[[News], bytes] = _encoder.encode


def decode_news(raw: bytes) -> News:
    return _decoder.decode(raw) if raw else News()


def scope_of(interaction: Interaction) -> ScopeIds:
    return interaction.resource_type_id, interaction.action_id, interaction.origin_id


class Knowledge(Protocol):
    """The properties of the recorded interactions that a node has in memory."""

    def add_ids(self, ids: bytes) -> None:
        """Add ids of interactions of other nodes, 16 bytes each, joined."""

    def widen(self, news: News) -> None:
        """Learn of an append before a query may see its interactions."""

    def missing_entries(self, interactions: Sequence[Interaction]) -> frozenset[bytes]:
        """The ids of entries that interactions have and the catalog does not."""

    def refresh_entries(self) -> object:
        """Read the entries that other nodes have changed. Raises Unavailable."""

    def add_types(self, news: News) -> int:
        """Add the types that this node has to send to the news; returns the number by which
        `confirm_types` will confirm them."""

    def confirm_types(self, sent: int) -> None:
        """The types up to this number were sent."""

    def resend_types(self) -> None:
        """Another node has started: send all types, because it may lack some of interactions that
        are not recorded yet."""

    def relearn(self) -> None:
        """Learn everything from the engine, after rows of the log were removed unread. Raises
        Unavailable."""
