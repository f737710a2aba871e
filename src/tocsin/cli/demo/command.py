"""`tocsin demo`: a server with a busy shop on it, to look around in."""

from __future__ import annotations

import os
import secrets
import signal
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

EXAMPLE = "Example:  tocsin demo --data-dir ./demo-data"
DEFAULT_SEED = 7


def demo(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The port; 8420 or the next free one unless given."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Keep the data here; else it is gone when the demo stops."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, metavar="N", help="Stop after so long.")
    ] = None,
    no_live: Annotated[
        bool, typer.Option("--no-live", help="Print a table every few seconds, as to a file.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Another seed, another history.")] = DEFAULT_SEED,
) -> None:
    """Start a server and watch a shop on it: an hour of history, then what happens now.

    Ctrl-C stops both. TOCSIN_ADMIN_KEY sets the key; one is made up unless it is there.
    """
    from tocsin.cli.client import Client
    from tocsin.cli.demo.dashboard import Board
    from tocsin.cli.demo.receiver import receiving
    from tocsin.cli.demo.server import running_server
    from tocsin.cli.demo.shop import Shop

    key = os.environ.get("TOCSIN_ADMIN_KEY") or secrets.token_urlsafe(24)
    _end_like_ctrl_c(signal.SIGTERM, signal.SIGHUP)
    try:
        with ExitStack() as opened:
            folder = data_dir or Path(
                opened.enter_context(TemporaryDirectory(prefix="tocsin-demo-"))
            )
            typer.echo("Starting a server ...")
            server = opened.enter_context(running_server(host, port, folder, key))
            receiver = opened.enter_context(receiving())
            client = opened.enter_context(Client(server.url, key))
            shop = Shop(server, client, seed, receiver)
            sent = shop.open()
            typer.echo(f"An hour of history: {sent:,} interactions, those already there left out.")
            board = Board(server.url, key, shop.metrics, folder, receiver, live=not no_live)
            with board:
                shop.run(board.update, board.pause, seconds)
    except KeyboardInterrupt:
        typer.echo("Stopped.")


def _end_like_ctrl_c(*signals: signal.Signals) -> None:
    """So that there is one way to stop; nohup's ignored signals stay ignored."""
    for number in signals:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
