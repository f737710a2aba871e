"""Describes the environment of a run: machine, versions, and other load."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "tocsin", "chdb", "chdb-core", "clickhouse-connect", "fastapi", "uvicorn", "msgspec",
    "pydantic", "numpy", "pyarrow", "psycopg",
)  # fmt: skip


def environment(folder: Path) -> dict[str, Any]:
    """Call it before the work begins: the load average is part of it."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "coresOfTheMachine": os.cpu_count(),
        "memoryBytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "loadAverage": os.getloadavg()[0],
        "system": platform.platform(),
        "fileSystem": _file_system(folder),
        "freeDiskBytes": shutil.disk_usage(folder).free,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def use_cores(count: int) -> None:
    """Restricts this process and its children to a number of cores."""
    available = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, available[:count])


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _file_system(folder: Path) -> str:
    command = ["stat", "--file-system", "--format=%T", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
