"""Plots of a run: the time of each question, of many metrics, and the rates of ingestion."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.askers import BY_HAND, OVER_JSON, POSTGRES, TOCSIN
from benchmarks.combined import best_of
from benchmarks.compare import percentile

if TYPE_CHECKING:
    from benchmarks.many import Many
    from benchmarks.record import Run

mpl.use("Agg")
COLORS = {TOCSIN: "#1f6f5c", OVER_JSON: "#8fbfae", BY_HAND: "#e0a030", POSTGRES: "#7a8794"}
plt.rcParams.update({
    "font.size": 10, "figure.dpi": 150, "axes.spines.top": False, "axes.spines.right": False,
    "axes.axisbelow": True, "savefig.bbox": "tight",
})  # fmt: skip


def write(run: Run, stem: Path) -> list[Path]:
    """PNG files beside the others of this run; their paths."""
    paths = []
    for name, draw in DRAWINGS.items():
        path = stem.with_name(f"{stem.name}-{name}.png")
        figure = draw(run)
        figure.savefig(path)
        plt.close(figure)
        paths.append(path)
    return paths


def _calculations(run: Run):  # type: ignore[no-untyped-def]
    systems = [name for name in COLORS if name in run.results[0].timings]
    figure, axes = plt.subplots(figsize=(9, 0.3 + 0.55 * len(run.results)))
    height = 0.8 / len(systems)
    for offset, system in enumerate(systems):
        places = [place + offset * height for place in range(len(run.results))]
        middles = [result.timings[system].median * 1000 for result in run.results]
        tails = [result.timings[system].p95 * 1000 for result in run.results]
        spread = [[0.0] * len(tails), [max(t - m, 0) for t, m in zip(tails, middles, strict=True)]]
        axes.barh(places, middles, height, label=system, color=COLORS[system], xerr=spread,
                  error_kw={"ecolor": "#00000055", "lw": 1})  # fmt: skip
        for place, middle, tail in zip(places, middles, tails, strict=True):
            axes.text(tail * 1.06, place, f"{middle:,.1f}", va="center", fontsize=7)
    axes.set_yticks(
        [place + 0.4 - height / 2 for place in range(len(run.results))],
        [result.name for result in run.results],
    )
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("milliseconds, middle of the runs, the line to 95 of 100 (logarithmic)")
    axes.set_title(f"Calculations over {run.rows:,} interactions", loc="left")
    axes.grid(axis="x", alpha=0.25)
    axes.legend(frameon=False, loc="best")
    return figure


def _ingestion(run: Run):  # type: ignore[no-untyped-def]
    figure, (rates, waits) = plt.subplots(1, 2, figsize=(10, 3.4))
    names = [f"{each.size:,} a request,\n{each.connections} connections" for each in run.ingestion]
    bars = rates.barh(names, [each.per_second for each in run.ingestion], color=COLORS[TOCSIN])
    rates.bar_label(bars, fmt="{:,.0f}", padding=4)
    rates.invert_yaxis()
    rates.margins(x=0.2)
    rates.set_title("Interactions a second, durable", loc="left")
    percents = [*range(1, 100), 99.5, 99.9]
    for each, name in zip(run.ingestion, names, strict=True):
        latencies = [percentile(each.latencies, percent) * 1000 for percent in percents]
        waits.plot(percents, latencies, label=name.replace("\n", " "))
    waits.set_yscale("log")
    waits.yaxis.set_major_formatter("{x:g}")
    waits.set_xlabel("of 100 requests")
    waits.set_title("answered within, ms", loc="left")
    waits.grid(alpha=0.25)
    waits.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


def _many(run: Run):  # type: ignore[no-untyped-def]
    figure, all_axes = plt.subplots(1, len(run.many), figsize=(5 * len(run.many), 2.6))
    for axes, many in zip(all_axes, run.many, strict=True):
        bars = _costs(many)
        colors = [COLORS[POSTGRES if "PostgreSQL" in name else TOCSIN] for name in bars]
        drawn = axes.barh(list(bars), [seconds * 1000 for seconds in bars.values()], color=colors)
        axes.bar_label(drawn, fmt="{:,.0f}", padding=4, fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.25)
        axes.set_title(f"{many.metrics:,} metrics, milliseconds", loc="left")
    figure.tight_layout()
    return figure


def _costs(many: Many) -> dict[str, float]:
    best = best_of(many.postgres)
    return {
        **({"PostgreSQL, combined": best} if best else {}),
        "one by one": median(many.one_by_one),
        "together, 1st time": many.first_seconds,
        "together, 2nd time": median(many.second),
        "together, from then on": many.warm_seconds,
    }


DRAWINGS = {"calculations": _calculations, "many": _many, "ingestion": _ingestion}
