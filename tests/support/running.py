"""Running commands: in a process of their own, as a person does, or cheaply in this one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

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


def run_here(
    *arguments: object, environment: dict[str, str] | None = None, input: str | bytes = ""
) -> Completed:
    """The same in this process, which has loaded the modules that a command needs: they take most
    of its time. For commands that neither handle signals nor configure the process."""
    from tocsin.cli import main

    texts = list(map(str, arguments))
    streams = {name: io.TextIOWrapper(io.BytesIO(), "utf-8") for name in ("stdout", "stderr")}
    content = input.encode() if isinstance(input, str) else input
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - environment_with({}).keys():
            patch.delenv(name)
        for name, value in environment_with(environment or {}).items():
            patch.setenv(name, value)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))
        for name, stream in streams.items():
            patch.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as ended:
            main(texts)
    written = [_written(stream, as_text=isinstance(input, str)) for stream in streams.values()]
    return subprocess.CompletedProcess(texts, int(ended.value.code or 0), *written)


def _written(stream: io.TextIOWrapper, *, as_text: bool) -> str | bytes:
    stream.flush()
    content = stream.detach()
    assert isinstance(content, io.BytesIO)
    return content.getvalue().decode() if as_text else content.getvalue()


def environment_with(variables: dict[str, str]) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_")}
    return {**inherited, "COLUMNS": "200", **variables}
