"""The addresses of the pages of alerts, for links in messages and payloads."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AlertPages:
    """`base_url` is TOCSIN_BASE_URL; without it there are no addresses."""

    base_url: str | None = None

    def url_of(self, alert_id: UUID) -> str | None:
        return f"{self.base_url}/web/alerts/{alert_id}" if self.base_url else None


NO_PAGES = AlertPages()
