"""Counting lines gives the same numbers in memory and on disk."""

from __future__ import annotations

from collections import Counter
from hashlib import sha1

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.cli.line_counts import LineCounts


def digests(*numbers: int) -> list[bytes]:
    return [sha1(b"%d" % number).digest() for number in numbers]


@given(st.lists(st.lists(st.integers(0, 30), max_size=20)), st.sampled_from([1, 8, 1_000]))
def test_earlier_occurrences_are_counted(batches: list[list[int]], disk_keys: int) -> None:
    counts, seen = LineCounts(disk_keys), Counter[int]()
    for batch in batches:
        expected = []
        for number in batch:
            expected.append(seen[number])
            seen[number] += 1
        assert counts.before(digests(*batch)) == expected


@pytest.mark.parametrize("disk_keys", [100, 10**9])
def test_repeats_are_found_after_many_other_lines(disk_keys: int) -> None:
    counts = LineCounts(disk_keys)
    for start in range(0, 2_000, 50):
        assert not any(counts.before(digests(*range(start, start + 50))))
    assert counts.before(digests(*range(0, 2_000, 7))) == [1] * len(range(0, 2_000, 7))
