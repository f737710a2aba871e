"""Writes the results of a run as JSON, Markdown and plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from benchmarks import record
from benchmarks.askers import BY_HAND, OVER_JSON, POSTGRES, TOCSIN
from benchmarks.compare import Result, percentile
from benchmarks.load import Ingestion
from benchmarks.many import Many
from benchmarks.record import Run
from benchmarks.targets import targets
from benchmarks.wide import Wide
from benchmarks.words import GIB, mib, ms, table, title

VERDICTS = {True: "yes", False: "**no**", None: "at another size"}
Sizes = Mapping[int, Mapping[str, float]]


def write(run: Run, folder: Path) -> list[Path]:
    """Write all files; their paths."""
    from benchmarks import plots

    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / str(run.rows)
    data, text = stem.with_suffix(".json"), stem.with_suffix(".md")
    data.write_text(record.as_json(run))
    text.write_text(markdown(run, folder))
    return [data, text, *plots.write(run, stem)]


def markdown(run: Run, folder: Path) -> str:
    """`folder` is looked through for results at other sizes."""
    sizes = record.warm_at_other_sizes(folder, run)
    parts = [f"# {run.rows:,} interactions", _about(run), *_promises(run, sizes)]
    parts += [*_singles(run), *_wide(run, sizes)]
    for many in run.many:
        parts += _many(many)
    parts += [*_ingestion(run), *_mixed(run), *_cardinality(run), *_footprint(run)]
    parts.append(table(["part", "seconds"], [[k, f"{v:,.1f}"] for k, v in run.seconds.items()]))
    return "\n\n".join(parts) + "\n"


def _about(run: Run) -> str:
    env = run.environment
    versions = ", ".join(f"{name} {v}" for name, v in env["packages"].items() if v)
    lines = [
        f"{env['date']}, {env['cpu']}, {env['cores']} cores, "
        f"{env['memoryBytes'] / GIB:.0f} GiB, {env['fileSystem']}, {env['system']}, "
        f"load average {env['loadAverage']:.2f} at the start, "
        f"{env['loadAverageAtTheEnd']:.2f} over the last 15 minutes of the run, "
        "of which two are its own.",
        f"Python {env['python']}, {versions}, {', '.join(env['servers'])}.",
        f"Seed {run.seed}, as of {run.until}.",
        *run.notes,
    ]
    return "  \n".join(lines)


def _promises(run: Run, sizes: Sizes) -> Iterator[str]:
    yield "## Targets"
    rows = [[t.promise, t.measured, VERDICTS[t.is_met]] for t in targets(run, sizes)]
    yield table(["promise", "measured", "kept"], rows)


def _singles(run: Run) -> Iterator[str]:
    systems = [s for s in (TOCSIN, OVER_JSON, BY_HAND, POSTGRES) if s in run.results[0].timings]
    yield "## Single calculations (median, and 95 of 100, in ms)"
    yield (
        "Metrics without a window are measured without the cache, so that all rows are read. "
        "The server's memory is what was resident at most meanwhile."
    )
    rows = [_single(result, systems) for result in run.results]
    yield table(["question", "rows", *systems, "memory", "runs"], rows)


def _single(result: Result, systems: list[str]) -> list[str]:
    timings = [result.timings[name] for name in systems]
    cells = [f"{t.median * 1000:,.1f} ({t.p95 * 1000:,.1f})" for t in timings]
    runs = str(len(timings[0].runs))
    return [result.name, str(result.answer_rows), *cells, mib(result.peak), runs]


def _wide(run: Run, sizes: Sizes) -> Iterator[str]:
    yield "## Wide metrics that are asked again"
    others = sorted(sizes)
    head = ["question", "1st time", "2nd", "3rd", "4th", "from then on", "PostgreSQL"]
    head += [f"from then on, at {rows:,}" for rows in others]
    yield table(head, [_asked_again(each, sizes, others) for each in run.wide])


def _asked_again(each: Wide, sizes: Sizes, others: list[int]) -> list[str]:
    theirs = each.warm.timings.get(POSTGRES)
    return [
        each.warm.name,
        *map(ms, each.before),
        ms(each.warm_seconds),
        ms(theirs.median) if theirs else "",
        *(ms(sizes[rows][each.warm.name]) for rows in others),
    ]


def _many(many: Many) -> Iterator[str]:
    yield f"## {many.metrics:,} metrics"
    yield (
        f"Defined, and their fields promoted, within {many.promoted_after:,.0f} s. "
        f"Resident at most: {mib(many.peak)}."
    )
    rows = [
        [f"{many.metrics:,} single calculations, one after the other", *_seconds(many.one_by_one)],
        ["calculate-all, the first time", *_seconds(many.first)],
        ["calculate-all, the second time", *_seconds(many.second)],
        ["calculate-all, from then on", *_seconds(many.warm)],
    ]
    yield table(["", "middle", "least", "most", "measured"], rows)
    if many.postgres:
        ways = [
            [name, ms(seconds) if seconds else "given up"]
            for name, seconds in many.postgres.items()
        ]
        yield table(["PostgreSQL, each way to write it", ""], ways)


def _seconds(runs: list[float]) -> list[str]:
    return [ms(median(runs)), ms(min(runs)), ms(max(runs)), f"{len(runs)} times"]


def _ingestion(run: Run) -> Iterator[str]:
    yield "## Ingestion (durable; latencies of a request in ms)"
    head = ["", "interactions", "per second", "middle", "95%", "99%", "longest"]
    yield table(head, [_sent(title(each), each) for each in run.ingestion])


def _sent(name: str, each: Ingestion) -> list[str]:
    waits = [percentile(each.latencies, percent) for percent in (50, 95, 99, 100)]
    return [name, f"{each.rows:,}", f"{each.per_second:,.0f}",
            *(f"{wait * 1000:,.1f}" for wait in waits)]  # fmt: skip


def _mixed(run: Run) -> Iterator[str]:
    if not run.mixed:
        return
    mixed = run.mixed
    yield "## Ingestion in batches of 5,000 while four clients calculate without pause"
    head = ["", "interactions", "per second", "middle", "95%", "99%", "longest"]
    sent = {"alone": mixed.ingestion_alone, "beside calculations": mixed.ingestion_beside}
    yield table(head, [_sent(name, each) for name, each in sent.items()])
    rows = [
        [name, ms(idle.median), ms(mixed.beside[name].median), f"{mixed.slower[name]:.2f}",
         str(len(mixed.beside[name].runs))]
        for name, idle in mixed.idle.items() if name in mixed.beside
    ]  # fmt: skip
    yield table(["four concurrent clients", "idle", "beside ingestion", "times", "runs"], rows)


def _cardinality(run: Run) -> Iterator[str]:
    if not run.cardinality:
        return
    measured = run.cardinality
    yield "## A metric grouped by a field with a million values"
    light, beside = measured.light_alone, measured.light_beside
    before, peak = mib(measured.resident_before), mib(measured.peak)
    crowd = ", ".join(f"{n} answered {status}" for status, n in sorted(measured.crowd.items()))
    rows = [
        ["rows answered", f"{measured.rows_answered:,}"],
        ["truncated", str(measured.is_truncated).lower()],
        ["groupCount", f"{measured.group_count or 0:,}"],
        ["each time it was asked", ", ".join(map(ms, measured.heavy.runs))],
        ["resident before, and at most meanwhile", f"{before}, {peak}"],
        ["logins within 1h, alone", f"{ms(light.median)} (95 of 100: {ms(light.p95)})"],
        ["logins within 1h, beside it", f"{ms(beside.median)} (95 of 100: {ms(beside.p95)})"],
        ["fifty concurrent ones", f"{crowd}, in {measured.crowd_seconds:.1f} s"],
        ["resident at most meanwhile", mib(measured.crowd_peak)],
    ]  # fmt: skip
    yield table(["", ""], rows)


def _footprint(run: Run) -> Iterator[str]:
    yield "## Memory, disk, start"
    rows = [
        [name, *(mib(size) for size in (m.peak, m.resident, m.anonymous))]
        for name, m in run.memory.items()
    ]
    yield table(["resident", "at most", "at the end", "of it no file"], rows)
    yield table(["on disk", ""], [[name, mib(size)] for name, size in run.disk.items()])
    yield (
        f"Ready again after a start: {median(run.ready_after):.1f} s in the middle of "
        f"{len(run.ready_after)}, {max(run.ready_after):.1f} s at most."
    )
