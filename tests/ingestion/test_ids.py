"""Ids that are drawn in one call are as random as single ones."""

from __future__ import annotations

import random
from uuid import RFC_4122, UUID

from tocsin.ingestion.ids import new_id, new_ids


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
