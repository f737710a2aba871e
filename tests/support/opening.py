"""Opening, filling and damaging a data folder, in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient

from support.deployments import settings_in
from tocsin.api.app import create_app
from tocsin.clickhouse.part_files import PACKED_FILE
from tocsin.errors import IncompleteFolder, Unavailable
from tocsin.ingestion.request_context import RequestContext
from tocsin.runtime import Runtime
from tocsin.web.app import add_pages

ADMIN_KEY = "an admin key for the tests of folders"
MONTHS = ("2026-01", "2026-02", "2026-03")


@contextmanager
def opened(folder: Path, **settings: Any) -> Iterator[Runtime]:
    runtime = Runtime(settings_in(folder, admin_key=ADMIN_KEY, **settings))
    try:
        # A given key is kept by a slow hash, and known once the start has compared it.
        runtime.key_service.adopt(runtime.settings.admin_key)
        yield runtime
    finally:
        runtime.close()


def full_folder(folder: Path) -> Path:
    """A closed folder with interactions in three months, 10 in each."""
    with opened(folder) as runtime:
        for month in MONTHS:
            fill(runtime, month)
    return folder


def fill(runtime: Runtime, month: str, count: int = 10) -> None:
    """Record interactions in a month, as one part."""
    sent = {"resourceType": "A", "resourceId": "1", "action": "B", "origin": "C"}
    line = msgspec.json.encode({**sent, "timestamp": f"{month}-01T00:00:00Z"})
    batch = runtime.recorder.record_batch([line] * count, RequestContext(received=0))
    assert batch.accepted == count


def readiness(runtime: Runtime) -> dict[str, Any]:
    """The answer without the node, which changes all the time, and the time zones."""
    answer = TestClient(create_app(runtime)).get("/readyz")
    assert answer.status_code == 200
    return {name: value for name, value in answer.json().items() if name not in ("node", "tzdata")}


def metrics(runtime: Runtime) -> str:
    client = TestClient(create_app(runtime), headers={"x-api-key": ADMIN_KEY})
    return client.get("/metrics").text


def overview(runtime: Runtime) -> str:
    """The first page, as an admin sees it."""
    app = create_app(runtime)
    add_pages(app, runtime)
    client = TestClient(app, headers={"sec-fetch-site": "same-origin"})
    return client.post("/web/sign-in", data={"key": ADMIN_KEY, "next": "/"}).text


def parts(folder: Path, month: str) -> list[Path]:
    return sorted((folder / "engine" / "store").glob(f"*/*/{month.replace('-', '')}_*"))


def cut_off(folder: Path, month: str) -> None:
    """Remove the columns of each part, and the last of the files that describe it."""
    for part in parts(folder, month):
        file = part / PACKED_FILE
        os.truncate(file, file.stat().st_size * 2 // 3)


def refusal(folder: Path) -> str:
    with pytest.raises((IncompleteFolder, Unavailable)) as refused, opened(folder):
        pass
    return str(refused.value)
