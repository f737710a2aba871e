"""Texts are identified by their hashes and keep their first number."""

import numpy as np
import pytest

from tocsin.errors import Unavailable
from tocsin.metrics.rollups.dictionaries import HashDictionary


def hashes(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, dtype=np.uint64).reshape(-1, 2)


def test_equal_hashes_have_equal_numbers_and_new_ones_get_the_next() -> None:
    dictionary = HashDictionary()
    first = dictionary.numbers(hashes((5, 1), (3, 1), (5, 1)))
    assert first[0] == first[2] != first[1]
    assert dictionary.count == 2
    again = dictionary.numbers(hashes((3, 1), (9, 9), (5, 1)))
    assert again.tolist() == [first[1], 2, first[0]]
    assert dictionary.numbers(hashes()).tolist() == []


def test_numbers_stay_the_same_while_runs_are_merged() -> None:
    random = np.random.default_rng(1)
    dictionary = HashDictionary()
    known: dict[tuple[int, int], int] = {}
    for _ in range(60):
        low = random.integers(0, 3_000, size=200, dtype=np.uint64)
        rows = np.stack([low, low * np.uint64(7)], axis=1)
        for pair, number in zip(map(tuple, rows.tolist()), dictionary.numbers(rows), strict=True):
            assert known.setdefault(pair, int(number)) == number
    assert sorted(known.values()) == list(range(dictionary.count))


def test_two_texts_that_share_half_a_hash_are_refused() -> None:
    dictionary = HashDictionary()
    dictionary.numbers(hashes((5, 1)))
    with pytest.raises(Unavailable):
        dictionary.numbers(hashes((5, 2)))
    with pytest.raises(Unavailable):
        HashDictionary().numbers(hashes((5, 1), (5, 2)))
