"""The author of a change, for the audit trail and the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from tocsin.model.audit.entry import Author
from tocsin.model.key import Key

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Actor:
    """The key that makes a change, and the address it is used from."""

    key: Key | None
    address: str | None = None

    @property
    def author(self) -> Author | None:
        """The author in the audit trail; None for Tocsin itself."""
        return Author(self.key.key_id, self.key.name) if self.key else None

    @property
    def fields(self) -> dict[str, Any]:
        by = {"by": str(self.key.key_id), "by_name": self.key.name} if self.key else {}
        return {**by, "address": self.address}

    def log_change(self, event: str, /, **subject: Any) -> None:
        """Log a change of a definition, a key, a channel or a session; `subject` has no secrets."""
        log.info(event, **self.fields, **subject)


BY_TOCSIN = Actor(None)
"""Tocsin itself."""
