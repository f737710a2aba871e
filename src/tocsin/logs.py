"""How the log reads: lines for people on a terminal, JSON for machines everywhere else."""

from __future__ import annotations

import logging
import sys

import structlog

from tocsin.config import Settings


def configure(settings: Settings) -> None:
    """Send this process's log, and that of the libraries it uses, to standard error."""
    is_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not sys.stderr.isatty()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = structlog.processors.JSONRenderer() if is_json else _console()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.processors.format_exc_info],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    # Alembic and the driver tell of every step they take; httpx of every URL, and those of channels
    # are secrets.
    for name in ("alembic", "clickhouse_connect", "asyncio", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info] if is_json else []
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            *last,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _console() -> structlog.typing.Processor:
    # Plain tracebacks: the rich ones show local variables, secrets among them.
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
