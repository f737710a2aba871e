"""What came out, three times: all of it as JSON, the gist as Markdown, the shape as plots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.compare import BY_HAND, POSTGRES, TOCSIN, Result, percentile
from benchmarks.load import Ingestion
from benchmarks.tocsin_server import Memory

MS = 1000
MIB = 1024 * 1024
GIB = 1024 * MIB
LONG_QUERY = 0.050  # seconds; from here on a ratio is asked for, below it a difference


@dataclass(frozen=True, slots=True)
class Run:
    """One whole benchmark."""

    rows: int
    seed: int
    until: str
    environment: dict[str, Any]
    ingestion: list[Ingestion]
    memory: dict[str, Memory]
    results: list[Result]
    calculate_all: list[float]
    disk: dict[str, int]
    seconds: dict[str, float]
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Target:
    """Something that was promised, and whether this run kept it."""

    promise: str
    measured: str
    is_met: bool


def write(run: Run, folder: Path) -> list[Path]:
    """Write all files; their paths."""
    from benchmarks import plots

    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / str(run.rows)
    data, text = stem.with_suffix(".json"), stem.with_suffix(".md")
    data.write_text(json.dumps(_as_json(run), indent=1) + "\n")
    text.write_text(markdown(run))
    return [data, text, *plots.write(run, stem)]


def targets(run: Run) -> Iterator[Target]:
    """The promises of the issue, in its order."""
    yield from map(_close_to_hand, run.results)
    for result in run.results:
        if result.is_scoped_window:
            middle = result.timings[TOCSIN].median
            yield Target(f"{result.name}: under 10 ms", _ms(middle), middle < 0.010)
    least = {5_000: 40_000, 500: 20_000, 1: 2_500}
    for each in run.ingestion:
        rate = each.per_second
        promise = f"{_title(each)}: {least[each.size]:,}/s or more"
        yield Target(promise, f"{rate:,.0f}/s", rate >= least[each.size])
        if each.size == 1:
            late = percentile(each.latencies, 99)
            yield Target("single interactions: 99 of 100 under 80 ms", _ms(late), late < 0.080)
    peak = max(memory.peak for memory in run.memory.values())
    yield Target("at most 1.5 GiB resident", f"{peak / GIB:.2f} GiB", peak <= 1.5 * GIB)


def _close_to_hand(result: Result) -> Target:
    http, sql = result.timings[TOCSIN].median, result.timings[BY_HAND].median
    if sql >= LONG_QUERY:
        promise = f"{result.name}: at most 1.15 times the SQL by hand"
        return Target(promise, f"{http / sql:.2f} times", http <= 1.15 * sql)
    promise = f"{result.name}: at most 3 ms more than the SQL by hand"
    return Target(promise, f"{(http - sql) * MS:+.1f} ms", http - sql <= 0.003)


def markdown(run: Run) -> str:
    parts = [
        f"# {run.rows:,} interactions",
        _about(run),
        "## What was promised",
        _table(
            ["promise", "measured", "kept"],
            [[t.promise, t.measured, "yes" if t.is_met else "**no**"] for t in targets(run)],
        ),
        "## Calculations (median, and 95 of 100, in ms)",
        _table(
            ["question", "rows", *_systems(run), "runs"],
            [_query_row(result, _systems(run)) for result in run.results],
        ),
        f"All {len(run.results)} in one `calculate-all`: "
        f"{_ms(percentile(run.calculate_all, 50))} in the middle.",
        "## Ingestion (durable; latencies of a request in ms)",
        _table(["", "interactions", "per second", "middle", "95%", "99%", "longest"],
               list(map(_ingestion_row, run.ingestion))),
        "## Memory and disk",
        _table(["", "peak", "at the end", "of it no file"], [
            [name, *(f"{size / MIB:,.0f} MiB" for size in (m.peak, m.resident, m.anonymous))]
            for name, m in run.memory.items()
        ]),
        _table(["on disk", "MiB"], [[k, f"{v / MIB:,.0f}"] for k, v in run.disk.items()]),
        _table(["step", "seconds"], [[k, f"{v:,.1f}"] for k, v in run.seconds.items()]),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _about(run: Run) -> str:
    env = run.environment
    versions = ", ".join(f"{name} {v}" for name, v in env["packages"].items() if v)
    lines = [
        f"{env['date']}, {env['cpu']}, {env['cores']} cores, "
        f"{env['memoryBytes'] / GIB:.0f} GiB, {env['fileSystem']}, {env['system']}, "
        f"load average {env['loadAverage']:.2f} at the start.",
        f"Python {env['python']}, {versions}, {', '.join(env.get('servers', []))}.",
        f"Seed {run.seed}, as of {run.until}.",
        *run.missing,
    ]
    return "  \n".join(lines)


def _systems(run: Run) -> list[str]:
    return [name for name in (TOCSIN, BY_HAND, POSTGRES) if name in run.results[0].timings]


def _query_row(result: Result, systems: list[str]) -> list[str]:
    timings = [result.timings[name] for name in systems]
    cells = [f"{t.median * MS:,.1f} ({t.p95 * MS:,.1f})" for t in timings]
    return [result.name, str(result.answer_rows), *cells, str(len(timings[0].runs))]


def _ingestion_row(each: Ingestion) -> list[str]:
    waits = [percentile(each.latencies, percent) for percent in (50, 95, 99, 100)]
    return [_title(each), f"{each.rows:,}", f"{each.per_second:,.0f}",
            *(f"{wait * MS:,.1f}" for wait in waits)]  # fmt: skip


def _title(each: Ingestion) -> str:
    kind = "single interactions" if each.size == 1 else f"batches of {each.size:,}"
    return f"{kind} over {each.connections} connections"


def _ms(seconds: float) -> str:
    return f"{seconds * MS:,.1f} ms"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _as_json(run: Run) -> dict[str, Any]:
    latencies = (1, 5, 25, 50, 75, 90, 95, 99, 99.9, 100)
    return {
        **asdict(run),
        "targets": [asdict(target) for target in targets(run)],
        "ingestion": [
            {
                "size": each.size,
                "connections": each.connections,
                "rows": each.rows,
                "seconds": each.seconds,
                "perSecond": each.per_second,
                "latencyPercentiles": {p: percentile(each.latencies, p) for p in latencies},
            }
            for each in run.ingestion
        ],
    }
