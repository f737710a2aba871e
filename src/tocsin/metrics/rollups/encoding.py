"""Columns of Arrow as arrays, texts and ids as small numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import numpy as np
import pyarrow as pa

from tocsin.metrics.rollups.group_dictionary import Groups, GroupTexts
from tocsin.metrics.rollups.partials import Doubles, Integers, occurring

Codes = tuple[Integers, pa.Array]
"""The code of each row's value, -1 where it is missing; the values by code."""


def integers(array: pa.Array | pa.ChunkedArray) -> Integers:
    return np.asarray(array.to_numpy(), dtype=np.int64)


def doubles(column: pa.ChunkedArray, missing: float) -> Doubles:
    """The numbers of a column, `missing` where there is none."""
    if column.null_count and not (isnan(missing) and pa.types.is_float64(column.type)):
        column = column.cast(pa.float64()).fill_null(missing)
    return np.asarray(column.to_numpy(), dtype=np.float64)


def encoded(column: pa.ChunkedArray) -> Codes:
    array = column.combine_chunks()
    array = getattr(array, "storage", array)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    return integers(array.indices.fill_null(-1)), array.dictionary


def scope_codes(column: pa.ChunkedArray) -> tuple[Integers, dict[bytes, int]]:
    """The code of each row's id, and the codes by id."""
    codes, ids = encoded(column)
    return codes, {id: code for code, id in enumerate(ids.to_pylist())}


def group_numbers(dimensions: Sequence[Codes], rows: int, groups: Groups) -> Integers:
    """The number of each row's group, which its dimensions make; 0 where nothing is grouped."""
    codes = np.zeros(rows, dtype=np.int64)
    if not dimensions:
        return codes
    count = 1
    for indices, values in dimensions:
        found, codes = occurring(codes * (len(values) + 1) + indices + 1, count * (len(values) + 1))
        count = len(found)
    one_of_each = np.empty(count, dtype=np.int64)
    one_of_each[codes] = np.arange(rows)
    spelled: list[GroupTexts] = list(
        zip(*(_texts(values, indices[one_of_each]) for indices, values in dimensions), strict=True)
    )
    numbers = np.asarray([groups.number(texts) for texts in spelled], dtype=np.int64)
    return numbers[codes] if count else codes


def _texts(values: pa.Array, indices: Integers) -> list[str | None]:
    texts = [*values.to_pylist(), None]
    return [texts[index] for index in indices.tolist()]
