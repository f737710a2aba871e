"""Logs which key changed what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from tocsin.model.key import Key

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Actor:
    """The key that makes a change, and the address it is used from."""

    key: Key
    address: str | None

    @property
    def fields(self) -> dict[str, Any]:
        return {"by": str(self.key.key_id), "by_name": self.key.name, "address": self.address}

    def log_change(self, event: str, /, **subject: Any) -> None:
        """Log a change of a definition, a key, a channel or a session; `subject` has no secrets."""
        log.info(event, **self.fields, **subject)
