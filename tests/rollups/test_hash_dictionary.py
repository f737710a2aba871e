"""Texts are told apart by their hashes, and keep the number they once got."""

import numpy as np
import pytest

from tocsin.errors import Unavailable
from tocsin.metrics.rollups.hash_dictionary import Numbering


def hashes(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, dtype=np.uint64).reshape(-1, 2)


def test_equal_hashes_get_equal_numbers_and_new_ones_the_next() -> None:
    numbering = Numbering()
    first = numbering.numbers(hashes((5, 1), (3, 1), (5, 1)))
    assert first[0] == first[2] != first[1]
    assert numbering.count == 2
    again = numbering.numbers(hashes((3, 1), (9, 9), (5, 1)))
    assert again.tolist() == [first[1], 2, first[0]]
    assert numbering.numbers(hashes()).tolist() == []


def test_numbers_stay_over_many_rounds_of_merging() -> None:
    random = np.random.default_rng(1)
    numbering = Numbering()
    known: dict[tuple[int, int], int] = {}
    for _ in range(60):
        low = random.integers(0, 3_000, size=200, dtype=np.uint64)
        rows = np.stack([low, low * np.uint64(7)], axis=1)
        for pair, number in zip(map(tuple, rows.tolist()), numbering.numbers(rows), strict=True):
            assert known.setdefault(pair, int(number)) == number
    assert sorted(known.values()) == list(range(numbering.count))


def test_two_texts_that_share_half_a_hash_are_noticed() -> None:
    numbering = Numbering()
    numbering.numbers(hashes((5, 1)))
    with pytest.raises(Unavailable):
        numbering.numbers(hashes((5, 2)))
    with pytest.raises(Unavailable):
        Numbering().numbers(hashes((5, 1), (5, 2)))
