"""A real `tocsin serve` process for tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx

from support.deployments import variables_of

ADMIN_KEY = "tsn_admin_for_the_tests_0123456789"


@dataclass
class Server:
    """A real `tocsin serve` process on a data folder; it can be killed and started again."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    admin_key: str = ADMIN_KEY
    port: int = 0
    program: Sequence[str] = (sys.executable, "-m", "tocsin.cli")
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def place(self) -> Sequence[str]:
        """The arguments that say where the data is."""
        return "--data-dir", str(self.folder)

    @property
    def log(self) -> str:
        return (self.folder.parent / f"{self.folder.name}.log").read_text(errors="replace")

    def start(self, patience: float = 120, wrapper: Sequence[str] = ()) -> float:
        """Start, by a wrapping command if one is given, and wait until it is ready; answers the
        seconds that took."""
        self.port = self.port or free_port()
        environment = {
            **os.environ,
            **self._deployment(),
            "TOCSIN_ADMIN_KEY": self.admin_key,
            **self.environment,
        }
        command = [
            *wrapper,
            *(*self.program, "serve", "--port", str(self.port), *self.place),
        ]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        seconds = self.wait_until_ready(patience)
        if seconds is None:
            self.kill()
            raise AssertionError(f"the server ended or was not ready: {self.log[-3000:]}")
        return seconds

    def wait_until_ready(self, patience: float = 120) -> float | None:
        """The seconds until the process was ready; None if it ended, or took longer."""
        assert self.process
        started = time.monotonic()
        # One client: each loads the certificates, which takes 30 ms of the server's processor.
        with httpx.Client(timeout=5, trust_env=False, verify=False) as client:
            while time.monotonic() - started < patience and self.process.poll() is None:
                with suppress(httpx.TransportError):
                    if client.get(f"{self.url}/readyz").status_code == 200:
                        return time.monotonic() - started
                time.sleep(0.02)
        return None

    def _deployment(self) -> dict[str, str]:
        if "TOCSIN_DATABASE_URL" in self.environment:
            return {}
        return variables_of(self.folder, self.admin_key)

    def kill(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, patience: float = 15) -> int:
        """SIGTERM; answers the exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)

    def stored_ids(self, resource_type: str) -> list[str]:
        """The ids of all interactions of a type that the server lists."""
        ids: list[str] = []
        cursor: str | None = None
        with self.client() as client:
            while True:
                params: dict[str, Any] = {"limit": 1000, "resourceType": resource_type}
                params |= {"cursor": cursor} if cursor else {}
                page = client.get("/api/interactions", params=params).json()
                ids += [interaction["interactionId"] for interaction in page["interactions"]]
                cursor = page["nextCursor"]
                if cursor is None:
                    return ids

    def client(self, **options: Any) -> httpx.Client:
        headers = {"x-api-key": self.admin_key}
        # Without certificates, which take 20 ms to load and which plain HTTP does not use.
        options = {"verify": False, **options}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, **options)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
