"""A runtime with settings of its own, and a client with each role."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from support.deployments import settings_in
from tocsin.api.app import create_app
from tocsin.model.key import Role
from tocsin.runtime import Runtime

ADMIN_KEY = "an admin key for the tests of ceilings"
ONE = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}


class Installation:
    """One open data folder; a process can have only one at a time."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.runtime = Runtime(settings_in(folder, admin_key=ADMIN_KEY, **settings))
        self.runtime.key_service.adopt(self.runtime.settings.admin_key)
        self._app = create_app(self.runtime)
        self.admin = self._client(ADMIN_KEY)
        self.sender = self._client(self.runtime.keys.create("s", Role.INGEST, self.now)[1])

    def _client(self, key: str) -> TestClient:
        return TestClient(self._app, headers={"x-api-key": key}, raise_server_exceptions=False)

    @property
    def now(self) -> datetime:
        return self.runtime.now()

    def gauge(self, name: str) -> float:
        lines = self.admin.get("/metrics").text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(name))
