"""Isolates the items that make a statement over many items fail; retries them with a backoff."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from tocsin.errors import Stopping, TocsinError

log = structlog.get_logger()

FIRST_RETRY = timedelta(minutes=10)
LAST_RETRY = timedelta(days=1)
# Characters of an item or of an error in the log.
SHOWN = 500

Item = TypeVar("Item", bound=Hashable)


class Isolation:
    """Runs one kind of statement over the items that are due; used by one thread.

    A statement that fails is run over each half of its items, in their order. An item that fails
    alone is due again after ten minutes, then after twice as long each time, up to a day. Each
    failed item is logged once.
    """

    def __init__(self, action: str) -> None:
        """`action` names the statement in the log, such as "adding a column"."""
        self._action = action
        self._retries: dict[Hashable, tuple[datetime, timedelta]] = {}

    def run(
        self, items: Iterable[Item], at: datetime, statement: Callable[[Sequence[Item]], None]
    ) -> list[Item]:
        """Run the statement over the items that are due. The result has those for which it
        succeeded. Raises Stopping."""
        due = [item for item in items if self.is_due(item, at)]
        failures = dict(_failures(due, statement))
        self._log({item: e for item, e in failures.items() if item not in self._retries})
        self._retries |= {item: self._next_retry(item, at) for item in failures}
        succeeded = [item for item in due if item not in failures]
        for item in succeeded:
            self._retries.pop(item, None)
        return succeeded

    def is_due(self, item: Hashable, at: datetime) -> bool:
        return item not in self._retries or self._retries[item][0] <= at

    def _next_retry(self, item: Hashable, at: datetime) -> tuple[datetime, timedelta]:
        _, delay = self._retries.get(item, (at, FIRST_RETRY))
        return at + delay, min(delay * 2, LAST_RETRY)

    def _log(self, failures: Mapping[Item, TocsinError]) -> None:
        if failures:
            error = next(iter(failures.values()))
            log.warning(
                f"{self._action} failed; retried later",
                items=[str(item)[:SHOWN] for item in failures],
                error=str(error.__cause__ or error)[:SHOWN],
            )


def _failures(
    items: Sequence[Item], statement: Callable[[Sequence[Item]], None]
) -> Iterator[tuple[Item, TocsinError]]:
    if not items:
        return
    try:
        statement(items)
    except Stopping:
        raise
    except TocsinError as error:
        if len(items) == 1:
            yield items[0], error
            return
        middle = len(items) // 2
        yield from _failures(items[:middle], statement)
        yield from _failures(items[middle:], statement)
