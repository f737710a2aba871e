"""Ids that are drawn in one call are as random as single ones."""

from __future__ import annotations

import random
from uuid import RFC_4122, UUID

from tocsin.ingestion.ids import generated_ids, new_id, new_ids, new_seed


def test_ids_of_one_call_are_different_random_uuids() -> None:
    ids = [UUID(bytes=raw) for raw in [*new_ids(1_000), new_id()]]
    assert len(set(ids)) == 1_001
    assert {(id.version, id.variant) for id in ids} == {(4, RFC_4122)}
    assert new_ids(0) == []


def test_ids_do_not_come_from_a_predictable_generator() -> None:
    state = random.getstate()
    first = new_ids(4)
    random.setstate(state)
    assert not set(first) & set(new_ids(4))


def test_the_ids_of_a_seed_are_random_uuids_that_every_node_can_generate() -> None:
    seed = new_seed()
    ids = generated_ids(seed, 1_000)
    assert {(UUID(bytes=raw).version, UUID(bytes=raw).variant) for raw in ids} == {(4, RFC_4122)}
    assert len(set(ids)) == 1_000
    assert generated_ids(seed, 10) == ids[:10]
    assert not set(ids) & set(generated_ids(new_seed(), 1_000))
    assert generated_ids(seed, 0) == []
