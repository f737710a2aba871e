"""The child process that sends one message through Apprise, and ends.

Standard input has the message as JSON, standard output the result. The URL is a secret and never an
argument, which every user of the machine could see.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from tocsin.notifications.senders.sandbox import confine

MEMORY = 1024 * 1024 * 1024


class _LastWarning(logging.Handler):
    """Keeps the message of a failure; details of it could hold secrets."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = "Apprise could not send it and gave no reason"

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()


def main() -> None:
    request = json.load(sys.stdin)
    refusals = confine(memory=MEMORY, may_connect=True, allow_private=request["allowPrivate"])
    error = _send(request)
    json.dump({"error": error and (refusals[0] if refusals else error)}, sys.stdout)


def _send(request: dict[str, Any]) -> str | None:
    import apprise

    warning = _LastWarning()
    logger = logging.getLogger("apprise")
    logger.handlers[:] = [warning]
    logger.propagate = False
    service = apprise.Apprise()
    if not service.add(request["url"]):
        return "Apprise does not know this URL"
    sent = service.notify(
        title=request["title"],
        body=request["body"],
        notify_type=request["type"],
        body_format="text",
    )
    return None if sent else warning.last


if __name__ == "__main__":
    main()
