"""The shape of a filter, or of a tree of filters, in responses."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from tocsin.model.interactions.filter import UNARY, Filter
from tocsin.model.interactions.filter_tree import AllOf, AnyOf, FilterTree, Negation

_SHAPES = (Filter, AnyOf, AllOf, Negation)

FilterObject = Annotated[
    dict[str, Any],
    msgspec.Meta(
        extra_json_schema={
            "anyOf": [{"$ref": f"#/components/schemas/{shape.__name__}"} for shape in _SHAPES]
        }
    ),
]
"""Its schema is that of requests, which is recursive: msgspec has no unions of structs."""


def filter_object(tree: FilterTree) -> FilterObject:
    """The filter as JSON, without the value of operators that take none."""
    if isinstance(tree, Filter):
        members = {"field": str(tree.field), "operator": tree.operator}
        return members if tree.operator in UNARY else {**members, "value": tree.value}
    if isinstance(tree, Negation):
        return {"not": filter_object(tree.negated)}
    name = "any" if isinstance(tree, AnyOf) else "all"
    return {name: list(map(filter_object, tree.children))}
