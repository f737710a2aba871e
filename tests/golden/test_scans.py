"""Each file in `scans/` is some metrics that share a scan, its periods, its SQL, and how many rows
of partial results it answers over `interactions.ndjson`; and the same for the interactions that
are fetched instead where they are few."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.golden import pretty, shown
from tocsin.clickhouse.sql.fetching import NumberRange, compile_fetch
from tocsin.clickhouse.sql.plan import compile_scan
from tocsin.model.metrics.draft import read_metric
from tocsin.model.metrics.window import Period
from tocsin.runtime import Runtime

AFTER = 7
FILES = sorted((Path(__file__).parent / "scans").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_metrics_share_a_scan(
    file: Path,
    recorded: Runtime,
    request: pytest.FixtureRequest,
) -> None:
    golden = yaml.safe_load(file.read_text(encoding="utf-8"))
    actual = scanned(recorded, golden)
    if request.config.getoption("--rewrite-golden"):
        kept = {name: golden[name] for name in ("metrics", "periods", "lengths")}
        file.write_text(pretty({**kept, **actual}), encoding="utf-8")
        return
    assert {name: golden.get(name) for name in actual} == actual


def scanned(runtime: Runtime, golden: dict[str, Any]) -> dict[str, Any]:
    questions = [read_metric(metric, runtime.catalog)[1] for metric in golden["metrics"]]
    periods = [[Period(*span) for span in level] for level in golden["periods"]]
    assert isinstance(periods[0][0].upto, datetime)
    table = runtime.calculator.table()
    scan = compile_scan(questions, periods, golden["lengths"], table, upto=1_000)
    columns = {
        metric["name"]: list(names)
        for metric, names in zip(golden["metrics"], scan.columns, strict=True)
    }
    rows = len(runtime.engine.run_arrow(scan.query))
    every = [period for level in periods for period in level]
    fetch = compile_fetch(questions, every, NumberRange(1_000, after=AFTER), table)
    # Nodes take numbers of their own, so that the first interaction may have a greater one.
    first = runtime.engine.latest_number() - runtime.engine.rows() + 1
    present = compile_fetch(questions, every, NumberRange(1_000, after=first - 1 + AFTER), table)
    fetched = len(runtime.engine.run_arrow(present.query))
    return {
        **shown(runtime, scan.query),
        "columns": columns,
        "rows": rows,
        "fetched": {**shown(runtime, fetch.query), "rows": fetched},
    }
