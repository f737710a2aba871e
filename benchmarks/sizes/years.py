"""Generates a month of interactions. `copying` makes the months before of it.

They are those of `benchmarks.data`, with the same keys, and differ in this:

- A million of them are spread evenly from the first day of the month to its newest instant.
- One in ten has an id of its sender, one in twenty is up to three days late.
- One in a thousand has a payload of 200 fields; one total in fifty is a string with a number.
- Eight in a row share a unit of work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator

from benchmarks import data

MONTH = 1_000_000
BLOCK = 50_000
LATE, LATE_MS = 0.05, 3 * data.DAY_MS
BEFORE = timedelta(days=3)
GIVEN_IDS = 0.1
WIDE, WIDE_FIELDS = 0.001, 200
TEXT_TOTALS = 0.02
UNIT_OF_WORK = 8
Text = Any  # an array of pyarrow, which is untyped


@dataclass(frozen=True, slots=True)
class Block:
    """Some interactions of one month, in the order in which they are sent."""

    rows: data.Rows
    instants: list[int]
    given_ids: dict[int, bytes]
    uow_ids: list[bytes]

    def payloads(self) -> list[bytes]:
        return list(self.rows.payload.cast(pa.binary()).to_pylist())

    def lines(self) -> Iterator[bytes]:
        """The interactions as their senders write them, each with a newline."""
        for row, line in enumerate(self.rows.ndjson().to_pylist()):
            unit = UUID(bytes=self.uow_ids[row // UNIT_OF_WORK])
            given = self.given_ids.get(row)
            id = f'"interactionId":"{UUID(bytes=given)}",' if given else ""
            yield f'{{{id}"uowId":"{unit}",{line[1:]}'.encode()


def block(seed: int, until: datetime, number: int) -> Block:
    """The block of the month with this number; equal arguments make equal interactions."""
    rng = np.random.default_rng([seed, 100, number])
    first = until.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return _block(number, _instants(number, MONTH, first, until, rng), rng)


def live(seed: int, after: datetime, span: timedelta, rows: int) -> Iterator[Block]:
    """Blocks with interactions of a time that begins after the month; a twentieth is late."""
    for number in range(-(-rows // BLOCK)):
        rng = np.random.default_rng([seed, 200, number])
        yield _block(number, _instants(number, rows, after, after + span, rng, BEFORE), rng)


def _block(number: int, instants: np.ndarray, rng: Generator) -> Block:
    rows = data.rows_at(number * BLOCK, instants, rng)
    units = rng.bytes(16 * BLOCK // UNIT_OF_WORK)
    given = np.flatnonzero(rng.random(BLOCK) < GIVEN_IDS).tolist()
    ids = rng.bytes(16 * len(given))
    return Block(
        data.with_payload(rows, _with_odd_payloads(rows.payload, rng)),
        instants.tolist(),
        {row: ids[16 * place : 16 * place + 16] for place, row in enumerate(given)},
        [units[16 * unit : 16 * unit + 16] for unit in range(BLOCK // UNIT_OF_WORK)],
    )


def _instants(
    number: int,
    rows: int,
    first: datetime,
    until: datetime,
    rng: Generator,
    before: timedelta = timedelta(0),
) -> np.ndarray:
    """Milliseconds: those of a block of `rows` that are spread evenly; none is earlier than
    `before` the first one."""
    start, end = (int(instant.timestamp() * 1000) for instant in (first, until))
    share = (number * BLOCK + np.arange(1, BLOCK + 1)) / rows
    late = (rng.random(BLOCK) < LATE) * rng.integers(0, LATE_MS, BLOCK)
    earliest = start - before // timedelta(milliseconds=1)
    return np.maximum(start + share * (end - start) - late, earliest).astype(np.int64)


def _with_odd_payloads(payload: Text, rng: Generator) -> Text:
    as_text = pa.array(rng.random(len(payload)) < TEXT_TOTALS)
    quoted = pc.replace_substring_regex(payload, r'"total":([0-9.]+)', r'"total":"\1"')
    texts = pc.if_else(as_text, quoted, payload).to_pylist()
    for row in np.flatnonzero(rng.random(len(texts)) < WIDE).tolist():
        texts[row] = f"{texts[row][:-1]},{_wide(rng)}}}"
    return pa.array(texts)


def _wide(rng: Generator) -> str:
    """200 fields: numbers, texts and booleans."""
    numbers = rng.integers(0, 1_000, WIDE_FIELDS).tolist()
    values = [
        (str(n), f'"state {n}"', "true" if n % 2 else "false", f"{n / 8}")[field % 4]
        for field, n in enumerate(numbers)
    ]
    return ",".join(f'"detail{field:03d}":{value}' for field, value in enumerate(values))
