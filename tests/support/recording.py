"""An interaction of which only the time matters, recorded."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from tocsin.ingestion.request_context import RequestContext
from tocsin.model.instant import format_instant
from tocsin.runtime import Runtime


def record(runtime: Runtime, timestamp: datetime, **payload: Any) -> None:
    sent = {"resourceType": "A", "resourceId": "1", "action": "B", "origin": "C"}
    when = {"timestamp": format_instant(timestamp)}
    line = json.dumps({**sent, **when, "interaction": payload}).encode()
    assert runtime.recorder.record_batch([line], RequestContext(received=0)).accepted == 1
