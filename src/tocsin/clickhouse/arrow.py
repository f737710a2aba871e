"""Encodes interactions as an Arrow stream, the fastest format for the engine to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from tocsin.clickhouse.arrow_without_pandas import avoid_pandas
from tocsin.model.interactions.interaction import Interaction

avoid_pandas()

_UUID = pa.binary(16)
_TEXTS = pa.list_(pa.string())
COLUMNS = pa.schema(
    [
        ("interactionId", _UUID),
        ("interactionNumber", pa.uint64()),
        ("resourceTypeId", _UUID),
        ("actionId", _UUID),
        ("originId", _UUID),
        ("resourceId", pa.string()),
        ("timestamp", pa.timestamp("ms", "UTC")),
        ("uowId", _UUID),
        ("userId", pa.string()),
        ("externalReference", pa.string()),
        ("externalResponse", pa.binary()),
        ("bigIntegers", _TEXTS),
        ("hollowObjects", _TEXTS),
        ("raw", pa.binary()),
    ]
)


def arrow_stream(interactions: Sequence[Interaction]) -> bytes:
    """The interactions as an Arrow IPC stream of one record batch."""
    columns: list[Any] = [
        [i.interaction_id for i in interactions],
        [i.interaction_number for i in interactions],
        [i.resource_type_id for i in interactions],
        [i.action_id for i in interactions],
        [i.origin_id for i in interactions],
        [i.resource_id for i in interactions],
        [i.timestamp for i in interactions],
        [i.uow_id for i in interactions],
        [i.user_id for i in interactions],
        [i.external_reference for i in interactions],
        [i.external_response for i in interactions],
        _lists([i.big_integers for i in interactions]),
        _lists([i.leafless_objects for i in interactions]),
        [i.payload for i in interactions],
    ]
    arrays = [
        values if isinstance(values, pa.Array) else pa.array(values, field.type)
        for values, field in zip(columns, COLUMNS, strict=True)
    ]
    batch = pa.record_batch(arrays, schema=COLUMNS)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, COLUMNS) as stream:
        stream.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _lists(values: list[Sequence[str]]) -> pa.Array:
    """Lists as an Arrow array. Nearly always all are empty, for which an array without values is
    faster than a conversion."""
    if any(values):
        return pa.array(values, _TEXTS)
    offsets = pa.Array.from_buffers(
        pa.int32(), len(values) + 1, [None, pa.py_buffer(bytes(4 * (len(values) + 1)))]
    )
    return pa.ListArray.from_arrays(offsets, pa.array([], pa.string()))
