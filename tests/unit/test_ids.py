"""Are many ids made at once as good as any?"""

from __future__ import annotations

from uuid import RFC_4122, UUID

from tocsin.ids import new_id, new_ids


def test_ids_made_at_once_are_different_random_uuids() -> None:
    made = [UUID(bytes=raw) for raw in [*new_ids(1_000), new_id()]]
    assert len(set(made)) == 1_001
    assert {(id.version, id.variant) for id in made} == {(4, RFC_4122)}
    assert new_ids(0) == []
