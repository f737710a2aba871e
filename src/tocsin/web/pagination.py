"""Which part of a long list is looked at: what is searched for, in which order, page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

Row = TypeVar("Row")
PAGE = 50


@dataclass(frozen=True, slots=True)
class Part(Generic[Row]):
    """One page of a list; `address` leads to others with the same search."""

    rows: Sequence[Row]
    total: int
    page: int
    pages: int
    sort: str
    asked: Mapping[str, str]

    @property
    def first(self) -> int:
        return (self.page - 1) * PAGE + 1

    def address(self, **changed: Any) -> str:
        asked = {**self.asked, "sort": self.sort, "page": str(self.page)}
        return "?" + urlencode({**asked, **{k: str(v) for k, v in changed.items()}})

    def sorted_by(self, name: str) -> str:
        """The address that sorts by this column, the other way round if it does already."""
        return self.address(sort=f"-{name}" if self.sort == name else name, page=1)


def part_of(
    rows: Sequence[Row],
    orders: Mapping[str, Callable[[Row], Any]],
    sort: str | None,
    page: int,
    **asked: str,
) -> Part[Row]:
    """The rows of a page, in an order by name; a minus before it turns it round."""
    name = (sort or "").removeprefix("-")
    if name not in orders:
        sort = name = next(iter(orders))
    assert sort
    ordered = sorted(rows, key=orders[name], reverse=sort.startswith("-"))
    pages = max(1, -(-len(ordered) // PAGE))
    page = min(max(page, 1), pages)
    kept = {key: value for key, value in asked.items() if value}
    shown = ordered[(page - 1) * PAGE : page * PAGE]
    return Part(shown, len(ordered), page, pages, sort, kept)
