"""The interactions that the golden files are calculated over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.deployments import settings_in
from tocsin.ingestion.request_context import RequestContext
from tocsin.runtime import Runtime

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    runtime = Runtime(settings_in(tmp_path_factory.mktemp("golden")))
    lines = (HERE / "interactions.ndjson").read_bytes().splitlines()
    batch = runtime.recorder.record_batch(lines, RequestContext(received=0))
    assert batch.accepted == len(lines)
    runtime.engine.load_field_types()
    # Nothing is saved here, so it would drop what a test promotes.
    runtime.promoter.stop()
    yield runtime
    runtime.close()
