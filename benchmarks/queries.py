"""The questions: each as a metric, and as the fastest SQL that an expert writes for it.

All spellings ask for the same value as of `at`, and the answers are compared before they are timed.
Hand-written SQL may use facts that the product cannot know: that a `total` is an integer or a
float, that a message is a string, that no country is empty. Where the best spelling is not obvious,
there are several, and the fastest of the run is the one that is compared.
The parameters are `at` and the ids of the mnemonics by name.

The table of ClickHouse (`src/tocsin/clickhouse/schema.py`) is `interactions` with resourceTypeId,
actionId, originId UUID, timestamp DateTime64(3, 'UTC'), interaction JSON, ordered by
(resourceTypeId, actionId, timestamp). The table of PostgreSQL is in `postgres.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

AT = "{at:DateTime64(3, 'UTC')}"
UNTIL = f"timestamp <= {AT}"
LOGINS = "resourceTypeId = {user:UUID} AND actionId = {login:UUID}"
PURCHASES = "resourceTypeId = {order:UUID} AND actionId = {purchase:UUID}"
COUNTRY = "interaction.country.:String"
USER = "interaction.user.id.:String"
COUNTRY_OR_EMPTY = f"ifNull({COUNTRY}, '')"
FLOAT, INTEGER = "interaction.total.:Float64", "interaction.total.:Int64"
TOTAL = f"ifNull({FLOAT}, toFloat64({INTEGER}))"
FLOAT_SCORE, INTEGER_SCORE = "interaction.user.score.:Float64", "interaction.user.score.:Int64"
SCORE = f"ifNull({FLOAT_SCORE}, toFloat64({INTEGER_SCORE}))"
# The expressions of the columns of promoted fields.
JSON_EXPRESSIONS = {
    ("interaction.total", "number"): TOTAL,
    ("interaction.user.score", "number"): SCORE,
    ("interaction.country", "text"): COUNTRY,
    ("interaction.outcome", "text"): "interaction.outcome.:String",
    ("interaction.message", "text"): "interaction.message.:String",
    ("interaction.user.id", "text"): USER,
}

PG_UNTIL = "ts <= %(at)s"
PG_LOGINS = "resource_type = %(user)s AND action = %(login)s"
PG_PURCHASES = "resource_type = %(order)s AND action = %(purchase)s"
PG_COUNTRY = "payload->>'country'"
PG_TOTAL = "(payload->>'total')::float8"


PERCENTILE = "95th percentile of totals"


@dataclass(frozen=True, slots=True)
class Case:
    """One question. SQL answers rows of (value) or (value, dimension), in any order."""

    name: str
    metric: Mapping[str, Any]
    clickhouse: tuple[str, ...]
    postgres: tuple[str, ...]

    @property
    def is_scoped_window(self) -> bool:
        scoped = {"resourceType", "action", "origin"} & self.metric.keys()
        return "timeWindow" in self.metric and bool(scoped)


def _within(window: str) -> str:
    return f"timestamp > {AT} - INTERVAL {window} AND {UNTIL}"


def _pg_within(window: str) -> str:
    return f"ts > %(at)s - interval '{window}' AND {PG_UNTIL}"


def _logins(window: str, interval: str) -> Case:
    return Case(
        f"Logins, {window}",
        {"metricType": "COUNT", "resourceType": "user", "action": "login", "timeWindow": window},
        (f"SELECT count() FROM interactions WHERE {LOGINS} AND {_within(interval)}",),
        (f"SELECT count(*) FROM interactions WHERE {PG_LOGINS} AND {_pg_within(interval)}",),
    )


def _failed_logins(window: str, interval: str) -> Case:
    failed = f"{LOGINS} AND {_within(interval)} AND interaction.outcome.:String = 'failed'"
    pg_failed = f"{PG_LOGINS} AND {_pg_within(interval)} AND payload->>'outcome' = 'failed'"
    return Case(
        f"Failed logins by country, {window}",
        {
            "metricType": "COUNT",
            "resourceType": "user",
            "action": "login",
            "filters": [{"field": "interaction.outcome", "operator": "eq", "value": "failed"}],
            "timeWindow": window,
            "groupBy": ["interaction.country"],
        },
        _by_country("count()", failed),
        (f"SELECT count(*), {PG_COUNTRY} FROM interactions WHERE {pg_failed} GROUP BY 2",),
    )


def _by_country(value: str, where: str) -> tuple[str, str]:
    """Groups by a nullable expression, or by a text in place of null, which costs less."""
    return (
        f"SELECT {value}, {COUNTRY} AS c FROM interactions WHERE {where} GROUP BY c",
        f"SELECT {value}, nullIf({COUNTRY_OR_EMPTY}, '') FROM interactions WHERE {where} "
        f"GROUP BY {COUNTRY_OR_EMPTY}",
    )


CASES = (
    _logins("5m", "5 MINUTE"),
    _logins("1h", "1 HOUR"),
    _logins("24h", "24 HOUR"),
    _failed_logins("5m", "5 MINUTE"),
    _failed_logins("1h", "1 HOUR"),
    Case(
        "Rate of large purchases, 1h",
        {
            "metricType": "RATE",
            "resourceType": "order",
            "action": "purchase",
            "filters": [{"field": "interaction.total", "operator": "gt", "value": 200}],
            "timeWindow": "1h",
        },
        (
            f"SELECT count() / 1 FROM interactions WHERE {PURCHASES} AND {_within('1 HOUR')} "
            f"AND ({FLOAT} > 200 OR {INTEGER} > 200)",
            f"SELECT count() / 1 FROM interactions WHERE {PURCHASES} AND {_within('1 HOUR')} "
            f"AND {TOTAL} > 200",
        ),
        (
            f"SELECT count(*)::float8 / 1 FROM interactions WHERE {PG_PURCHASES} "
            f"AND {_pg_within('1 hour')} AND {PG_TOTAL} > 200",
        ),
    ),
    Case(
        "Interactions through the API, 1h",
        {"metricType": "COUNT", "origin": "api", "timeWindow": "1h"},
        (
            "SELECT count() FROM interactions "
            f"WHERE originId = {{api:UUID}} AND {_within('1 HOUR')}",
        ),
        (f"SELECT count(*) FROM interactions WHERE origin = %(api)s AND {_pg_within('1 hour')}",),
    ),
    Case(
        "Least total of a purchase, 7d",
        {
            "metricType": "MIN",
            "resourceType": "order",
            "action": "purchase",
            "field": "interaction.total",
            "timeWindow": "7d",
        },
        (
            f"SELECT least(min({FLOAT}), toFloat64(min({INTEGER}))) FROM interactions "
            f"WHERE {PURCHASES} AND {_within('7 DAY')}",
            f"SELECT min({TOTAL}) FROM interactions WHERE {PURCHASES} AND {_within('7 DAY')}",
        ),
        (
            f"SELECT min({PG_TOTAL}) FROM interactions "
            f"WHERE {PG_PURCHASES} AND {_pg_within('7 days')}",
        ),
    ),
    Case(
        "Sum of totals",
        {"metricType": "SUM", "field": "interaction.total"},
        (
            f"SELECT sum({FLOAT}) + sum({INTEGER}) FROM interactions WHERE {UNTIL}",
            f"SELECT sum({TOTAL}) FROM interactions WHERE {UNTIL}",
        ),
        (f"SELECT sum({PG_TOTAL}) FROM interactions WHERE {PG_UNTIL}",),
    ),
    Case(
        "Average total by country",
        {"metricType": "AVG", "field": "interaction.total", "groupBy": ["interaction.country"]},
        (
            *_by_country(
                f"(sum({FLOAT}) + sum({INTEGER})) / (count({FLOAT}) + count({INTEGER}))", UNTIL
            ),
            *_by_country(f"avg({TOTAL})", UNTIL),
        ),
        (f"SELECT avg({PG_TOTAL}), {PG_COUNTRY} FROM interactions WHERE {PG_UNTIL} GROUP BY 2",),
    ),
    Case(
        PERCENTILE,
        {"metricType": "PERCENTILE", "percentile": 95, "field": "interaction.total"},
        (
            # With 0.95, quantileExact has the next rank where 20 divides the number of numbers.
            f"SELECT quantileExact(0.949999999999)({TOTAL}) FROM interactions WHERE {UNTIL}",
        ),
        (
            f"SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY {PG_TOTAL}) "
            f"FROM interactions WHERE {PG_UNTIL}",
        ),
    ),
    Case(
        "Distinct users by country",
        {
            "metricType": "DISTINCT_COUNT",
            "field": "interaction.user.id",
            "groupBy": ["interaction.country"],
        },
        (
            *_by_country(f"uniqExact({USER})", UNTIL),
            *_by_country(
                f"uniqExactIf(reinterpretAsUInt128(sipHash128(assumeNotNull({USER}))), "
                f"isNotNull({USER}))",
                UNTIL,
            ),
        ),
        (
            "SELECT count(u), c FROM (SELECT DISTINCT payload->'user'->>'id' AS u, "
            f"{PG_COUNTRY} AS c FROM interactions WHERE {PG_UNTIL}) AS pairs GROUP BY c",
            f"SELECT count(DISTINCT payload->'user'->>'id'), {PG_COUNTRY} "
            f"FROM interactions WHERE {PG_UNTIL} GROUP BY 2",
        ),
    ),
    Case(
        "Messages that say timeout",
        {
            "metricType": "COUNT",
            "filters": [
                {"field": "interaction.message", "operator": "contains", "value": "timeout"}
            ],
        },
        (
            "SELECT count() FROM interactions "
            f"WHERE position(interaction.message.:String, 'timeout') > 0 AND {UNTIL}",
            "SELECT countIf(position(interaction.message.:String, 'timeout') > 0) "
            f"FROM interactions WHERE {UNTIL}",
        ),
        (
            "SELECT count(*) FROM interactions "
            f"WHERE payload->>'message' LIKE '%%timeout%%' AND {PG_UNTIL}",
            # Not the expression that is indexed: reads the table through.
            "SELECT count(*) FROM interactions "
            f"WHERE position('timeout' IN payload->>'message') > 0 AND {PG_UNTIL}",
        ),
    ),
    Case(
        "Greatest score of a user",
        {"metricType": "MAX", "field": "interaction.user.score"},
        (
            f"SELECT greatest(max({FLOAT_SCORE}), toFloat64(max({INTEGER_SCORE}))) "
            f"FROM interactions WHERE {UNTIL}",
            f"SELECT max({SCORE}) FROM interactions WHERE {UNTIL}",
        ),
        (
            f"SELECT max((payload->'user'->'score')::float8) FROM interactions WHERE {PG_UNTIL}",
            f"SELECT max((payload->'user'->>'score')::float8) FROM interactions WHERE {PG_UNTIL}",
        ),
    ),
    Case(
        "All interactions of one user",
        {
            "metricType": "COUNT",
            "filters": [{"field": "interaction.user.id", "operator": "eq", "value": "u-4711"}],
        },
        (f"SELECT count() FROM interactions WHERE {USER} = 'u-4711' AND {UNTIL}",),
        (
            "SELECT count(*) FROM interactions "
            f"""WHERE payload @> '{{"user": {{"id": "u-4711"}}}}' AND {PG_UNTIL}""",
        ),
    ),
)
