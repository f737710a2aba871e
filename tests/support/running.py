"""Running commands as a person does: in a process of their own, with an environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

Completed = subprocess.CompletedProcess[Any]
Run = Callable[..., Completed]


def run_tocsin(
    *arguments: object, environment: dict[str, str] | None = None, **options: Any
) -> Completed:
    """`tocsin ARGUMENTS`, without any TOCSIN_* variable but those given."""
    return subprocess.run(
        [sys.executable, "-m", "tocsin.cli", *map(str, arguments)],
        env=environment_with(environment or {}),
        capture_output=True,
        timeout=120,
        text=not isinstance(options.get("input"), bytes),
        **options,
    )


def environment_with(variables: dict[str, str]) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_")}
    return {**inherited, "COLUMNS": "200", **variables}
