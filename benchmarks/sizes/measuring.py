"""Measures the folders that `loading` made, each in copies, and writes the table of all sizes.

    python -m benchmarks.sizes.measuring --keep FOLDER --only start,search

Parts that change nothing share a server. A part that was measured before is replaced, and the
others stay.
A folder is opened once before, so that the store knows what a clean start need not read again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.copies import freeze
from benchmarks.environment import environment, use_cores
from benchmarks.sizes import parts, table
from benchmarks.sizes.loading import newest_instant
from benchmarks.steps import Steps
from benchmarks.tocsin_server import Server, serve, wait_until_quiet


@dataclass(slots=True)
class Folder:
    """The folder of one size, of which parts get copies; parts that change nothing share a
    server."""

    rows: int
    until: datetime
    kept: Path
    work: Path
    closing: ExitStack
    shared: Server | None = None

    def server(self) -> Server:
        """The shared server, after the work that follows its start."""
        if self.shared is None:
            self.shared = self.closing.enter_context(self.serving())
            wait_until_quiet(self.shared.process.pid)
        return self.shared

    @contextmanager
    def copied(self) -> Iterator[Path]:
        """A copy of the data, made of hard links."""
        with tempfile.TemporaryDirectory(prefix="measured-", dir=self.work) as name:
            yield freeze(self.kept, Path(name) / "tocsin")

    @contextmanager
    def serving(self, data: Path | None = None) -> Iterator[Server]:
        """A server that has just started, on a copy unless on given data."""
        if data is None:
            with self.copied() as copy, self.serving(copy) as server:
                yield server
            return
        with serve(data, data.parent / "tocsin.log") as server:
            yield server


def main(
    keep: Annotated[Path, typer.Option(help="folder of the sizes")],
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("benchmarks/results"),
    only: Annotated[str, typer.Option(help=f"of {', '.join(parts.PARTS)}")] = "",
    sizes: Annotated[str, typer.Option(help="numbers of interactions")] = "",
    cores: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Measure each size that is loaded."""
    use_cores(cores)
    out.mkdir(parents=True, exist_ok=True)
    loaded = sorted(int(path.name) for path in keep.iterdir() if path.name.isdigit())
    chosen = [int(size) for size in sizes.split(",") if size] or loaded
    names = [name for name in only.split(",") if name] or list(parts.PARTS)
    for rows in chosen:
        if (kept := keep / str(rows)).exists():
            opened = _opened_once(kept, keep / f"{rows}.opened")
            with ExitStack() as closing:
                folder = Folder(rows, newest_instant(keep), opened, keep, closing)
                _measure(folder, names, out / "sizes.json")
    for path in table.write(out):
        print(f"wrote {path}")


def _opened_once(kept: Path, opened: Path) -> Path:
    """A copy of a folder in which a server has run until it had nothing more to do."""
    if not opened.exists():
        new = opened.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        freeze(kept, new)
        with serve(new, opened.with_suffix(".log")) as server:
            wait_until_quiet(server.process.pid)
        new.rename(opened)
    return opened


def _measure(folder: Folder, names: list[str], results: Path) -> None:
    steps = Steps()
    for name in names:
        with steps.step(f"{folder.rows:,} interactions: {name}"):
            figures = parts.PARTS[name](folder)
        _store(results, folder, name, figures)


def _store(results: Path, folder: Folder, part: str, figures: dict[str, Any]) -> None:
    document = json.loads(results.read_text()) if results.exists() else {}
    about = environment(folder.work)
    figures = {
        name: asdict(figure) if hasattr(figure, "__dataclass_fields__") else figure
        for name, figure in figures.items()
    }
    of_size = document.setdefault(str(folder.rows), {})
    of_size[part] = {"at": about["date"], "load": about["loadAverage"], "figures": figures}
    results.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
