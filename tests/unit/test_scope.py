"""A scope covers the interactions whose type, action and origin it names."""

from __future__ import annotations

from uuid import UUID

import pytest

from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.scope import ANY_SCOPE, Scope

TYPE, ACTION, ORIGIN, OTHER = (UUID(int=number) for number in range(1, 5))
IDS = (TYPE.bytes, ACTION.bytes, ORIGIN.bytes)


@pytest.mark.parametrize(
    ("scope", "is_covered"),
    [
        (ANY_SCOPE, True),
        (Scope(TYPE), True),
        (Scope(TYPE, ACTION, ORIGIN), True),
        (Scope(OTHER), False),
        (Scope(TYPE, OTHER), False),
        (Scope(origin_id=OTHER), False),
    ],
)
def test_a_scope_covers_an_interaction_that_has_all_its_ids(scope: Scope, is_covered: bool) -> None:
    assert scope.covers(IDS) is is_covered


def test_the_ids_of_a_scope_are_in_the_order_of_the_kinds() -> None:
    scope = Scope(TYPE, ACTION, ORIGIN)
    assert list(scope.ids.items()) == list(zip(Kind, (TYPE, ACTION, ORIGIN), strict=True))


def test_scopes_with_equal_ids_are_equal_keys_of_a_dictionary() -> None:
    scope = Scope(TYPE)
    assert scope.covers(IDS)
    assert {scope: 1}[Scope(TYPE)] == 1
