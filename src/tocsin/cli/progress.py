"""How far an import or an export is: bytes, and interactions in a second."""

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
    """A bar on a terminal's standard error, nothing elsewhere; use it in a `with` statement."""

    def __init__(self, total: int | None) -> None:
        """`total` is in bytes; without one the bar only shows that something moves."""
        console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[rate]:,.0f} interactions/s"),
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
        """`position` counts the bytes that were read so far: of an import those of all files,
        packed as they are; of an export those of its lines."""
        self._progress.update(self._task, description=name, completed=position)

    def answered(self, interactions: int) -> None:
        rate = interactions / max(time.monotonic() - self._began, 0.001)
        self._progress.update(self._task, rate=rate)

    def tell(self, sentence: str) -> None:
        """Print a line above the bar; may be called from any thread."""
        self._progress.console.print(sentence, style="dim", markup=False, soft_wrap=True)
