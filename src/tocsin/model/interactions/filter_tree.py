"""Filter trees: filters combined by `any`, `all` and `not`.

"Filter trees" in docs/reference/semantics.md defines them. A filter is a tree of one leaf. Every
leaf is either true or false for an interaction, so `not` is the plain complement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    WrapValidator,
)
from pydantic import Field as Member
from pydantic_core import InitErrorDetails, PydanticCustomError

from tocsin.model.interactions.filter import Filter

MAX_LEVELS = 5
MAX_LEAVES = 50

_Location = tuple[str | int, ...]


def _check_number(value: Any) -> Any:
    if isinstance(value, list) and not 1 <= len(value) <= MAX_LEAVES:
        raise ValueError(f"must have 1 to {MAX_LEAVES} elements, not {len(value):,}")
    return value


def _read(value: Any, _read_as_any: Callable[[Any], Any]) -> Any:
    """The members of the object decide its type, so that only problems of that type are reported.
    An object with several of `any`, `all` and `not` has the others as unknown members."""
    if isinstance(value, BaseModel):
        return value
    members = value if isinstance(value, dict) else {}
    chosen = next((type for name, type in _TYPES.items() if name in members), Filter)
    return chosen.model_validate(value)


class AnyOf(BaseModel):
    """`{"any": [...]}`, which holds where one of its elements or more hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    any: _Children

    @property
    def children(self) -> tuple[FilterTree, ...]:
        return self.any

    @property
    def sentence(self) -> str:
        return _joined(self.any, " or ")


class AllOf(BaseModel):
    """`{"all": [...]}`, which holds where all of its elements hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    all: _Children

    @property
    def children(self) -> tuple[FilterTree, ...]:
        return self.all

    @property
    def sentence(self) -> str:
        return _joined(self.all, " and ")


class Negation(BaseModel):
    """`{"not": {...}}`, which holds where its element does not."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    negated: Annotated[FilterTree, Member(alias="not")]

    @property
    def children(self) -> tuple[FilterTree, ...]:
        return (self.negated,)

    @property
    def sentence(self) -> str:
        text = self.negated.sentence
        return f"not {text}" if text.startswith("(") else f"not ({text})"


FilterTree = Annotated[Filter | AnyOf | AllOf | Negation, WrapValidator(_read)]
_Children = Annotated[
    tuple[FilterTree, ...],
    BeforeValidator(
        _check_number,
        json_schema_input_type=Annotated[
            tuple[FilterTree, ...], Member(min_length=1, max_length=MAX_LEAVES)
        ],
    ),
]
_TYPES: dict[str, type[BaseModel]] = {"any": AnyOf, "all": AllOf, "not": Negation}


def read_filter(value: Any) -> FilterTree:
    """A filter or a tree from JSON that is valid; raises ValidationError for any other."""
    tree: FilterTree = _ADAPTER.validate_python(value)
    return tree


def leaves(trees: Iterable[FilterTree]) -> Iterator[Filter]:
    """All filters in the trees, in their order."""
    for _, leaf in leaves_by_path(trees):
        yield leaf


def leaves_by_path(trees: Iterable[FilterTree]) -> Iterator[tuple[_Location, Filter]]:
    """All filters in the trees, in their order, with their locations: `(0, "any", 1)`."""
    for index, tree in enumerate(trees):
        yield from _leaves_of(tree, (index,))


def _leaves_of(tree: FilterTree, location: _Location) -> Iterator[tuple[_Location, Filter]]:
    if isinstance(tree, Filter):
        yield location, tree
    elif isinstance(tree, Negation):
        yield from _leaves_of(tree.negated, (*location, "not"))
    else:
        name = "any" if isinstance(tree, AnyOf) else "all"
        for index, child in enumerate(tree.children):
            yield from _leaves_of(child, (*location, name, index))


def check_limits(filters: Any) -> Any:
    """A validator of unread JSON: the levels of nodes, and the number of leaves in all. It bounds
    the recursion of the validators that read the trees."""
    if not isinstance(filters, list):
        return filters
    count = 0
    unread: list[tuple[_Location, Any]] = [((index,), each) for index, each in enumerate(filters)]
    while unread:
        location, tree = unread.pop()
        children = _children_in(tree)
        if children and sum(isinstance(step, str) for step in location) >= MAX_LEVELS:
            raise _error(location, f"is nested more than {MAX_LEVELS} levels deep")
        unread += (((*location, *steps), child) for steps, child in children)
        count += not children
        if count > MAX_LEAVES:
            raise _error((), f"must have at most {MAX_LEAVES} filters, in any, all and not, too")
    return filters


def _children_in(tree: Any) -> Sequence[tuple[_Location, Any]]:
    """The elements of a node in unread JSON, with their locations in it; none of anything else."""
    if not isinstance(tree, dict):
        return ()
    name = next((name for name in _TYPES if name in tree), None)
    if name is None:
        return ()
    if name == "not":
        return [((name,), tree[name])]
    children = tree[name]
    if not isinstance(children, list):
        return ()
    return [((name, index), child) for index, child in enumerate(children[: MAX_LEAVES + 1])]


def _error(location: _Location, message: str) -> ValidationError:
    problem = PydanticCustomError("filter_tree", "{message}", {"message": message})
    line = InitErrorDetails(type=problem, loc=location, input=None)
    return ValidationError.from_exception_data("filters", [line])


def _joined(trees: Sequence[FilterTree], word: str) -> str:
    texts = [tree.sentence for tree in trees]
    return texts[0] if len(texts) == 1 else f"({word.join(texts)})"


for _type in _TYPES.values():
    _type.model_rebuild()
_ADAPTER: TypeAdapter[FilterTree] = TypeAdapter(FilterTree)
