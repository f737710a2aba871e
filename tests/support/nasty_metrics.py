"""Random valid metrics whose filters, fields and groups mostly meet the data they are asked of.

A metric is drawn around a model interaction, most of whose values its filters are made to hold
for, so that answers are seldom empty.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any

from support.nasty_pools import (
    MNEMONICS,
    WINDOWS,
    ZONES,
)
from support.nasty_trees import MAX_LEVELS, tree
from support.nasty_values import VALUES
from support.oracle import (
    OWN_COLUMNS,
    PERIODS,
    Interaction,
    Metric,
    dimension_key,
    field_of,
    holds,
    number_of,
    parse,
    value_at,
)

TYPES = (
    *("COUNT", "SUM", "AVG", "MIN", "MAX", "DISTINCT_COUNT", "RATE", "PERCENTILE", "LATEST"),
    "RATIO",
)
OF_SIDES = ("COUNT", "COUNT", "SUM", "AVG", "MIN", "MAX", "DISTINCT_COUNT")
OF_FIELD = ("SUM", "AVG", "MIN", "MAX", "DISTINCT_COUNT", "PERCENTILE", "LATEST")
PERCENTILES = (0.001, 1, 10, 33.333, 33.334, 50, 50.0, 66.667, 75, 90, 95, 99.9, 99.999, 100)
_STRANGERS = (
    ["nobody"],
    ["a", "b", "c", "d"],
    ["tags", "0"],
    ["n", "a"],
    ["a", "b.c"],
    ["Country"],
)
_STEPS = (1, 5, 15, 60, 360, 1_440, 10_080, 43_200)


COMPARED = "COMPARED"
"""Among the kinds, a metric of any type with a comparison."""
KINDS = (*TYPES, COMPARED)


def metric(
    rng: Random, interactions: Sequence[Interaction], kinds: Sequence[str] = KINDS
) -> Metric:
    """A random valid metric in the API's shape, scopes by mnemonic; members may be left out."""
    kind = rng.choice(kinds)
    if kind == COMPARED:
        drawn = _metric(rng, interactions, rng.choice(TYPES))
        return {**drawn, **_comparison(rng)}
    return _metric(rng, interactions, kind)


def _metric(rng: Random, interactions: Sequence[Interaction], kind: str) -> Metric:
    model = rng.choice(interactions)
    drawn: Metric = {
        "metricType": kind,
        **{name: model[name] if rng.random() < 0.25 else None for name in MNEMONICS},
        "field": _measured(rng, interactions, model) if kind in OF_FIELD else None,
        "filters": _filters(rng, interactions, model, _count(rng, 30, 35, 20, 10, 5)),
        "timeWindow": rng.choice(WINDOWS) if kind == "RATE" or rng.random() < 0.55 else None,
        "groupBy": _groups(rng, interactions, _count(rng, 40, 35, 15, 10)),
        **({"percentile": rng.choice(PERCENTILES)} if kind == "PERCENTILE" else {}),
        **(_ratio(rng, interactions, model) if kind == "RATIO" else {}),
        "rateUnit": rng.choice((None, "s", "m", "h", "d")) if kind == "RATE" else None,
        "unit": rng.choice((None, None, None, "ms", "€/día")),
    }
    drawn |= _calendar(rng, drawn)
    return {name: value for name, value in drawn.items() if value or rng.random() < 0.5}


def _calendar(rng: Random, drawn: Metric) -> Metric:
    """A calendar window in place of some sliding ones; RATE has none."""
    if not drawn["timeWindow"] or drawn["metricType"] == "RATE" or rng.random() < 0.7:
        return {}
    return {"timeWindow": rng.choice(PERIODS), "timezone": rng.choice(ZONES)}


def _comparison(rng: Random) -> Metric:
    """A comparison, which has a sliding window."""
    form = rng.choice(("difference", "percent", "factor"))
    compare: Metric = {"offset": rng.choice(WINDOWS), "as": form}
    if form != "difference" and rng.random() < 0.4:
        compare["minimumBase"] = rng.choice((None, 0, 1, 2, 10, 0.1))
    return {"timeWindow": rng.choice(WINDOWS), "timezone": None, "compare": compare}


def _ratio(rng: Random, interactions: Sequence[Interaction], model: Interaction) -> Metric:
    """The members of a RATIO alone. Its metric's scope and filters are as those of any other, so
    a side may only name what the model has."""
    return {
        "numerator": _side(rng, interactions, model),
        "denominator": _side(rng, interactions, model),
        "scale": rng.choice((None, 1, 100)),
        "minimumDenominator": rng.choice((None, None, None, 1, 2, 10, 0.1, -3)),
    }


def _side(rng: Random, interactions: Sequence[Interaction], model: Interaction) -> Metric:
    kind = rng.choice(OF_SIDES)
    drawn: Metric = {
        "metricType": kind,
        **{name: model[name] if rng.random() < 0.15 else None for name in MNEMONICS},
        "field": _measured(rng, interactions, model) if kind in OF_FIELD else None,
        "filters": _filters(rng, interactions, model, _count(rng, 60, 30, 10)),
    }
    return {name: value for name, value in drawn.items() if value or rng.random() < 0.5}


def _filters(
    rng: Random, interactions: Sequence[Interaction], model: Interaction, count: int
) -> list[Metric]:
    """Filters, of which one in four is a tree."""
    makers = (tree_, filter_, filter_, filter_)
    return [rng.choice(makers)(rng, interactions, model) for _ in range(count)]


def tree_(rng: Random, interactions: Sequence[Interaction], model: Interaction) -> Metric:
    """A random valid tree, mostly one that holds for the model."""
    drawn = tree(rng, lambda: filter_(rng, interactions, model), MAX_LEVELS - 1)
    return drawn if holds(drawn, model) or rng.random() < 0.25 else {"not": drawn}


def filter_(rng: Random, interactions: Sequence[Interaction], model: Interaction) -> Metric:
    """A random valid filter, mostly one that holds for the model if it can."""
    if rng.random() < 0.15:
        return _about(rng, rng.choice(interactions))
    drawn = _about(rng, model)
    for _ in range(3):
        if holds(drawn, model):
            break
        drawn = _about(rng, model)
    return drawn


def _about(rng: Random, model: Interaction) -> Metric:
    """A random valid filter, mostly about something that the model says."""
    field = _field(rng, model)
    operator = rng.choice(tuple(VALUES))
    make = VALUES[operator]
    if make is None:
        return {"field": field, "operator": operator}
    return {"field": field, "operator": operator, "value": make(rng, value_at(model, field))}


def series_arguments(rng: Random, at: datetime) -> tuple[datetime, datetime, timedelta]:
    """`(start, to, step)` of a series of at most 25 points, often ending exactly at `at`."""
    step = timedelta(minutes=rng.choice(_STEPS))
    millisecond = timedelta(milliseconds=1)
    to = (
        at
        + rng.choice((0, 0, 0, 1, -1, 90_000, -3_600_000, rng.randint(-(10**7), 10**6)))
        * millisecond
    )
    start = to - step * rng.randint(1, 24) + rng.choice((0, 0, 1, -1, -30_000)) * millisecond
    return start, to, step


def step_text(step: timedelta) -> str:
    """The step as the API takes it, in the largest unit that fits: `5m`, `6h`, `7d`."""
    minutes = step // timedelta(minutes=1)
    for unit, length in (("d", 1_440), ("h", 60)):
        if minutes % length == 0:
            return f"{minutes // length}{unit}"
    return f"{minutes}m"


def fields(interaction: Interaction) -> tuple[str, ...]:
    """The payload fields, spelled, of everything the interaction can be asked for."""
    return _fields(interaction["payload"])


@lru_cache(maxsize=65_536)
def _fields(payload: str) -> tuple[str, ...]:
    return tuple(map(field_of, _paths(parse(payload), ())))


def _paths(value: Any, above: tuple[str, ...]) -> list[tuple[str, ...]]:
    picked = []
    for key, member in value.items() if isinstance(value, dict) else ():
        if key:
            picked += [(*above, key), *_paths(member, (*above, key))]
    return picked


def _count(rng: Random, *weights: int) -> int:
    return rng.choices(range(len(weights)), weights)[0]


def _field(rng: Random, model: Interaction) -> str:
    kind = rng.random()
    if kind < 0.15:
        return rng.choice(OWN_COLUMNS)
    spelled = fields(model)
    if kind < 0.2 or not spelled:
        return field_of(rng.choice(_STRANGERS))
    return rng.choice(spelled)


def _measured(rng: Random, interactions: Sequence[Interaction], model: Interaction) -> str:
    """A field to aggregate: mostly one that has a number, in the model if it can be."""
    kind = rng.random()
    if kind < 0.25:
        return field_of((rng.choice(("total", "attempts", "n", "a", "b")),))
    for attempt in range(20 if kind < 0.9 else 0):
        source = model if attempt < 8 else rng.choice(interactions)
        field = _field(rng, source)
        if number_of(value_at(source, field)) is not None:
            return field
    return _field(rng, rng.choice(interactions))


def _groups(rng: Random, interactions: Sequence[Interaction], count: int) -> list[str]:
    chosen: dict[str, str] = {}
    for _ in range(count):
        field = _field(rng, rng.choice(interactions))
        chosen.setdefault(dimension_key(field), field)
    return list(chosen.values())
