"""The types of fields that a node knows, and those that it has to send to other nodes."""

from __future__ import annotations

from tocsin.clickhouse.field_types import MAX_PATHS, FieldTypes
from tocsin.clickhouse.sql.table import ANY_TYPE, JsonType


def test_a_type_that_is_new_at_its_path_is_kept_for_other_nodes_once() -> None:
    types = FieldTypes()
    types.add(("known",), [JsonType.STRING])
    types.observe({"before": 1})
    observed = types.keep_observed()
    for _ in range(2):
        types.observe({"known": "text", "before": 2, "new": {"a": True, "b": 2**70}})
    types.observe({"known": 1.5})
    assert sorted(observed) == sorted(
        [
            (("new",), JsonType.OBJECT),
            (("new", "a"), JsonType.BOOLEAN),
            (("new", "b"), JsonType.INTEGER),
            (("new", "b"), JsonType.BIG_INTEGER),
            (("known",), JsonType.DOUBLE),
        ]
    )


def test_a_node_that_gave_up_knowing_types_assumes_all_of_them() -> None:
    types, other = FieldTypes(), FieldTypes()
    for number in range(MAX_PATHS + 1):
        types.add((str(number),), [JsonType.STRING])
    types.mark_complete()
    other.mark_complete()
    assert types.is_overflowed
    assert not other.is_overflowed
    assert other.of(("a",)) == frozenset()
    other.overflow()
    assert other.is_overflowed
    assert other.of(("a",)) == types.of(("a",)) == ANY_TYPE
