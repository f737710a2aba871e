"""`tocsin deliveries`: list and retry deliveries."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption
from tocsin.cli.routes import CHANNELS, DELIVERIES

app = typer.Typer(
    help="List and retry deliveries.",
    epilog="Example:  tocsin deliveries list --status skipped",
    no_args_is_help=True,
)


@app.command("list", epilog="Example:  tocsin deliveries list --status skipped")
def list_(
    status: Annotated[
        str | None,
        typer.Option(
            help="Only deliveries with this status: pending, sent, failed, silenced or skipped."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="The maximum number of deliveries.")
    ] = 50,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """List deliveries, newest first, with their last error or the reason why they were skipped."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import delivery_table, show

    with Client(url, key) as client:
        names = {channel["channelId"]: channel["name"] for channel in client.get(CHANNELS)}
        page = client.get(DELIVERIES, status=status, limit=limit)
        show(delivery_table(page["deliveries"], names))


@app.command(epilog="Example:  tocsin deliveries retry 0b6e1f2a-58c1-4f0e-9b1d-3c5a7e9f1b2d")
def retry(
    deliveries: Annotated[
        list[UUID], typer.Argument(metavar="ID...", help="The ids of deliveries.")
    ],
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Retry deliveries that failed, were silenced or skipped."""
    from tocsin.cli.client import Client

    with Client(url, key) as client:
        for delivery in deliveries:
            retried = client.post(f"{DELIVERIES}/{delivery}/retry")
            at = retried["nextAttemptDate"]
            typer.echo(
                f"{delivery}: "
                + (f"next attempt at {at}" if at else "waiting until its channel is enabled")
            )
