"""Draws definitions that the API takes, with texts and values that forms have trouble with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import re2
from hypothesis import strategies as st

from support.nasty_pools import ZONES
from support.oracle import PERIODS, leaves
from tocsin.model.interactions.field import Field, dimension_key

PIECES = (
    *("a", "US", "12", "1e3", "null", "true", "-0", " ", "\t", "\n", "\r", "\r\n", "\0", "="),
    *(":", '"', "'", "\\", "\\n", "<b>", "&amp;", "&#10;", "</textarea>", "{{ a }}", "[1]", "é"),
    *("\x85", "\u2028", "\u00a0", "\u200b", "\ufeff", "\ufffd", "\x7f", "\x0c", "😀", "，", "#"),
)
SCOPES = ("", "ONE", "Two")


def texts(least: int = 0, most: int = 200) -> st.SearchStrategy[str]:
    """Texts of definitions, which may not have U+0000; values of payloads may."""
    return values(least, most).filter(lambda text: "\0" not in text)


def values(least: int = 0, most: int = 200) -> st.SearchStrategy[str]:
    joined = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
    drawn = joined | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    return drawn.filter(lambda text: least <= len(text) <= most)


NUMBERS = (
    st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, -0.0, 12.0, 1e22, 1e-7, 0.1 + 0.2, 123456789.123456789, 10**30])
)
SCALARS = st.none() | st.booleans() | NUMBERS | values()
FIELDS = st.sampled_from(["resourceId", "uowId"]) | st.lists(
    values(1).filter(lambda key: "%2E" not in key), min_size=1, max_size=2
).map(lambda path: str(Field.of_path(tuple(path))))
LABELS = st.dictionaries(texts(most=100), texts(most=100), max_size=4)
VALUES = {
    **dict.fromkeys(["eq", "neq"], SCALARS),
    **dict.fromkeys(["gt", "gte", "lt", "lte", "contains"], NUMBERS | values()),
    **dict.fromkeys(["in", "not_in"], st.lists(SCALARS, min_size=1, max_size=4)),
    **dict.fromkeys(["starts_with", "ends_with"], values()),
    "matches": values().map(re2.escape),
}


PERCENTILES = st.integers(1, 100_000).map(lambda thousandths: thousandths / 1_000)


@st.composite
def filters(draw: st.DrawFn) -> dict[str, Any]:
    operator = draw(st.sampled_from([*VALUES, "exists", "not_exists"]))
    definition = {"field": draw(FIELDS), "operator": operator}
    return {**definition, "value": draw(VALUES[operator])} if operator in VALUES else definition


def trees() -> st.SearchStrategy[dict[str, Any]]:
    """Filters, and trees of at most five levels."""
    tree = filters()
    for _ in range(5):
        tree = filters() | nodes(tree)
    return tree


def nodes(tree: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    lists = st.lists(tree, min_size=1, max_size=2)
    return (
        st.builds(lambda children: {"any": children}, lists)
        | st.builds(lambda children: {"all": children}, lists)
        | st.builds(lambda child: {"not": child}, tree)
    )


def lists_of_trees(size: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    drawn = st.lists(trees(), max_size=size)
    return drawn.filter(lambda each: sum(len(list(leaves(tree))) for tree in each) <= 50)


@st.composite
def metrics(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(
        st.sampled_from(
            ["COUNT", "SUM", "DISTINCT_COUNT", "RATE", "PERCENTILE", "LATEST", "RATIO", "RATIO"]
        )
    )
    sliding = st.sampled_from([{"timeWindow": window} for window in ("5m", "60m", "3650d")])
    no_window: st.SearchStrategy[dict[str, str]] = st.just({})
    calendar = st.sampled_from([{"timeWindow": p, "timezone": z} for p in PERIODS for z in ZONES])
    groups = st.lists(FIELDS, max_size=3, unique_by=lambda field: Field(field).key)
    return {
        **{"name": draw(texts(1)), "description": draw(st.none() | texts())},
        **{"metricType": kind, "enabled": draw(st.booleans())},
        **{"resourceType": draw(st.none() | st.just("ONE")), "action": draw(st.none())},
        "origin": draw(st.none() | st.just("Two")),
        "field": draw(FIELDS) if kind not in ("COUNT", "RATE", "RATIO") else None,
        **({"percentile": draw(PERCENTILES)} if kind == "PERCENTILE" else {}),
        "filters": draw(lists_of_trees(3)),
        **draw(sliding if kind == "RATE" else st.one_of(sliding, no_window, calendar)),
        "groupBy": draw(groups),
        **(draw(ratios()) if kind == "RATIO" else {}),
        **({"rateUnit": draw(st.sampled_from([None, *"smhd"]))} if kind == "RATE" else {}),
        "unit": draw(st.none() | texts(1, 16).filter(str.isprintable)),
        **(draw(comparisons()) if draw(st.integers(0, 3)) == 0 else {}),
    }


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    """A comparison, and the window that it needs."""
    change = draw(st.sampled_from(["difference", "percent", "factor"]))
    least = st.none() if change == "difference" else st.none() | NUMBERS.map(abs)
    compare: dict[str, Any] = {
        "offset": draw(st.sampled_from(["1m", "24h", "3650d"])),
        "as": change,
    }
    compare["minimumBase"] = draw(least)
    return {"timeWindow": "60m", "timezone": None, "compare": compare}


@st.composite
def ratios(draw: st.DrawFn) -> dict[str, Any]:
    """The members of a RATIO alone."""
    return {
        **{"numerator": draw(sides()), "denominator": draw(sides())},
        "scale": draw(st.sampled_from([None, 1, 100])),
        "minimumDenominator": draw(st.none() | NUMBERS),
    }


@st.composite
def sides(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["COUNT", "MAX", "DISTINCT_COUNT"]))
    return {
        **{"metricType": kind, "resourceType": draw(st.none() | st.just("ONE"))},
        "origin": draw(st.none() | st.just("Two")),
        "field": draw(FIELDS) if kind != "COUNT" else None,
        "filters": draw(lists_of_trees(2)),
    }


@st.composite
def guards(draw: st.DrawFn, metric: str) -> dict[str, Any]:
    """`onlyWhen` and `noData`, which is not firing where there are guards."""
    operators = st.sampled_from(["gt", "lte", "eq"])
    guard = st.fixed_dictionaries(
        {"metricId": st.just(metric), "operator": operators, "threshold": NUMBERS}
    )
    only_when = draw(st.lists(guard, max_size=3))
    no_data = ["ok", "keep", *(["firing"] if not only_when else [])]
    return {"onlyWhen": only_when, "noData": draw(st.none() | st.sampled_from(no_data))}


@st.composite
def alerts(draw: st.DrawFn, metric: str, channels: Sequence[str] = ()) -> dict[str, Any]:
    waits = st.none() | st.sampled_from(["0s", "60s", "2m", "1d"])
    urls = st.none() | texts(most=100).map(lambda text: f"https://a.example/{text}")
    return {
        **{"title": draw(texts(1)), "description": draw(st.none() | texts())},
        **{"runbookUrl": draw(urls), "labels": draw(st.none() | LABELS), "metricId": metric},
        "operator": draw(st.sampled_from(["eq", "neq"])),
        "threshold": draw(NUMBERS),
        **{"alertAction": "fired", "recoveryAction": draw(st.none() | st.just("recovered"))},
        "severity": draw(st.none() | st.sampled_from(["info", "critical"])),
        **{"for": draw(waits), "keepFiringFor": draw(waits), "evaluationDelay": draw(waits)},
        "interval": draw(st.none() | st.sampled_from(["10s", "60s", "1m", "24h"])),
        **draw(guards(metric)),
        "channelIds": draw(st.lists(st.sampled_from(channels), unique=True)) if channels else [],
        **{"resourceType": draw(st.none() | st.just("ONE")), "enabled": draw(st.booleans())},
    }


@st.composite
def channels(draw: st.DrawFn) -> dict[str, Any]:
    urls = st.sampled_from(["http://a", "https://a.example/%?q=a&b#'", "https://é.example:8443/é"])
    headers = st.dictionaries(
        st.sampled_from(["X-A", "x-b", "Authorization", "!#$%"]),
        st.sampled_from(["", "Bearer x", " y ", "a: b", "null"]),
    )
    addresses = st.lists(
        st.sampled_from(["a@b.example", "A+b=c@é.example", "x'y@b"]), min_size=1, max_size=4
    )
    kind, settings = draw(
        st.sampled_from(
            [
                ("webhook", {"url": draw(urls), "headers": draw(headers)}),
                ("slack", {"webhookUrl": "https://hooks.example/a"}),
                ("email", {"to": draw(addresses)}),
                ("apprise", {"url": "tgram://token/chat"}),
                ("pagerduty", {"routingKey": "R0123", "url": draw(urls)}),
            ]
        )
    )
    return {
        **{"name": draw(texts(1)), "kind": kind, "settings": settings},
        "enabled": draw(st.booleans()),
    }


@st.composite
def subscriptions(draw: st.DrawFn, channel: str) -> dict[str, Any]:
    part = st.none() | texts().filter(lambda text: "{" not in text)
    template = draw(st.none() | st.fixed_dictionaries({"title": part, "body": part}))
    origin = draw(st.none() | st.just("Two"))
    return {
        **{"channelId": channel, "resourceType": "ONE", "action": draw(st.just("fired"))},
        **{"origin": origin, "template": template},
        "filters": draw(lists_of_trees(3)),
        "enabled": draw(st.booleans()),
        **(draw(groupings()) if origin is None else {}),
    }


@st.composite
def groupings(draw: st.DrawFn) -> dict[str, Any]:
    """The members of a subscription that say how often it sends."""
    fields = texts(1, 100).map(dimension_key)
    labels = texts(1, 100).map("labels.{}".format)
    keys = (fields | labels).filter(lambda text: text not in ("none", "alert", "labels."))
    words: list[Any] = ["none", "alert", []]
    by = draw(st.sampled_from(words) | st.lists(keys, max_size=4, unique=True))
    if by == "none":
        return {"groupBy": by}
    return {
        "groupBy": by,
        "groupWait": draw(st.sampled_from([None, "1s", "90s", "15m"])),
        "repeatEvery": draw(st.sampled_from([None, "1h", "30d"])),
        "immediately": draw(st.sampled_from([None, ["critical"], ["info", "critical"]])),
    }


_ENDS = st.sampled_from(["2299-12-31T23:59:59.999Z", "2026-03-20T18:00:00+02:00"])
_RECURS = st.fixed_dictionaries(
    {
        "weekdays": st.lists(
            st.sampled_from(["monday", "friday", "sunday"]), min_size=1, unique=True
        ),
        "from": st.sampled_from(["00:00", "02:30", "23:59"]),
        "to": st.sampled_from(["24:00", "02:31", "00:01"]),
        "timezone": st.sampled_from(["Europe/Berlin", "Pacific/Apia", "UTC"]),
        "until": st.sampled_from([None, "2299-12-31T23:59:59.999Z"]),
    }
)


@st.composite
def silences(draw: st.DrawFn) -> dict[str, Any]:
    severities = draw(st.lists(st.sampled_from(["info", "warning", "critical"]), unique=True))
    matches_all = not severities and draw(st.booleans())
    fewest = int(not severities and not matches_all)
    labels = st.dictionaries(texts(most=100), texts(most=100), min_size=fewest, max_size=4)
    dimensions = st.dictionaries(values(most=100), st.none() | values(most=100), max_size=4)
    matched = {"labels": draw(labels), "dimensions": draw(dimensions), "severities": severities}
    return {
        **({"matchAll": True} if matches_all else matched),
        "from": draw(st.sampled_from(["2026-03-20T14:00:00.123Z", "1970-01-01T00:00:00Z"])),
        **draw(st.fixed_dictionaries({"to": _ENDS}) | st.fixed_dictionaries({"recurs": _RECURS})),
        **{"author": draw(st.none() | texts()), "reason": draw(st.none() | texts())},
    }


@st.composite
def entries(draw: st.DrawFn, mnemonic: str) -> dict[str, Any]:
    colours = st.none() | st.sampled_from(["#1F6FEB", "#abcdef"])
    return {
        **{"mnemonic": mnemonic, "title": draw(texts(1))},
        **{"description": draw(st.none() | texts()), "icon": draw(st.none() | texts())},
        **{"fontColorHex": draw(colours), "bgColorHex": draw(colours)},
    }
