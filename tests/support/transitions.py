"""The interactions that transitions write, as messages show them."""

from __future__ import annotations

from typing import Any

ALERT = "0191e4a0-0000-7000-8000-00000000a1e7"
TRANSITION: dict[str, Any] = {
    "alertId": ALERT,
    "alertTitle": "Failed logins",
    "metricId": "0191e4a0-0000-7000-8000-0000000000a1",
    "metricName": "Failed logins (5m)",
    "metricType": "COUNT",
    "severity": "critical",
    "status": "exceeded",
    "value": 42,
    "operator": "gt",
    "threshold": 10,
    "dimensions": {"interaction_country": "ZA"},
    "evaluatedAt": "2026-03-20T14:30:00.000Z",
}
RECOVERY: dict[str, Any] = {
    **TRANSITION,
    "status": "recovered",
    "value": 3,
    "evaluatedAt": "2026-03-20T14:35:10.000Z",
    "firedAt": "2026-03-20T14:30:00.000Z",
    "durationSeconds": 310.0,
}
DETAILS: dict[str, Any] = {
    "description": "Someone tries passwords.\nBlock the address first.",
    "labels": {"team": "identity", "service": "login"},
    "runbookUrl": "https://runbooks.example/logins?step=1&of=2",
    "unit": "%",
    "guards": [
        {
            "metricId": "0191e4a0-0000-7000-8000-0000000000b2",
            "metricName": "Logins (5m)",
            "operator": "gte",
            "threshold": 50,
            "value": 61,
        }
    ],
    "numerator": 4,
    "denominator": 61,
    "url": f"https://tocsin.example/web/alerts/{ALERT}",
}


def interaction(payload: dict[str, Any], origin: str = "METRIC_EVAL") -> dict[str, Any]:
    return {
        "interactionId": "0191e4a0-0000-7000-8000-0000000001d0",
        "resourceType": "CUSTOMER",
        "resourceId": "42",
        "action": "LEFT",
        "origin": origin,
        "timestamp": "2026-03-20T14:30:00.000Z",
        "interaction": payload,
    }
