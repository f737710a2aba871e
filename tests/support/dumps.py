"""Dumps of PostgreSQL and ClickHouse, as an operator makes and restores them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx2 as httpx

from support.nodes import Deployment

DATABASE = "default"


def dump_clickhouse(deployed: Deployment, to: Path) -> None:
    _execute(deployed, f"BACKUP TABLE {DATABASE}.interactions TO File('{to}')")


def restore_clickhouse(deployed: Deployment, dump: Path) -> None:
    _execute(deployed, f"RESTORE TABLE {DATABASE}.interactions FROM File('{dump}')")


def dump_postgres(deployed: Deployment, to: Path) -> None:
    _run("pg_dump", "--format=custom", "--file", str(to), _url(deployed))


def restore_postgres(deployed: Deployment, dump: Path) -> None:
    _run("pg_restore", "--no-owner", "--exit-on-error", "--dbname", _url(deployed), str(dump))


def _url(deployed: Deployment) -> str:
    return deployed.postgres.url.replace("+psycopg", "")


def _execute(deployed: Deployment, statement: str) -> None:
    url = f"http://127.0.0.1:{deployed.clickhouse.port}/"
    answer = httpx.post(url, content=statement.encode(), timeout=60)
    assert answer.is_success, answer.text


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
