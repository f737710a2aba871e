"""Configures the log: lines for people on a terminal, JSON for machines elsewhere."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
from typing import Any

import structlog

from tocsin.process.log_writer import LogStream, LogWriter

log = structlog.get_logger()

_STDOUT, _STDERR = 1, 2
_writers: list[LogWriter] = []
# Messages of uvicorn that any client without a key can cause, once for each request.
_BY_STRANGERS = ("Invalid HTTP request", "Unsupported upgrade request", "No supported WebSocket")


def configure(log_format: str, log_level: str) -> None:
    """Send this process's log, and that of its libraries, to standard error.

    `log_format` is `json`, `text` or `auto` (text on a terminal). From here on neither the log nor
    any other output of the process blocks or fails.
    """
    writer = _detach_output()
    is_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    _configure_libraries(shared, is_json, log_level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            *([structlog.processors.format_exc_info] if is_json else []),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    writer.on_recovery = lambda lines: log.warning("log lines dropped", lines=lines)


def _configure_libraries(
    shared: list[structlog.typing.Processor], is_json: bool, log_level: str
) -> None:
    renderer = structlog.processors.JSONRenderer() if is_json else _console()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.processors.format_exc_info],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    logging.getLogger("uvicorn.error").addFilter(_OncePerSecond())
    root.setLevel(log_level.upper())
    # Alembic logs each step; httpx2 logs URLs, and those of channels are secrets.
    for name in ("alembic", "asyncio", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _console() -> structlog.typing.Processor:
    # Plain tracebacks: the rich ones show local variables, secrets among them.
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def _detach_output() -> LogWriter:
    """Replace standard output and standard error by streams that dedicated threads write."""
    output, errors = LogWriter(_STDOUT), LogWriter(_STDERR)
    _writers[:] = [output, errors]
    atexit.register(flush)
    sys.stdout, sys.stderr = LogStream(output, _STDOUT), LogStream(errors, _STDERR)
    return errors


def flush() -> None:
    """Wait until all logged and printed lines are written, for at most a second each."""
    for writer in _writers:
        writer.flush()


def dropped_lines() -> int:
    """The number of lines that standard output and standard error have lost since the start."""
    return sum(writer.dropped for writer in _writers)


class Throttle:
    """Admits each kind of event once a second, and counts the suppressed ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def admits(self, kind: str) -> bool:
        now = time.monotonic()
        with self._lock:
            if now < self._next.get(kind, 0.0):
                self._held_back[kind] = self._held_back.get(kind, 0) + 1
                return False
            self._next[kind] = now + 1
            return True

    def held_back(self, kind: str) -> int:
        """The number of suppressed events of a kind since the last call."""
        with self._lock:
            return self._held_back.pop(kind, 0)


class ThrottledLog:
    """A log for events that any client can cause: at most one line a second for each."""

    def __init__(self) -> None:
        self._throttle = Throttle()

    def warning(self, event: str, **fields: Any) -> None:
        if self._throttle.admits(event):
            if held_back := self._throttle.held_back(event):
                fields["held_back"] = held_back
            log.warning(event, **fields)


class _OncePerSecond(logging.Filter):
    """The same for the lines of uvicorn."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = Throttle()

    def filter(self, record: logging.LogRecord) -> bool:
        text = str(record.msg)
        kind = next((kind for kind in _BY_STRANGERS if text.startswith(kind)), None)
        if kind is None:
            return True
        if not self._throttle.admits(kind):
            return False
        if held_back := self._throttle.held_back(kind):
            record.msg = f"{text} ({held_back} more were held back)"
        return True
