"""Runs the server: opens the storage, listens, and stops cleanly on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import structlog
import uvicorn

from tocsin import __version__
from tocsin.api.app import create_app
from tocsin.api.http_protocol import BoundedProtocol
from tocsin.config import Settings
from tocsin.errors import InvalidSettings
from tocsin.process import descriptors, log_config
from tocsin.runtime import Runtime
from tocsin.web.app import add_pages

log = structlog.get_logger()

# Requests in progress get this long when the server stops. Calculations are ended earlier, so that
# their requests are answered.
STOP_SECONDS = 5
CALCULATE_SECONDS = 3
ANSWER_SECONDS = 0.5
# Longer than a proxy or a client keeps an idle connection.
KEEP_ALIVE_SECONDS = 75
# How often uvicorn calls on_tick.
_TICKS_A_SECOND = 10
# The committer needs the interpreter often and briefly. With Python's default of 5 ms it would wait
# longer for a thread that parses a batch than the engine takes for the append.
SWITCH_SECONDS = 0.0005
# New containers before the youngest generation is collected. A few hundred payloads already have
# the 700 of Python's default.
COLLECTION_THRESHOLD = 50_000


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then end the process.

    Raises DataFolderInUse, InvalidSettings or Unavailable.
    """
    # New files are for their owner only, because they hold payloads and secrets.
    os.umask(0o077)
    log_config.configure(settings.log_format, settings.log_level)
    limit = descriptors.raise_limit()
    sys.setswitchinterval(SWITCH_SECONDS)
    listening = _listen(settings.host, settings.port)
    try:
        _serve(settings, listening, limit)
    finally:
        listening.close()
    # Everything is closed. Returning would wait for threads that still calculate.
    log_config.flush()
    os._exit(0)


def _serve(settings: Settings, listening: socket.socket, open_files: int) -> None:
    if not settings.is_server_mode:
        _warn_about_open_folder(settings.data_dir)
    runtime = Runtime(settings)
    _tune_garbage_collection()
    try:
        _announce(
            settings,
            listening.getsockname()[1],
            runtime.key_service.adopt(settings.admin_key),
            runtime.storage.place,
        )
        app = create_app(runtime)
        add_pages(app, runtime)
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=partial(  # type: ignore[arg-type]
                BoundedProtocol, max_connections=descriptors.connections_within(open_files)
            ),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        _Server(config, runtime.stop_calculating).run(sockets=[listening])
    finally:
        runtime.close()
        log.info("stopped")


def _tune_garbage_collection() -> None:
    """A decoded batch is thousands of dictionaries without cycles, so that rare collections are
    enough. Objects that exist by now are frozen, so that no collection visits them again. One of 25
    is garbage, which is kept, because a collection takes 0.2 s of the start."""
    gc.freeze()
    gc.set_threshold(COLLECTION_THRESHOLD)
    gc.enable()


def _warn_about_open_folder(folder: Path) -> None:
    """An existing folder keeps its mode, because an operator may have set it on purpose."""
    with suppress(OSError):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & 0o077:
            log.warning(
                "data folder open to others",
                folder=str(folder),
                mode=f"{mode:04o}",
                advice="chmod 0700, for it holds payloads and secrets",
            )


def _listen(host: str, port: int) -> socket.socket:
    """Bind the port before anything else, so that a port in use is reported by a clear error."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise InvalidSettings(f"Cannot listen on {host}, port {port}: {error.strerror}") from error


class _Server(uvicorn.Server):
    """Enforces the deadlines of connections, and ends calculations before it stops.

    Uvicorn raises the signal that stopped it a second time, which would end the process before
    waiting interactions are on disk.
    """

    def __init__(self, config: uvicorn.Config, stop_calculating: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop_calculating = stop_calculating

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_A_SECOND == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, BoundedProtocol):
                    connection.tick()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        ending = threading.Timer(CALCULATE_SECONDS, self._stop_calculating)
        ending.start()
        await super().shutdown(sockets)
        ending.cancel()
        # Cancelled requests still send their responses.
        if tasks := list(self.server_state.tasks):
            await asyncio.wait(tasks, timeout=ANSWER_SECONDS)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        stopping = [signal.SIGTERM, signal.SIGINT]
        # nohup ignores it, so that the server outlives its terminal.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            stopping.append(signal.SIGHUP)
        former = {number: signal.signal(number, self.handle_exit) for number in stopping}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)


def _announce(settings: Settings, port: int, secret: str | None, place: str) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{port}"
    if secret:
        _hand_over(secret, url, settings.data_dir / "admin-key")
    log.info("serving", url=url, docs=f"{url}/docs", data=place, version=__version__)


def _hand_over(secret: str, url: str, file: Path) -> None:
    """Show the first admin key on a terminal. Without one, write it to a file, because standard
    output may be a log that is stored and read by others."""
    if not sys.stdout.isatty() and _written(file, secret):
        log.warning(
            "admin key written", file=str(file), advice="keep it elsewhere and delete the file"
        )
        return
    print(
        f"\n  Your admin key, shown this once:  {secret}\n"
        f"  Try it:  curl -H 'x-api-key: {secret}' {url}/api/interaction-metrics/types\n"
    )


def _written(file: Path, secret: str) -> bool:
    """Whether the file could be written; it is readable by its owner only."""
    try:
        file.unlink(missing_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(f"{secret}\n")
    except OSError as error:
        log.error("admin key not written", file=str(file), error=error.strerror)
        return False
    return True
