"""Generates the interactions that are measured: a seed gives every system the same rows.

numpy generates chunks and Arrow joins them to text, 100,000 rows a second or more. Rows are in the
order of their timestamps, as live traffic is, except for one in a hundred that is up to an hour
late. A fifth of them is in the last day, the others are spread evenly over the 29 days before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator

CHUNK = 50_000  # part of what the seed means: another chunk size makes other rows
USERS = 100_000
MISSING = 0.1
DAY_MS = 24 * 3600 * 1000
DENSE_SHARE, DAYS, LATE_SHARE, LATE_MS = 0.2, 30, 0.01, 3600 * 1000

Weights = dict[str, float]
RESOURCE_TYPES: Weights = {
    "user": 0.30, "order": 0.25, "session": 0.20, "invoice": 0.10, "device": 0.10, "ticket": 0.05,
}  # fmt: skip
ACTIONS: Weights = {
    "view": 0.30, "login": 0.25, "purchase": 0.15, "update": 0.10,
    "create": 0.08, "logout": 0.07, "export": 0.03, "delete": 0.02,
}  # fmt: skip
ORIGINS: Weights = {"web": 0.45, "mobile": 0.30, "api": 0.15, "batch": 0.08, "partner": 0.02}
OUTCOMES: Weights = {"ok": 0.90, "failed": 0.08, "denied": 0.02}
PLANS: Weights = {"free": 0.6, "pro": 0.3, "team": 0.08, "enterprise": 0.02}
SYSTEMS: Weights = {"android": 0.4, "ios": 0.3, "windows": 0.2, "macos": 0.1}
COUNTRIES: Weights = {
    "US": 0.28, "IN": 0.14, "BR": 0.09, "GB": 0.07, "DE": 0.06, "FR": 0.05, "ZA": 0.04,
    "NG": 0.04, "JP": 0.03, "MX": 0.03, "ID": 0.03, "TR": 0.02, "IT": 0.02, "ES": 0.02,
    "CA": 0.02, "AU": 0.02, "NL": 0.01, "PL": 0.01, "SE": 0.01, "KE": 0.01,
}  # fmt: skip
MESSAGES: Weights = {
    "request completed": 0.70,
    "served from the cache": 0.15,
    "wrong password": 0.08,
    "upstream timeout after retries": 0.05,
    "connection reset by peer": 0.02,
}
# Each mnemonic's code, for a table that is written by hand: its place in the list.
CODES = {
    name: code for names in (RESOURCE_TYPES, ACTIONS, ORIGINS) for code, name in enumerate(names)
}
Text = Any  # an array of strings; pyarrow is untyped


@dataclass(frozen=True, slots=True)
class Rows:
    """A chunk of interactions, as columns."""

    resource_type: Text
    action: Text
    origin: Text
    resource_id: Text
    timestamp: Text
    user_id: Text
    payload: Text
    codes: tuple[Text, Text, Text]

    def ndjson(self) -> Text:
        """One line of JSON each, newline included, as `POST /api/interactions` takes it."""
        return _join(
            '{"resourceType":"', self.resource_type, '","action":"', self.action,
            '","origin":"', self.origin, '","resourceId":"', self.resource_id,
            '","timestamp":"', self.timestamp, '"', _optional(',"userId":"', self.user_id, '"'),
            ',"interaction":', self.payload, "}\n",
        )  # fmt: skip

    def copy_lines(self) -> Text:
        """The same rows for PostgreSQL's COPY in text format; no value needs an escape."""
        user = self.user_id.fill_null("\\N")
        columns = [*self.codes, self.resource_id, self.timestamp, user, self.payload]
        return _join(*[part for column in columns for part in (column, "\t")][:-1], "\n")


def generate(rows: int, seed: int, until: datetime) -> Iterator[Rows]:
    """All the rows, in chunks of CHUNK; equal arguments make equal rows."""
    for first in range(0, rows, CHUNK):
        count = min(CHUNK, rows - first)
        yield _chunk(first, count, rows, until, np.random.default_rng([seed, first // CHUNK]))


def live(rows: int, seed: int, after: datetime, span: timedelta) -> Iterator[Rows]:
    """Rows like the others, evenly in a time that begins after theirs."""
    begin, length = _milliseconds(after), span // timedelta(milliseconds=1)
    for number, chunk in enumerate(generate(rows, seed, after)):
        place = number * CHUNK + np.arange(1, len(chunk.payload) + 1)
        instants = begin + (place * length // rows).astype(np.int64)
        yield replace(chunk, timestamp=_spelled(instants))


def rows_at(first: int, instants: np.ndarray, rng: Generator) -> Rows:
    """Rows like the others at these instants, in milliseconds; the first has the number `first`."""
    return _rows(first, len(instants), lambda: _spelled(instants), rng)


def with_payload(rows: Rows, payload: Text) -> Rows:
    return replace(rows, payload=payload)


def _chunk(first: int, count: int, rows: int, until: datetime, rng: Generator) -> Rows:
    return _rows(first, count, lambda: _timestamps(first, count, rows, until, rng), rng)


def _rows(first: int, count: int, timestamps: Callable[[], Text], rng: Generator) -> Rows:
    user = rng.integers(0, USERS, count)
    picked = {name: _pick(rng, weights, count) for name, weights in _SCOPE.items()}
    names = {name: _take(list(_SCOPE[name]), picks) for name, picks in picked.items()}
    kind = names["resource_type"]
    return Rows(
        **names,
        resource_id=_join(kind, "-", _digits(rng.integers(0, 50_000, count))),
        timestamp=timestamps(),
        user_id=_missing(_join("u-", _digits(user)), rng),
        payload=_payload(first, count, user, rng),
        codes=tuple(_digits(picks) for picks in picked.values()),
    )


_SCOPE = {"resource_type": RESOURCE_TYPES, "action": ACTIONS, "origin": ORIGINS}


def _payload(first: int, count: int, user: np.ndarray, rng: Generator) -> Text:
    """About 230 bytes: strings, integers, floats and a boolean, some of them nested."""

    def text(key: str, weights: Weights) -> Text:
        return _missing(
            _join(f',"{key}":"', _take(list(weights), _pick(rng, weights, count)), '"'), rng
        )

    def number(key: str, values: Text) -> Text:
        return _missing(_join(f',"{key}":', values), rng)

    who = _join(
        ',"user":{"id":"u-', _digits(user), '"', text("plan", PLANS),
        number("score", _mixed(rng.integers(0, 10_000, count), rng)), "}",
    )  # fmt: skip
    device = _join(
        ',"device":{"trusted":', _take(["true", "false"], rng.integers(0, 2, count)),
        text("os", SYSTEMS), number("battery", _digits(rng.integers(1, 101, count))), "}",
    )  # fmt: skip
    trace = rng.integers(10**17, 10**18, (2, count))
    return _join(
        '{"number":', _digits(np.arange(first, first + count)),
        text("country", COUNTRIES), text("outcome", OUTCOMES),
        number("total", _mixed(rng.gamma(1.5, 8_000, count).astype(np.int64), rng)),
        number("items", _digits(rng.integers(1, 20, count))),
        _missing(who, rng), _missing(device, rng), text("message", MESSAGES),
        _missing(_join(',"trace":"', *[_digits(part) for part in trace], '"'), rng),
        "}",
    )  # fmt: skip


def _timestamps(first: int, count: int, rows: int, until: datetime, rng: Generator) -> Text:
    """RFC 3339 at the millisecond, later than 30 days before `until` and not after it."""
    share = (first + np.arange(count) + rng.random(count)) / rows
    sparse = share / (1 - DENSE_SHARE) * (DAYS - 1)
    dense = DAYS - 1 + (share - (1 - DENSE_SHARE)) / DENSE_SHARE
    since_start = np.where(share < 1 - DENSE_SHARE, sparse, dense) * DAY_MS
    late = (rng.random(count) < LATE_SHARE) * rng.integers(0, LATE_MS, count)
    start = _milliseconds(until) - DAYS * DAY_MS
    return _spelled(np.maximum(since_start - late, 0).astype(np.int64) + start + 1)


def _milliseconds(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp() * 1000)


def _spelled(instants: np.ndarray) -> Text:
    text = pa.array(instants).cast(pa.timestamp("ms")).cast(pa.string())
    return _join(pc.replace_substring(text, " ", "T"), "Z")


def _pick(rng: Generator, weights: Weights, count: int) -> np.ndarray:
    edges = np.cumsum(list(weights.values()))
    return np.minimum(np.searchsorted(edges, rng.random(count), "right"), len(weights) - 1)


def _mixed(hundredths: np.ndarray, rng: Generator) -> Text:
    """Whole numbers for four in ten, two decimals for the others."""
    fraction = _take(["", *(f".{n:02d}" for n in range(1, 100))], hundredths % 100)
    whole = pa.array(rng.random(len(hundredths)) < 0.4)
    return _join(_digits(hundredths // 100), pc.if_else(whole, "", fraction))


def _missing(values: Text, rng: Generator) -> Text:
    """One in ten becomes null, and so vanishes from what it is joined to."""
    return pc.if_else(pa.array(rng.random(len(values)) < MISSING), pa.scalar(None), values)


def _digits(numbers: np.ndarray) -> Text:
    return pa.array(numbers).cast(pa.string())


def _take(names: Sequence[str], picks: np.ndarray) -> Text:
    return pa.array(names).take(pa.array(picks))


def _optional(before: str, values: Text, after: str) -> Text:
    return pc.binary_join_element_wise(before, values, after, "")


def _join(*parts: Text | str) -> Text:
    return pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")


def buffer(lines: Text) -> tuple[memoryview, np.ndarray]:
    """The bytes of lines in a row, without a copy, and the offset at which each one ends."""
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, np.int32)[1 : len(lines) + 1].astype(np.int64)
    return memoryview(data)[: int(ends[-1])], ends


def write_ndjson(path: Path, chunks: Iterator[Rows]) -> Iterator[np.ndarray]:
    """Write all lines to a file; for each chunk, where in the file its lines end."""
    with path.open("wb") as file:
        for rows in chunks:
            before = file.tell()
            data, ends = buffer(rows.ndjson())
            file.write(data)
            yield ends + before
