"""One valid definition of each kind, created over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

CATALOG, KEYS = "/api/resource-types", "/api/keys"
METRICS, ALERTS = "/api/interaction-metrics", "/api/interaction-alerts"
CHANNELS, SUBSCRIPTIONS, SILENCES = "/api/channels", "/api/subscriptions", "/api/silences"


def definitions(api: TestClient) -> dict[str, dict[str, Any]]:
    """A body for each path; the metric and the channel that two of them name are created."""
    count = {"name": "Orders", "description": "All of them", "metricType": "COUNT"}
    metric = api.post(METRICS, json=count).json()["metricId"]
    apprise = {"name": "Chat", "kind": "apprise", "settings": {"url": "tgram://token/chat"}}
    channel = api.post(CHANNELS, json=apprise).json()["channelId"]
    return {
        CATALOG: {"mnemonic": "ORDER", "title": "Order", "description": "An order", "icon": "cart"},
        KEYS: {"name": "billing", "role": "read"},
        METRICS: count,
        ALERTS: {
            "title": "Too many",
            "description": "More than usual",
            "runbookUrl": "https://example.com/",
            "labels": {"team": "billing"},
            "metricId": metric,
            "operator": "gt",
            "threshold": 2,
            "alertAction": "fired",
        },
        CHANNELS: apprise,
        SUBSCRIPTIONS: {
            "channelId": channel,
            "resourceType": "ALERT",
            "action": "fired",
            "template": {"title": "{{ action }}", "body": "{{ resourceId }}"},
        },
        SILENCES: {
            "labels": {"team": "billing"},
            "author": "Ada",
            "reason": "A planned change",
            "to": "2100-01-01T00:00:00Z",
        },
    }
