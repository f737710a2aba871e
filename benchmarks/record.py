"""The results of one run, as they are written to the JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.cardinality import Cardinality
from benchmarks.compare import Result, percentile
from benchmarks.load import Ingestion
from benchmarks.many import Many
from benchmarks.mixed import Mixed
from benchmarks.tocsin_server import Memory
from benchmarks.wide import Wide

LATENCIES = (1, 5, 25, 50, 75, 90, 95, 99, 99.9, 100)


@dataclass
class Run:
    """One whole benchmark; a part that was not run is empty."""

    rows: int
    seed: int
    until: str
    environment: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    ingestion: list[Ingestion] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    wide: list[Wide] = field(default_factory=list)
    many: list[Many] = field(default_factory=list)
    mixed: Mixed | None = None
    cardinality: Cardinality | None = None
    memory: dict[str, Memory] = field(default_factory=dict)
    disk: dict[str, int] = field(default_factory=dict)
    ready_after: list[float] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def as_json(run: Run) -> str:
    return json.dumps({**asdict(run), **_without_each_request(run)}, indent=1) + "\n"


def _without_each_request(run: Run) -> dict[str, Any]:
    """Of a request's latencies the percentiles will do."""
    document: dict[str, Any] = {"ingestion": [_described(each) for each in run.ingestion]}
    if run.mixed:
        described = {
            "ingestion_alone": _described(run.mixed.ingestion_alone),
            "ingestion_beside": _described(run.mixed.ingestion_beside),
        }
        document["mixed"] = {**asdict(run.mixed), **described}
    return document


def _described(each: Ingestion) -> dict[str, Any]:
    return {
        "size": each.size,
        "connections": each.connections,
        "rows": each.rows,
        "seconds": each.seconds,
        "perSecond": each.per_second,
        "latencyPercentiles": {p: percentile(each.latencies, p) for p in LATENCIES},
    }


def warm_at_other_sizes(folder: Path, run: Run) -> dict[int, dict[str, float]]:
    """By the rows of other runs whose results are in the folder, seconds by wide question."""
    document = {}
    for path in folder.glob("*.json"):
        other = json.loads(path.read_text())
        if other["rows"] != run.rows and other.get("wide"):
            document[other["rows"]] = {each["warm"]["name"]: _warm(each) for each in other["wide"]}
    return document


def _warm(wide: dict[str, Any]) -> float:
    runs = next(iter(wide["warm"]["timings"].values()))["runs"]
    return percentile(runs, 50)
