"""Filter trees as an outline: rows of a form with levels.

A row with an operator of GROUPS combines the rows of the next level that follow it. `not` with
several rows is shown as "none of": the negation of `any`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tocsin.web.filter_rows import GROUPS, Condition


@dataclass(slots=True)
class _Node:
    row: Condition
    children: list[_Node] = field(default_factory=list)


def filters_of(rows: Iterable[Condition]) -> list[dict[str, Any]]:
    """The filters and trees of an outline."""
    return list(map(_filter, _nodes(rows)))


def placed(rows: Iterable[Condition], member: str = "filters") -> list[Condition]:
    """The rows with the levels that they have in the outline, and with the paths of their
    filters."""
    nodes = enumerate(_nodes(rows))
    return [row for index, node in nodes for row in _placed(node, f"{member}[{index}]", 0)]


def rows_of(filters: Sequence[Mapping[str, Any]], member: str = "filters") -> list[Condition]:
    """The outline of filters and trees; `filters_of` returns equal ones for it."""
    return placed((row for each in filters for row in _rows(each, 0)), member)


def _nodes(rows: Iterable[Condition]) -> list[_Node]:
    """The nodes at the top. A row at a level without a group above belongs to the group before it,
    or to the top."""
    top: list[_Node] = []
    lists = [top]
    for row in rows:
        level = min(max(row.level, 0), len(lists) - 1)
        del lists[level + 1 :]
        node = _Node(row)
        lists[level].append(node)
        if row.operator in GROUPS:
            lists.append(node.children)
    return top


def _filter(node: _Node) -> dict[str, Any]:
    operator = node.row.operator
    if operator not in GROUPS:
        return node.row.filter
    children = list(map(_filter, node.children))
    if operator != "not":
        return {operator: children}
    return {"not": children[0] if len(children) == 1 else {"any": children}}


def _placed(node: _Node, path: str, level: int) -> Iterator[Condition]:
    yield replace(node.row, path=path, level=level)
    operator, count = node.row.operator, len(node.children)
    for index, child in enumerate(node.children):
        step = f"{operator}[{index}]" if operator != "not" else "not"
        several = f".any[{index}]" if operator == "not" and count > 1 else ""
        yield from _placed(child, f"{path}.{step}{several}", level + 1)


def _rows(filter: Mapping[str, Any], level: int) -> Iterator[Condition]:
    operator = next((name for name in GROUPS if name in filter), None)
    if operator is None:
        yield replace(Condition.of(filter), level=level)
        return
    yield Condition("", operator, "text", "", level)
    children = filter[operator]
    if operator == "not":
        several = children.get("any", ())
        children = several if len(several) > 1 else [children]
    for child in children:
        yield from _rows(child, level + 1)
