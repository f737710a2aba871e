"""Sorts a list by a column and cuts it into pages, with addresses that keep the search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

Listed = TypeVar("Listed")
PAGE = 50


@dataclass(frozen=True, slots=True)
class ListPage(Generic[Listed]):
    """One page of a list; `address` leads to other pages with the same search."""

    rows: Sequence[Listed]
    total: int
    page: int
    pages: int
    sort: str
    query: Mapping[str, str]

    @property
    def first(self) -> int:
        return (self.page - 1) * PAGE + 1

    def address(self, **changed: Any) -> str:
        query = {**self.query, "sort": self.sort, "page": str(self.page)}
        return "?" + urlencode({**query, **{k: str(v) for k, v in changed.items()}})

    def sorted_by(self, column: str) -> str:
        """The address that sorts by this column, in descending order if it does already."""
        return self.address(sort=f"-{column}" if self.sort == column else column, page=1)


def paginate(
    rows: Sequence[Listed],
    orders: Mapping[str, Callable[[Listed], Any]],
    sort: str | None,
    page: int,
    **query: str,
) -> ListPage[Listed]:
    """The rows of a page, sorted by a column of `orders`; a minus before its name reverses."""
    column = (sort or "").removeprefix("-")
    if column not in orders:
        sort = column = next(iter(orders))
    assert sort
    ordered = sorted(rows, key=orders[column], reverse=sort.startswith("-"))
    pages = max(1, -(-len(ordered) // PAGE))
    page = min(max(page, 1), pages)
    kept = {name: value for name, value in query.items() if value}
    rows_of_page = ordered[(page - 1) * PAGE : page * PAGE]
    return ListPage(rows_of_page, len(ordered), page, pages, sort, kept)
