"""The first groups are the first ones in the order of docs/reference/semantics.md."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest

from tocsin.metrics import row_selection
from tocsin.metrics.rollups.dictionaries import GroupDictionary
from tocsin.metrics.row_selection import first_groups
from tocsin.model.metrics.answer import plain, row_sort_key

TEXTS = [None, "", " ", "A", "a", "aa", "ab", "\x00", "é", "z", "\uffff", "\U0001f600", "10", "9"]
VALUES = [0.0, -0.0, 1.0, -1.0, 1.5, 2.0**53, -1e300, 5e-324, math.nan, math.inf, -math.inf]


def random_groups(random: Random, dimensions: int, count: int) -> GroupDictionary:
    groups = GroupDictionary()
    while len(groups.texts) < count:
        groups.number(tuple(random.choice(TEXTS) for _ in range(dimensions)))
    return groups


@pytest.mark.parametrize("few", [0, 100], ids=["Arrow", "Python"])
@pytest.mark.parametrize("seed", range(40))
def test_the_first_groups_are_those_of_all_groups_in_order(
    seed: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_selection, "FEW_GROUPS", few)
    random = Random(seed)
    groups = random_groups(random, dimensions=random.choice([1, 2, 3]), count=random.randint(1, 14))
    numbers = random.sample(range(len(groups.texts)), random.randint(1, len(groups.texts)))
    values = random.choices(VALUES[: random.choice([2, 4, len(VALUES)])], k=len(numbers))
    rows = [(plain(value), groups.texts[n]) for value, n in zip(values, numbers, strict=True)]
    ordered = sorted(range(len(rows)), key=lambda place: row_sort_key(*rows[place]))
    for limit in (1, 2, len(rows) - 1, len(rows), len(rows) + 1):
        first = first_groups(np.array(values), np.array(numbers), groups, max(limit, 1))
        assert first.tolist() == ordered[: max(limit, 1)]


def test_equal_values_at_the_limit_are_ordered_by_their_texts() -> None:
    groups = GroupDictionary()
    numbers = np.array([groups.number((f"{n:05}",)) for n in reversed(range(30_000))])
    values = np.ones(30_000)
    values[7] = 2
    first = first_groups(values, numbers, groups, 4)
    texts = [groups.texts[number] for number in numbers[first]]
    assert texts == [("29992",), ("00000",), ("00001",), ("00002",)]


def test_groups_added_later_are_ordered_too() -> None:
    groups = GroupDictionary()
    numbers = np.array([groups.number(("b",))])
    assert first_groups(np.array([1.0]), numbers, groups, 5).tolist() == [0]
    numbers = np.array([*numbers, groups.number(("a",)), groups.number((None,))])
    assert first_groups(np.ones(3), numbers, groups, 5).tolist() == [1, 0, 2]
