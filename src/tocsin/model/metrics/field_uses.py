"""The fields that a question uses, each with the scope in which it must occur to have an effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tocsin.model.interactions.field import Column, Field
from tocsin.model.interactions.filter import ORDERINGS
from tocsin.model.interactions.filter_tree import FilterTree, leaves_by_path
from tocsin.model.interactions.scalar import number_of
from tocsin.model.interactions.scope import Scope
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.question import SIDES, Question, Side
from tocsin.model.validation import spell

_WITHOUT_NUMBER = (Aggregation.COUNT, Aggregation.RATE, Aggregation.DISTINCT_COUNT)


@dataclass(frozen=True, slots=True)
class FieldUse:
    """The use of a field at a path of the definition, such as `filters[0].field`.

    `effect` says what happens to interactions without a number, if a number is needed.
    """

    path: str
    field: Field
    scope: Scope
    effect: str | None = None

    @property
    def column(self) -> Column | None:
        """The column of the interaction that has the name of this key of the payload."""
        is_key = not self.field.column and len(self.field.path) == 1
        names = {column.value: column for column in Column}
        return names.get(self.field.path[0]) if is_key else None


def field_uses(question: Question) -> Iterator[FieldUse]:
    yield from _of_side(question, question.scope, "")
    for index, field in enumerate(question.group_by):
        yield FieldUse(f"groupBy[{index}]", field, question.scope)
    # The sides with the scope of the whole question added.
    for name, part in zip(SIDES, question.parts, strict=False):
        side = getattr(question, name)
        if side is not None:
            yield from _of_side(side, part.scope, f"{name}.")


def _of_side(side: Side, scope: Scope, prefix: str) -> Iterator[FieldUse]:
    if side.field is not None:
        aggregation = side.aggregation
        effect = None if aggregation in _WITHOUT_NUMBER else f"{aggregation} excludes them"
        yield FieldUse(f"{prefix}field", side.field, scope, effect)
    yield from _of_filters(side.filters, scope, f"{prefix}filters")


def _of_filters(filters: Sequence[FilterTree], scope: Scope, prefix: str) -> Iterator[FieldUse]:
    for location, leaf in leaves_by_path(filters):
        compares = leaf.operator in ORDERINGS and number_of(leaf.value) is not None
        effect = "the condition does not hold for them" if compares else None
        path = spell([*prefix.split("."), *location, "field"])
        yield FieldUse(path, leaf.field, scope, effect)
