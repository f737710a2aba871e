"""`tocsin doctor` beside a running server; tests/storage/test_doctor.py has the examinations."""

from __future__ import annotations

from typing import Any

from support.deployments import folder_only
from support.running import run_here

pytestmark = folder_only


def test_the_metrics_of_the_running_server_are_measured_on_request(server: Any) -> None:
    with server.client() as client:
        for name, is_enabled in (("All", True), ("Off", False)):
            metric = {"name": name, "metricType": "COUNT", "enabled": is_enabled}
            assert client.post("/api/interaction-metrics", json=metric).status_code == 201
    environment = {
        "TOCSIN_DATA_DIR": str(server.folder),
        "TOCSIN_URL": server.url,
        "TOCSIN_API_KEY": server.admin_key,
    }
    examined = run_here("doctor", "--metrics", environment=environment)
    assert examined.returncode == 0, examined.stdout + examined.stderr
    assert "1 calculated; the slowest took" in examined.stdout
    assert "in use by process" in examined.stdout

    environment["TOCSIN_API_KEY"] = "a-wrong-key-0123456789"
    refused = run_here("doctor", "--metrics", environment=environment)
    assert refused.returncode == 1
    assert "does not accept this key" in refused.stdout
