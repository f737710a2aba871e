"""One callable for each system that runs a question and returns its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any

import psycopg

from benchmarks.compare import Answer, Asker, fastest
from benchmarks.data import CODES
from benchmarks.queries import JSON_EXPRESSIONS, Case
from benchmarks.tocsin_server import Server
from tocsin.clickhouse.sql.materialized_columns import MaterializedColumn
from tocsin.clickhouse.sql.table import ValueKind
from tocsin.model.interactions.field import Field

TOCSIN, BY_HAND, POSTGRES = "Tocsin over HTTP", "ClickHouse by hand", "PostgreSQL by hand"
OVER_JSON = "Tocsin, from the JSON"
ALL_TIME_DAYS = 3_650


def by_calculating(server: Server, case: Case, metric_id: str) -> Asker:
    """A metric that is defined."""
    return Asker(
        partial(server.calculate, metric_id), _reader(case.metric), _described(case.metric)
    )


def by_first_asking(server: Server, case: Case) -> Asker:
    """A definition as nobody has asked it yet: what is slow and asked again, Tocsin answers from
    partial results, and here the scan is to be measured. So "all time" is another number of days
    each time, none of which leaves anything out; only Tocsin has to look at where it begins."""
    if case.is_scoped_window:
        return Asker(
            partial(server.preview, case.metric), _reader(case.metric), _described(case.metric)
        )
    days = count()

    def ask(at: datetime) -> bytes:
        window = f"{ALL_TIME_DAYS - next(days)}d"
        return server.preview({**case.metric, "timeWindow": window}, at)

    return Asker(ask, _reader(case.metric), _described(case.metric))


def by_hand(client: Any, ids: Mapping[str, str], at: datetime, case: Case) -> Asker:
    """The fastest of all spellings, over the JSON and over the columns that stand for it."""
    columns = _columns(client)

    def ask(text: str, at: datetime) -> Any:
        instant = at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03d}"
        return client.query(text, parameters={**ids, "at": instant}).result_rows

    texts = [text for spelled in case.clickhouse for text in (spelled, _over(columns, spelled))]
    if case.is_scoped_window:
        texts += [f"{text} SETTINGS max_threads = 1" for text in texts]
    candidates = [Asker(partial(ask, text), read_rows, text) for text in dict.fromkeys(texts)]
    return fastest(candidates, at)


def by_postgres(connection: psycopg.Connection[Any], at: datetime, case: Case) -> Asker:
    """Each way to write it with JIT compilation off and on: the fastest of all."""

    def ask(text: str, at: datetime) -> Any:
        return connection.execute(text, {**CODES, "at": at}, prepare=True).fetchall()

    def set_jit(jit: str) -> None:
        connection.execute(f"SET jit = {jit}")

    candidates = [
        Asker(partial(ask, text), read_rows, f"{text} -- jit {jit}", partial(set_jit, jit))
        for text in case.postgres
        for jit in ("off", "on")
    ]
    return fastest(candidates, at)


def read_answer(metric: Mapping[str, Any], received: Mapping[str, Any]) -> Answer:
    """Tocsin's values, by the texts of their dimensions."""
    keys = [name.replace(".", "_") for name in metric.get("groupBy", ())]
    return {
        tuple(row["dimensions"][key] for key in keys): row["value"] for row in received["results"]
    }


def read_rows(rows: Any) -> Answer:
    """Rows of a value and the dimensions that it belongs to."""
    return {tuple(dimensions): value for value, *dimensions in rows}


def _reader(metric: Mapping[str, Any]) -> Any:
    return lambda content: read_answer(metric, json.loads(content))


def _described(metric: Mapping[str, Any]) -> str:
    return json.dumps(metric)


def _columns(client: Any) -> dict[str, str]:
    """By expression over the JSON, the column of the table that holds it, where there is one."""
    present = {row[0] for row in client.query("SHOW COLUMNS FROM interactions").result_rows}
    received = {}
    for (name, kind), expression in JSON_EXPRESSIONS.items():
        for is_low_cardinality in (True, False):
            column = MaterializedColumn(Field(name), ValueKind(kind), is_low_cardinality).name
            if column in present:
                received[expression] = column
    return received


def _over(columns: Mapping[str, str], spelled: str) -> str:
    """The spelling with columns in place of expressions over the JSON, if that covers them all."""
    text = spelled
    for expression, column in columns.items():
        text = text.replace(expression, column)
    return spelled if "interaction." in text else text
