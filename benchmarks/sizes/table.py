"""Writes the figures of all sizes as one table, and plots them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.words import table

mpl.use("Agg")
Document = dict[str, dict[str, Any]]


def write(out: Path) -> list[Path]:
    """The files that were written, of `sizes.json`."""
    document: Document = json.loads((out / "sizes.json").read_text())
    sizes = sorted(document, key=int)
    text = [f"# The same questions at {', '.join(f'{int(size):,}' for size in sizes)}", ""]
    for part in _parts(document, sizes):
        loads = [document[size][part]["load"] for size in sizes if part in document[size]]
        text += [f"## {part} (load {', '.join(f'{load:.0f}' for load in loads)})", ""]
        head = ["", *[f"{int(size):,}" for size in sizes], "processor time"]
        text += [table(head, _rows(document, sizes, part)), ""]
    markdown = out / "sizes.md"
    markdown.write_text("\n".join(text))
    return [out / "sizes.json", markdown, _plotted(document, sizes, out / "sizes.png")]


def _parts(document: Document, sizes: list[str]) -> list[str]:
    return list(dict.fromkeys(part for size in sizes for part in document[size]))


def _rows(document: Document, sizes: list[str], part: str) -> list[list[str]]:
    by_size = [document[size].get(part, {}).get("figures", {}) for size in sizes]
    names = dict.fromkeys(name for figures in by_size for name in figures)
    rows = []
    for name in names:
        figures = [of_size.get(name) for of_size in by_size]
        used = [f"{f['processor']:,.1f}" for f in figures if isinstance(f, dict)]
        rows.append([name, *map(_shown, figures), ", ".join(used)])
    return rows


def _shown(figure: Any) -> str:
    if figure is None:
        return ""
    if isinstance(figure, dict):
        return f"{figure['median']:,.1f} ({figure['least']:,.1f}; first {figure['first']:,.1f})"
    return f"{figure:,.2f}" if figure < 10 else f"{figure:,.0f}"


def _plotted(document: Document, sizes: list[str], path: Path) -> Path:
    """The median of each question by size, both logarithmic."""
    parts = [part for part in _parts(document, sizes) if _timings(document, sizes, part)]
    columns = max(len(parts), 1)
    figure, grid = plt.subplots(1, columns, figsize=(4.2 * columns, 4), squeeze=False)
    for axes, part in zip(grid[0], parts, strict=bool(parts)):
        for name, points in _timings(document, sizes, part).items():
            axes.plot([int(size) for size in points], list(points.values()), "o-", label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(part, loc="left")
        axes.set_xlabel("interactions")
        axes.set_ylabel("milliseconds")
        axes.grid(alpha=0.25)
        axes.legend(frameon=False, fontsize=6)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)
    return path


def _timings(document: Document, sizes: list[str], part: str) -> dict[str, dict[str, float]]:
    """The least milliseconds by size, of each question: load lengthens all others."""
    timings: dict[str, dict[str, float]] = {}
    for size in sizes:
        for name, figure in document[size].get(part, {}).get("figures", {}).items():
            if isinstance(figure, dict):
                timings.setdefault(name, {})[size] = figure["least"]
    return timings
