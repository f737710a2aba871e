"""`tocsin channels`: where is somebody told, and does it arrive?"""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli.options import DEFAULT_URL, Key, Url
from tocsin.cli.routes import CHANNELS
from tocsin.errors import TocsinError

app = typer.Typer(
    help="List channels, and try one.",
    epilog="Example:  tocsin channels test on-call",
    no_args_is_help=True,
)


@app.command("list", epilog="Example:  tocsin channels list")
def list_(url: Url = DEFAULT_URL, key: Key = None) -> None:
    """List all channels; their secrets are not shown."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import channel_table, show

    with Client(url, key) as client:
        show(channel_table(client.get(CHANNELS)))


@app.command("test", epilog="Example:  tocsin channels test on-call")
def try_(
    channel: Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="The channel to try.")],
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Send a sample through a channel, and say what came of it."""
    from tocsin.cli.client import Client

    with Client(url, key) as client:
        found = [one for one in client.get(CHANNELS) if channel in (one["name"], one["channelId"])]
        if len(found) != 1:
            count = "several channels" if found else "no channel"
            raise TocsinError(f"There is {count} named {channel}; tocsin channels list shows them.")
        tried = client.post(f"{CHANNELS}/{found[0]['channelId']}/test")
    if not tried["sent"]:
        raise TocsinError(f"It could not be sent: {tried['error']}")
    typer.echo(f"Sent, in {tried['durationMs']} ms.")
