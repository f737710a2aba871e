"""The targets of speed, and whether a run met them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import geometric_mean, median

from benchmarks.askers import BY_HAND, OVER_JSON, POSTGRES, TOCSIN
from benchmarks.combined import best_of
from benchmarks.compare import Result, percentile
from benchmarks.load import Ingestion
from benchmarks.many import Many
from benchmarks.queries import PERCENTILE
from benchmarks.record import Run
from benchmarks.words import GIB, ms, title

LONG_QUERY = 0.050  # seconds; from here on a ratio is asked for, below it a difference
LARGE = 10_000_000
RATES = {5_000: 70_000, 500: 35_000, 1: 4_000}
SHARES = {100: (0.40, 0.20), 1_000: (0.08, 0.03)}
WITHIN = "at most {:.2f}".format


@dataclass(frozen=True, slots=True)
class Target:
    """Something that was promised, and whether this run kept it; None where the promise is about
    another size of the table."""

    promise: str
    measured: str
    is_met: bool | None


def targets(run: Run, other_sizes: Mapping[int, Mapping[str, float]]) -> Iterator[Target]:
    """The promises of the issues, in the order of the report."""
    yield from _scans(run)
    yield from map(_close_to_hand, run.results)
    yield from _percentiles(run)
    yield from _windows([result for result in run.results if result.is_scoped_window])
    for many in run.many:
        yield from _many(run, many)
    yield from _wide(run, other_sizes)
    yield from _ingestion(run.ingestion)
    yield from _mixed(run)
    yield from _footprint(run)


def scans(run: Run) -> list[Result]:
    return [result for result in run.results if not result.is_scoped_window]


def ratio(result: Result, name: str, other: str) -> float:
    return result.timings[name].median / result.timings[other].median


def _scans(run: Run) -> Iterator[Target]:
    scanned = scans(run)
    shares = [ratio(result, TOCSIN, OVER_JSON) for result in scanned]
    yield _at_most("scans over promoted fields, of the same over the JSON, geometric mean",
                   geometric_mean(shares), 0.60)  # fmt: skip
    yield _at_most("the same, worst", max(shares), 0.60)
    if POSTGRES not in scanned[0].timings:
        return
    times = [ratio(result, POSTGRES, TOCSIN) for result in scanned if is_summed_up(result)]
    mean, least = geometric_mean(times), min(times)
    is_large = run.rows >= LARGE
    yield Target(
        "scans, PostgreSQL's time by Tocsin's: 15 in the geometric mean at 10 million rows",
        f"{mean:.1f}", mean >= 15 if is_large else None,
    )  # fmt: skip
    yield Target("none of them under 4", f"{least:.1f}", least >= 4 if is_large else None)


def is_summed_up(result: Result) -> bool:
    """Whether PostgreSQL reads the table through for it, too: what one of its indexes answers by
    itself is listed, but no scan."""
    return "payload @>" not in result.spellings.get(POSTGRES, "")


def _close_to_hand(result: Result) -> Target:
    http, sql = result.timings[TOCSIN].median, result.timings[BY_HAND].median
    if sql >= LONG_QUERY:
        promise = f"{result.name}: at most 1.15 times the SQL by hand"
        return Target(promise, f"{http / sql:.2f} times", http <= 1.15 * sql)
    promise = f"{result.name}: at most 3 ms more than the SQL by hand"
    return Target(promise, f"{(http - sql) * 1000:+.1f} ms", http - sql <= 0.003)


def _percentiles(run: Run) -> Iterator[Target]:
    for result in run.results:
        if result.name == PERCENTILE:
            times = ratio(result, TOCSIN, BY_HAND)
            yield _at_most(f"{result.name}, of the engine's quantileExact by hand", times, 1.2)


def _windows(results: Iterable[Result]) -> Iterator[Target]:
    middles = {result.name: result.timings[TOCSIN].median for result in results}
    all_of_them = median(middles.values())
    yield Target("windows with a scope, in the middle: under 6 ms", ms(all_of_them),
                 all_of_them < 0.006)  # fmt: skip
    for name, middle in middles.items():
        yield Target(f"{name}: under 6 ms", ms(middle), middle < 0.006)


def _many(run: Run, many: Many) -> Iterator[Target]:
    first, warm = SHARES[many.metrics]
    name = f"calculate-all of {many.metrics:,}, of as many single calculations"
    yield _at_most(f"{name}, first", many.first_ratio, first)
    yield _at_most(f"{name}, warm", many.warm_ratio, warm)
    best = best_of(many.postgres)
    if best:
        for label, seconds in (("first", many.first_seconds), ("warm", many.warm_seconds)):
            times = best / seconds
            is_met = times >= 8 if run.rows >= LARGE else None
            promise = (
                f"PostgreSQL's best combined query by calculate-all ({label}): 8 at 10 million"
            )
            yield Target(promise, f"{times:.1f}", is_met)


def _wide(run: Run, other_sizes: Mapping[int, Mapping[str, float]]) -> Iterator[Target]:
    for rows, warm in sorted(other_sizes.items()):
        if {rows, run.rows} != {LARGE, LARGE // 10}:
            continue
        for wide in run.wide:
            here, there = wide.warm_seconds, warm[wide.warm.name]
            times = here / there if run.rows > rows else there / here
            yield _at_most(f"{wide.warm.name}, asked before: 10 million by 1 million", times, 1.5)


def _ingestion(ingestion: Iterable[Ingestion]) -> Iterator[Target]:
    for each in ingestion:
        rate, least = each.per_second, RATES[each.size]
        yield Target(f"{title(each)}: {least:,}/s or more", f"{rate:,.0f}/s", rate >= least)
        if each.size == 1:
            late = percentile(each.latencies, 99)
            yield Target("single interactions: 99 of 100 under 50 ms", ms(late), late < 0.050)


def _mixed(run: Run) -> Iterator[Target]:
    if run.mixed:
        kept = run.mixed.ingestion_kept
        yield Target("ingestion beside calculations: 0.60 of its rate or more", f"{kept:.2f}",
                     kept >= 0.60)  # fmt: skip
        slower = run.mixed.slower
        yield _at_most("calculations beside ingestion, by their idle time, geometric mean",
                       run.mixed.slower_on_average, 2.5)  # fmt: skip
        yield _at_most("the same, worst", max(slower.values()), 2.5)


def _footprint(run: Run) -> Iterator[Target]:
    peaks = [memory.peak for memory in run.memory.values()] + [many.peak for many in run.many]
    if run.cardinality:
        peaks.append(run.cardinality.peak)
    peak = max(peaks)
    yield Target("at most 1.5 GiB resident", f"{peak / GIB:.2f} GiB", peak <= 1.5 * GIB)
    if run.cardinality:
        crowd = run.cardinality.crowd_peak
        yield Target("fifty concurrent heavy ones: at most 2 GiB", f"{crowd / GIB:.2f} GiB",
                     crowd <= 2 * GIB)  # fmt: skip
    engine, table = (
        run.disk.get(name)
        for name in ("Tocsin's engine, with promoted columns", "PostgreSQL, with its indexes")
    )
    if engine and table:
        yield _at_most("disk, of PostgreSQL's table and indexes", engine / table, 0.25)


def _at_most(what: str, measured: float, most: float) -> Target:
    return Target(f"{what}: {WITHIN(most)}", f"{measured:.3f}", measured <= most)
