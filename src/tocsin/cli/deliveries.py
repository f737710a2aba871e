"""`tocsin deliveries`: lists what was sent and what was not, and tries deliveries again."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from tocsin.cli.options import DEFAULT_URL, Key, Url
from tocsin.cli.routes import CHANNELS, DELIVERIES

app = typer.Typer(
    help="List deliveries, and retry them.",
    epilog="Example:  tocsin deliveries list --status skipped",
    no_args_is_help=True,
)


@app.command("list", epilog="Example:  tocsin deliveries list --status skipped")
def list_(
    status: Annotated[
        str | None, typer.Option(help="Only pending, sent, failed, silenced or skipped ones.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    url: Url = DEFAULT_URL,
    key: Key = None,
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
    deliveries: Annotated[list[UUID], typer.Argument(metavar="ID...", help="Which deliveries.")],
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Retry deliveries that failed, were silenced or skipped."""
    from tocsin.cli.client import Client

    with Client(url, key) as client:
        for delivery in deliveries:
            retried = client.post(f"{DELIVERIES}/{delivery}/retry")
            at = retried["nextAttemptDate"]
            typer.echo(
                f"{delivery}: " + (f"next attempt at {at}" if at else "waits for its channel")
            )
