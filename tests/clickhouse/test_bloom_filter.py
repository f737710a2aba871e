"""The Bloom filter over recorded ids has no false negatives, and few false positives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random

import numpy as np

from tocsin.clickhouse.bloom_filter import IdFilter


def ids(random: Random, count: int) -> list[bytes]:
    return [random.randbytes(16) for _ in range(count)]


def test_the_filter_contains_every_id_that_was_added() -> None:
    added = ids(Random(1), 300_000)
    known = IdFilter()
    for start in range(0, len(added), 7_777):
        known.add(added[start : start + 7_777])
    assert known.might_contain(added) == added


def test_other_ids_are_hardly_ever_false_positives() -> None:
    random = Random(2)
    known = IdFilter()
    known.add(ids(random, 300_000))
    assert len(known.might_contain(ids(random, 100_000))) < 20


def test_ids_that_differ_in_a_few_bits_are_distinguished() -> None:
    known = IdFilter()
    known.add([number.to_bytes(16) for number in range(0, 200_000, 2)])
    odd = [number.to_bytes(16) for number in range(1, 200_000, 2)]
    assert len(known.might_contain(odd)) < 20


def test_ids_that_threads_add_concurrently_are_all_found() -> None:
    known = IdFilter()
    added = ids(Random(3), 400_000)
    shares = [added[start : start + 5_000] for start in range(0, len(added), 5_000)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(known.add, shares))
    assert known.might_contain(added) == added


def test_ids_may_be_added_joined() -> None:
    known = IdFilter()
    added = ids(Random(4), 100)
    known.add([b"".join(added)])
    assert known.might_contain(added) == added


def test_ids_that_are_learnt_again_take_no_room() -> None:
    known = IdFilter()
    added = ids(Random(5), 50_000)
    known.add(added)
    known.learn(np.frombuffer(b"".join(added), ">u8").reshape(-1, 2).astype(np.uint64))
    assert known.ids == 50_000
    assert known.might_contain(added) == added


def test_a_reserved_filter_needs_one_segment_for_all_ids() -> None:
    reserved, grown = IdFilter(), IdFilter()
    reserved.reserve(600_000)
    before = reserved.size
    added = ids(Random(6), 600_000)
    for known in (reserved, grown):
        known.add(added)
        assert known.might_contain(added[::100]) == added[::100]
    assert reserved.size == before < 1.5 * grown.size


def test_a_filter_that_must_not_grow_still_contains_every_id() -> None:
    random = Random(7)
    known = IdFilter(most_bytes=100_000)
    added, others = ids(random, 100_000), ids(random, 20_000)
    for start in range(0, len(added), 10_000):
        known.add(added[start : start + 10_000])
    assert known.might_contain(added) == added
    assert known.size <= 100_000
    # Eight bits each, so that a tenth of the others are false positives.
    assert 0.05 < len(known.might_contain(others)) / len(others) < 0.15
