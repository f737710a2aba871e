"""The progress of a transfer, in bytes, and in interactions per second where they are counted."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)


class TransferProgress:
    """A progress bar on standard error if that is a terminal; a context manager."""

    def __init__(self, total: int | None, *, counts_interactions: bool = True) -> None:
        """`total` is in bytes; without it, the bar only shows activity."""
        rate = [TextColumn("{task.fields[rate]:,.0f} interactions/s")]
        console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            DownloadColumn(),
            *(rate if counts_interactions else ()),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=total, rate=0.0)
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self._progress.stop()

    def read(self, name: str, position: int) -> None:
        """`position` is the number of bytes so far: of an import the compressed bytes of all
        files, of an export the uncompressed bytes."""
        self._progress.update(self._task, description=name, completed=position)

    def advance(self, name: str, size: int) -> None:
        """`size` more bytes are done."""
        self._progress.update(self._task, description=name, advance=size)

    def count(self, interactions: int) -> None:
        rate = interactions / max(time.monotonic() - self._began, 0.001)
        self._progress.update(self._task, rate=rate)

    def message(self, text: str) -> None:
        """Print a line above the bar; thread-safe."""
        self._progress.console.print(text, style="dim", markup=False, soft_wrap=True)
