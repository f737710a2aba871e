"""Appends each block to one shard of a cluster, on a majority of its replicas.

The shards take turns. A shard that refuses a block with certainty is passed over. A block that may
be stored stays with its shard: until its outcome is known, it is repeated there under its token,
by which the replicas store it once.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import structlog
from clickhouse_connect.driver.exceptions import ClickHouseError

from tocsin.clickhouse.block import Block
from tocsin.clickhouse.errors import code_of, is_bad_data
from tocsin.clickhouse.failover_client import PATIENCE_SECONDS, FailoverClient, Hosts
from tocsin.clickhouse.server_errors import ServerErrors
from tocsin.errors import TocsinError, Unavailable, UnknownOutcome

log = structlog.get_logger()

# Other nodes append to the shard, one after the other.
BUSY_SECONDS = 4.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.005, 0.04
# A shard that refused a block is asked after the others for this time.
_AVOIDED_SECONDS = 5.0
# Blocks of unknown outcome in memory. Each shard has one at most, unless connections break.
MAX_UNSETTLED = 8
# UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
_QUORUM_UNDER_WAY = 286


@dataclass(frozen=True, slots=True)
class _Unsettled:
    shard: int
    block: Block


class ShardedAppends:
    """One thread appends; another one may repeat blocks. Implements RepeatableAppends."""

    def __init__(
        self,
        hosts: Hosts,
        shards: Sequence[Sequence[int]],
        errors: ServerErrors,
        repeating: FailoverClient,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`shards` have the indexes of their servers; `repeating` is the client for repeats."""
        self._hosts = hosts
        self._shards = shards
        self._errors = errors
        self._repeating = repeating
        self._monotonic = monotonic
        self._turn = random.randrange(len(shards)) if shards else 0
        self._avoided_until = [float("-inf")] * len(shards)
        self._changing = threading.Lock()
        self._unsettled: dict[str, _Unsettled] = {}

    @property
    def names(self) -> set[str]:
        with self._changing:
            return set(self._unsettled)

    def forget(self, names: set[str]) -> None:
        """The outcomes of these appends do not matter any more."""
        with self._changing:
            for name in names:
                self._unsettled.pop(name, None)

    def append(self, client: FailoverClient, block: Block) -> int:
        """Append a block; returns the number of rows. Raises UnknownOutcome, and other TocsinErrors
        if nothing is stored; the driver's exception for a bad value."""
        if len(self._unsettled) >= MAX_UNSETTLED:
            raise Unavailable("The outcomes of too many appends are unknown; try again in a moment")
        attempt = _Attempt(self._monotonic())
        while True:
            for shard in self._in_turn():
                try:
                    written = self._append_to(shard, client, block, attempt)
                except UnknownOutcome:
                    self._remember(shard, block)
                    raise
                if written is not None:
                    self._avoided_until[shard] = float("-inf")
                    return written
                self._avoid(shard, attempt)
            attempt.wait(self._monotonic())

    def repeat(self, name: str, check: Callable[[], object]) -> bool:
        with self._changing:
            unsettled = self._unsettled.get(name)
        if unsettled is None:
            return False
        attempt = _Attempt(self._monotonic(), is_uncertain=True, is_single=True)
        block = replace(unsettled.block, check=check)
        try:
            self._append_to(unsettled.shard, self._repeating, block, attempt)
        except ClickHouseError:
            # A bad value: the first attempt has stored nothing, either.
            self.forget({name})
            return False
        self.forget({name})
        return True

    def _append_to(
        self, shard: int, client: FailoverClient, block: Block, attempt: _Attempt
    ) -> int | None:
        """The rows that a shard has stored; None if it has refused the block, and another shard
        may be tried."""
        while True:
            for index in self._servers_of(shard):
                _check(block, attempt)
                try:
                    written = self._hosts.connectors[index].insert(client.of(index), block)
                except ClickHouseError as error:
                    if is_bad_data(error):
                        raise
                    self._note(index, error)
                    failure = self._errors.of_append(error, is_atomic=block.is_atomic)
                    attempt.fail(failure, code_of(error), self._monotonic())
                except Unavailable as error:
                    attempt.fail(error, None, self._monotonic())
                else:
                    self._hosts.trust(index)
                    return written
            if not attempt.is_uncertain:
                return None
            if attempt.is_single:
                raise attempt.unknown()
            attempt.wait(self._monotonic())

    def _servers_of(self, shard: int) -> list[int]:
        indexes = list(self._shards[shard])
        random.shuffle(indexes)
        return self._hosts.ordered(indexes)

    def _in_turn(self) -> Iterator[int]:
        """The shards, the next one first, and those that refuse blocks last."""
        count = len(self._shards)
        self._turn = (self._turn + 1) % count
        now = self._monotonic()
        with self._changing:
            doubtful = {unsettled.shard for unsettled in self._unsettled.values()}
        return iter(
            sorted(
                [(self._turn + n) % count for n in range(count)],
                key=lambda shard: (shard in doubtful) or self._avoided_until[shard] > now,
            )
        )

    def _avoid(self, shard: int, attempt: _Attempt) -> None:
        if attempt.code != _QUORUM_UNDER_WAY:
            self._avoided_until[shard] = self._monotonic() + _AVOIDED_SECONDS

    def _remember(self, shard: int, block: Block) -> None:
        if block.name:
            with self._changing:
                self._unsettled[block.name] = _Unsettled(shard, block)

    def _note(self, index: int, error: ClickHouseError) -> None:
        code = code_of(error)
        if code is None:
            self._hosts.suspect(index)
        if code != _QUORUM_UNDER_WAY:
            server = str(self._hosts.connectors[index].address)
            log.warning("append refused", server=server, code=code, error=str(error)[:500])


def _check(block: Block, attempt: _Attempt) -> None:
    try:
        block.check()
    except Unavailable as error:
        if attempt.is_uncertain:
            raise attempt.unknown() from error
        raise


class _Attempt:
    """The failures of one append so far."""

    def __init__(
        self, began: float, *, is_uncertain: bool = False, is_single: bool = False
    ) -> None:
        self.is_uncertain = is_uncertain
        """Whether the block may be stored."""
        self.is_single = is_single
        """Whether each server is asked once."""
        self.code: int | None = None
        self._began = began
        self._failed: float | None = None
        self._failure: TocsinError = Unavailable("No server can store the interactions now")
        self._unknown: UnknownOutcome | None = None

    def fail(self, failure: TocsinError, code: int | None, at: float) -> None:
        self.code = code
        self._failure = failure
        if isinstance(failure, UnknownOutcome):
            self.is_uncertain = True
            self._unknown = failure
        if code != _QUORUM_UNDER_WAY:
            self._failed = self._failed or at

    def wait(self, now: float) -> None:
        """Pause before all is tried again; raises the last failure if it is too late for that."""
        failed_long = self._failed is not None and now - self._failed > PATIENCE_SECONDS
        if failed_long or now - self._began > BUSY_SECONDS:
            raise self.unknown() if self.is_uncertain else self._failure
        time.sleep(random.uniform(_SHORTEST_PAUSE, _LONGEST_PAUSE))

    def unknown(self) -> UnknownOutcome:
        return self._unknown or UnknownOutcome(self._failure.detail)
