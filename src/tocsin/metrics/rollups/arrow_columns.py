"""Converts Arrow columns to numpy arrays, and texts and ids to codes."""

from __future__ import annotations

from math import isnan

import numpy as np
import pyarrow as pa

from tocsin.metrics.decimals import Doubles, Integers, Values, integer_of

Codes = tuple[Integers, pa.Array]
"""The code of each row's value, -1 where it is missing; the values by code."""


def integers(column: pa.Array | pa.ChunkedArray) -> Integers:
    return np.asarray(column.to_numpy(), dtype=np.int64)


def doubles(column: pa.ChunkedArray, missing: float) -> Doubles:
    """The numbers of a column; `missing` where there is none."""
    if column.null_count and not (isnan(missing) and pa.types.is_float64(column.type)):
        column = column.cast(pa.float64()).fill_null(missing)
    return np.asarray(column.to_numpy(), dtype=np.float64)


def exact_integers(column: pa.Array | pa.ChunkedArray) -> Values:
    """Sums by exponent as Python's integers."""
    pairs = (tuple(pair.values()) for pair in column.to_pylist())
    return np.array([integer_of(pair) for pair in pairs], dtype=object)


def dictionary_encoded(column: pa.ChunkedArray) -> Codes:
    """A column as codes, whatever encoding it has."""
    array = column.combine_chunks()
    array = getattr(array, "storage", array)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    return integers(array.indices.fill_null(-1)), array.dictionary
