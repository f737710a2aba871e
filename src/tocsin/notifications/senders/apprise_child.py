"""The process that sends one message through Apprise, and ends.

Standard input has what to send, as JSON; standard output what became of it. The URL is a secret
and never an argument, which every user of the machine could see.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from tocsin.notifications.senders.sandbox import confine

MEMORY = 1024 * 1024 * 1024


class _Words(logging.Handler):
    """What Apprise says of a failure; its details could have secrets in them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = "Apprise could not send it, and does not say why"

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()


def main() -> None:
    asked = json.load(sys.stdin)
    refusals = confine(memory=MEMORY, may_connect=True, allow_private=asked["allowPrivate"])
    error = _send(asked)
    json.dump({"error": error and (refusals[0] if refusals else error)}, sys.stdout)


def _send(asked: dict[str, Any]) -> str | None:
    import apprise

    words = _Words()
    logger = logging.getLogger("apprise")
    logger.handlers[:] = [words]
    logger.propagate = False
    service = apprise.Apprise()
    if not service.add(asked["url"]):
        return "Apprise does not know this URL"
    sent = service.notify(title=asked["title"], body=asked["body"], body_format="text")
    return None if sent else words.last


if __name__ == "__main__":
    main()
