"""A receiver that behaves as PagerDuty documents its Events API v2
(https://developer.pagerduty.com/docs/send-alert-event)."""

from __future__ import annotations

import http.server
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from support.receivers import receiver

KEY = "R0123456789abcdef0123456789ABCDE"


@dataclass
class EventsApi:
    """Accepts valid events and keeps the incidents that they open. `answers` are statuses and
    headers of the next requests, which change nothing."""

    url: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    open: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: int = 0

    def __call__(self, request: http.server.BaseHTTPRequestHandler) -> None:
        self.requests += 1
        if self.answers:
            status, headers = self.answers.pop(0)
            _answer(request, status, {"status": "error"}, headers)
            return
        event = json.loads(request.body)  # type: ignore[attr-defined]
        if errors := problems_of(event):
            message = {"status": "invalid event", "message": "Event object is invalid"}
            _answer(request, 400, {**message, "errors": errors}, {})
            return
        self.events.append(event)
        key = event["dedup_key"]
        if event["event_action"] == "resolve":
            self.open.pop(key, None)
        else:
            self.open.setdefault(key, event)
        success = {"status": "success", "message": "Event processed", "dedup_key": key}
        _answer(request, 202, success, {})

    @property
    def actions(self) -> list[str]:
        return [event["event_action"] for event in self.events]


def problems_of(event: dict[str, Any]) -> list[str]:
    problems = []
    if len(event.get("routing_key", "")) != 32:
        problems.append("Length of 'routing_key' is incorrect (should be 32 characters)")
    if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        problems.append("'event_action' is invalid")
    if not 0 < len(event.get("dedup_key", "")) <= 255:
        problems.append("'dedup_key' is invalid")
    if event.get("event_action") == "trigger":
        problems += _payload_problems(event.get("payload", {}))
        problems += [f"'links' {link}" for link in event.get("links", []) if not link.get("href")]
    return problems


def _payload_problems(payload: dict[str, Any]) -> list[str]:
    problems = []
    if not 0 < len(payload.get("summary", "")) <= 1024:
        problems.append("'payload.summary' is missing, blank or too long")
    if not payload.get("source"):
        problems.append("'payload.source' is missing or blank")
    if payload.get("severity") not in ("critical", "error", "warning", "info"):
        problems.append("'payload.severity' is invalid")
    if not isinstance(payload.get("custom_details", {}), dict):
        problems.append("'payload.custom_details' is no object")
    return problems


def _answer(
    request: http.server.BaseHTTPRequestHandler,
    status: int,
    body: dict[str, Any],
    headers: dict[str, str],
) -> None:
    encoded = json.dumps(body).encode()
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("content-length", str(len(encoded)))
    request.end_headers()
    request.wfile.write(encoded)


@contextmanager
def events_api() -> Iterator[EventsApi]:
    """Runs the receiver on a port of its own."""
    api = EventsApi()
    with receiver(api) as endpoint:
        api.url = f"http://127.0.0.1:{endpoint.port}/v2/enqueue"
        yield api
