"""Runs a statement over many items, isolates items that make it fail, and retries them later."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from tocsin.errors import Deposed, Stopping, TocsinError

log = structlog.get_logger()

FIRST_RETRY_DELAY = timedelta(minutes=10)
LONGEST_RETRY_DELAY = timedelta(days=1)
# The maximum length of an item and of an error in the log.
MAX_LOGGED_CHARACTERS = 500

Item = TypeVar("Item", bound=Hashable)


class StatementRetry:
    """Runs one kind of statement over the items that are due; used by one thread.

    A statement that fails is run again over each half of its items, in their order. An item that
    fails alone is retried after ten minutes; the delay doubles with each failure, up to a day. Each
    failed item is logged once.
    """

    def __init__(self, action: str) -> None:
        """`action` names the statement in the log, such as "adding a column"."""
        self._action = action
        self._retries: dict[Hashable, tuple[datetime, timedelta]] = {}

    def run(
        self, items: Iterable[Item], at: datetime, statement: Callable[[Sequence[Item]], None]
    ) -> list[Item]:
        """Run the statement over the items that are due; returns the items for which it
        succeeded. Raises Stopping or Deposed."""
        due = [item for item in items if self.is_due(item, at)]
        failures = dict(_failures(due, statement))
        self._log({item: error for item, error in failures.items() if item not in self._retries})
        self._retries |= {item: self._next_retry(item, at) for item in failures}
        succeeded = [item for item in due if item not in failures]
        for item in succeeded:
            self._retries.pop(item, None)
        return succeeded

    def is_due(self, item: Hashable, at: datetime) -> bool:
        return item not in self._retries or self._retries[item][0] <= at

    def _next_retry(self, item: Hashable, at: datetime) -> tuple[datetime, timedelta]:
        _, delay = self._retries.get(item, (at, FIRST_RETRY_DELAY))
        return at + delay, min(delay * 2, LONGEST_RETRY_DELAY)

    def _log(self, failures: Mapping[Item, TocsinError]) -> None:
        if failures:
            error = next(iter(failures.values()))
            log.warning(
                f"{self._action} failed; retried later",
                items=[str(item)[:MAX_LOGGED_CHARACTERS] for item in failures],
                error=str(error.__cause__ or error)[:MAX_LOGGED_CHARACTERS],
            )


def _failures(
    items: Sequence[Item], statement: Callable[[Sequence[Item]], None]
) -> Iterator[tuple[Item, TocsinError]]:
    if not items:
        return
    try:
        statement(items)
    except (Stopping, Deposed):
        raise
    except TocsinError as error:
        if len(items) == 1:
            yield items[0], error
            return
        middle = len(items) // 2
        yield from _failures(items[:middle], statement)
        yield from _failures(items[middle:], statement)
