"""A private PostgreSQL cluster with the same rows: tuned, indexed, and stopped afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.data import Rows, buffer

Settings = Mapping[str, str | int]

TABLE = """
CREATE TABLE interactions (
    resource_type smallint NOT NULL,
    action smallint NOT NULL,
    origin smallint NOT NULL,
    resource_id text NOT NULL,
    ts timestamptz NOT NULL,
    user_id text,
    payload jsonb NOT NULL
)
"""
# By name, in this order.
PREPARATION = {
    "index by scope and time": ["CREATE INDEX ON interactions (resource_type, action, ts)"],
    "index by origin and time": ["CREATE INDEX ON interactions (origin, ts)"],
    "index by time": ["CREATE INDEX ON interactions (ts)"],
    "index by what a payload contains": [
        "CREATE INDEX ON interactions USING gin (payload jsonb_path_ops)"
    ],
    "index by parts of a message": [
        "CREATE INDEX ON interactions USING gin ((payload->>'message') gin_trgm_ops)"
    ],
    "vacuum and analyze": [
        "VACUUM (ANALYZE, FREEZE) interactions",
        "CHECKPOINT",
    ],
}


class PostgresMissingError(Exception):
    """PostgreSQL server not installed: its columns are left out."""

    def __str__(self) -> str:
        return self.__doc__ or ""


def server_binaries() -> Path:
    """The folder with `initdb` and `postgres`; PostgresMissingError where there is none."""
    candidates = [*_from_pg_config(), *_from_debian(), *_from_path()]
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise PostgresMissingError


def _from_debian() -> list[Path]:
    """Version 15 first, which the comparison is about, then the others, newest first."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return sorted(folders, key=lambda bin: (bin.parent.name == "15", bin.parent.name), reverse=True)


def _from_pg_config() -> list[Path]:
    if not shutil.which("pg_config"):
        return []
    answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
    return [Path(answer.stdout.strip())] if answer.returncode == 0 else []


def _from_path() -> list[Path]:
    initdb = shutil.which("initdb")
    return [Path(initdb).resolve().parent] if initdb else []


def tuning(cores: int) -> Settings:
    """The settings of a careful operator of this machine; none gives up durability."""
    return {
        "listen_addresses": "",
        "shared_buffers": "2GB",
        "work_mem": "256MB",
        "maintenance_work_mem": "1GB",
        "effective_cache_size": "8GB",
        "random_page_cost": "1.1",
        "effective_io_concurrency": 200,
        "max_wal_size": "8GB",
        "checkpoint_timeout": "30min",
        "wal_compression": "on",
        "max_worker_processes": cores + 4,
        "max_parallel_workers": cores,
        "max_parallel_workers_per_gather": cores,
        "max_parallel_maintenance_workers": cores,
        # Nothing is written after the load and its VACUUM.
        "autovacuum": "off",
        "timezone": "UTC",
        "fsync": "on",
    }


@contextmanager
def cluster(home: Path, cores: int) -> Iterator[psycopg.Connection[Any]]:
    """A running server of our own on the data in a folder, which is made if it is not there; its
    socket is in a temporary folder, for its path has to be short."""
    binaries = server_binaries()
    data = home / "data"
    if not data.exists():
        _initialize(binaries, home, data)
    with tempfile.TemporaryDirectory(prefix="tpg-") as sockets:
        os.chmod(sockets, 0o777)
        settings = {**tuning(cores), "unix_socket_directories": sockets}
        options = [f"{name} = '{value}'\n" for name, value in settings.items()]
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(options)  # of several lines for one setting the last one counts
        control = [binaries / "pg_ctl", "-D", data, "-w", "-t", "120"]
        _run([*control, "-l", data / "log", "start"])
        try:
            with psycopg.connect(
                host=sockets, user="bench", dbname="postgres", autocommit=True
            ) as connection:
                # A plan is made for the values at hand.
                connection.execute("SET plan_cache_mode = force_custom_plan")
                yield connection
        finally:
            _run([*control, "-m", "fast", "stop"])


def _initialize(binaries: Path, home: Path, data: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    if _is_root():
        shutil.chown(home, "postgres", "postgres")
    _run([binaries / "initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8",
          "--locale", "C", "--no-sync"])  # fmt: skip


def load(connection: psycopg.Connection[Any], chunks: Iterable[Rows]) -> float:
    """COPY all rows in; the seconds it took, without the making of the rows."""
    connection.execute("CREATE EXTENSION pg_trgm")
    connection.execute(TABLE)
    seconds = 0.0
    with connection.cursor() as cursor, cursor.copy("COPY interactions FROM STDIN") as copy:
        for rows in chunks:
            lines = rows.copy_lines()
            began = time.perf_counter()
            copy.write(buffer(lines)[0])
            seconds += time.perf_counter() - began
    return seconds


def disk_bytes(connection: psycopg.Connection[Any]) -> int:
    """The table with its indexes."""
    row = connection.execute("SELECT pg_total_relation_size('interactions')").fetchone()
    return int(row[0]) if row else 0


def version(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute("SHOW server_version").fetchone()
    return str(row[0]) if row else "unknown"


def _run(command: list[Any]) -> None:
    """Run as `postgres` when we are root: the server refuses root."""
    as_owner = ["runuser", "-u", "postgres", "--"] if _is_root() else []
    line = [*as_owner, *map(str, command)]
    answer = subprocess.run(line, capture_output=True, text=True, check=False, cwd="/")
    if answer.returncode:
        raise RuntimeError(f"{' '.join(line)} failed:\n{answer.stdout}{answer.stderr}")


def _is_root() -> bool:
    return os.geteuid() == 0
