"""`tocsin demo`: a server with the simulated interactions of a shop."""

from __future__ import annotations

import os
import secrets
import signal
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

EXAMPLE = "Example:  tocsin demo --data-dir ./demo-data"
DEFAULT_SEED = 7
DEFAULT_HISTORY = 25


_Host = Annotated[str, typer.Option(help="The address to listen on.")]
_Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="The port; by default the first free one from 8420 on."),
]
_DataDir = Annotated[
    Path | None,
    typer.Option(help="Keep the data in this folder; by default it is deleted at the end."),
]
_Seconds = Annotated[
    float | None, typer.Option(min=0, metavar="N", help="Stop after this number of seconds.")
]
_NoLive = Annotated[
    bool,
    typer.Option(
        "--no-live", help="Print the table every few seconds instead of updating it in place."
    ),
]
_History = Annotated[
    int,
    typer.Option(
        min=1, metavar="HOURS", help="Hours of history; a day also has the orders of a week ago."
    ),
]
_Seed = Annotated[int, typer.Option(help="The seed of the simulation.")]


def demo(
    host: _Host = "127.0.0.1",
    port: _Port = None,
    data_dir: _DataDir = None,
    seconds: _Seconds = None,
    no_live: _NoLive = False,
    history: _History = DEFAULT_HISTORY,
    seed: _Seed = DEFAULT_SEED,
) -> None:
    """Start a server with the interactions of a simulated shop: a day of history, then live.

    Ctrl-C stops it. TOCSIN_ADMIN_KEY sets the key; by default one is generated.
    """
    from tocsin.cli.client import Client
    from tocsin.cli.demo.dashboard import TerminalDashboard
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
            shop = Shop(server, client, seed, receiver, timedelta(hours=history))
            typer.echo("Recording the history ...")
            typer.echo(f"Recorded the history: {shop.open():,} new interactions.")
            dashboard = TerminalDashboard(
                server.url, key, shop.metrics, folder, receiver, live=not no_live
            )
            with dashboard:
                shop.run(dashboard.update, dashboard.pause, seconds)
    except KeyboardInterrupt:
        typer.echo("Stopped.")


def _end_like_ctrl_c(*signals: signal.Signals) -> None:
    """Handle these signals like Ctrl-C, unless nohup has them ignored."""
    for number in signals:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
