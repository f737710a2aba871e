"""Shows the current step, and records the duration of each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Steps:
    """Seconds by step, in order."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step that takes a while: shown while it runs, timed when it is done."""
        began = time.monotonic()
        with console.status(name):
            yield
        self.seconds[name] = time.monotonic() - began
        console.print(f"{self.seconds[name]:8.1f} s  {name}")
