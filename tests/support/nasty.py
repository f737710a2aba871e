"""Data made to break a metrics engine, from a seeded `random.Random`. Gathers what tests call.

Payloads are in `nasty_payloads` and `nasty_extremes`, metrics in `nasty_metrics`, the pools from
which all of them draw in `nasty_pools`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from support.nasty_extremes import bad_payloads, limit_payloads, many_keys
from support.nasty_metrics import (
    COMPARED,
    KINDS,
    TYPES,
    filter_,
    metric,
    series_arguments,
    step_text,
    tree_,
)
from support.nasty_payloads import payload
from support.nasty_pools import MNEMONICS, REFERENCES, RESOURCE_IDS, UNITS_OF_WORK, USER_IDS
from support.oracle import field_of as spelled_field

__all__ = [
    "COMPARED",
    "KINDS",
    "TYPES",
    "bad_payloads",
    "filter_",
    "interactions",
    "limit_payloads",
    "many_keys",
    "metric",
    "payload",
    "series_arguments",
    "spelled_field",
    "step_text",
    "tree_",
]

_MS = timedelta(milliseconds=1)
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(2299, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
_LONG_AGO = (12, 40, 121)
"""Spans of 30 days back. Few, for each month is a partition that every query opens; the edges of
windows of one and ten years lie within two of them."""


def interactions(
    rng: Random, count: int, at: datetime, payloads: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """`count` interactions around `at`, with the payloads given or as many new ones.

    Half of them in the last hour, some dated after `at`, and, when there are enough to hold them,
    one at each side of every edge of the usual windows.
    """
    texts = payloads if payloads is not None else [payload(rng) for _ in range(count)]
    moments = edges(at)
    rng.shuffle(moments)
    moments += [_moment(rng, at) for _ in range(count - len(moments))]
    generated = [
        _interaction(rng, moments[index], texts[index % len(texts)]) for index in range(count)
    ]
    rng.shuffle(generated)
    return generated


def edges(at: datetime) -> list[datetime]:
    """The instants at which a window may go wrong by a millisecond, and the first and the last."""
    days = (_DAY, 7 * _DAY, 30 * _DAY, 365 * _DAY, 3_650 * _DAY)
    windows = (0, _MINUTE, 5 * _MINUTE, 10 * _MINUTE, _HOUR, *days)
    near = [at - _MS * (window + off) for window in windows for off in (-1, 0, 1)]
    return [*near, _FIRST, _LAST]


def _moment(rng: Random, at: datetime) -> datetime:
    long_ago = 30 * _DAY * rng.choice(_LONG_AGO)
    spans = (
        (0, _HOUR),
        (0, _DAY),
        (0, 30 * _DAY),
        (long_ago, long_ago + 30 * _DAY),
        (-10 * _MINUTE, -1),
    )
    return at - _MS * rng.randint(*rng.choices(spans, (50, 20, 13, 9, 8))[0])


def _interaction(rng: Random, timestamp: datetime, text: str) -> dict[str, Any]:
    generated: dict[str, Any] = {
        "resourceId": rng.choice(RESOURCE_IDS),
        **{name: rng.choice(mnemonics) for name, mnemonics in MNEMONICS.items()},
        "timestamp": timestamp,
        "payload": text,
    }
    optional = (("userId", USER_IDS), ("uowId", UNITS_OF_WORK), ("externalReference", REFERENCES))
    for name, pool in optional:
        generated[name] = rng.choice(pool) if rng.random() < 0.7 else None
    return generated
