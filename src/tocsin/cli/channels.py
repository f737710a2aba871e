"""`tocsin channels`: list channels, and send a test message through one."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption
from tocsin.cli.routes import CHANNELS
from tocsin.errors import TocsinError

app = typer.Typer(
    help="List and test channels.",
    epilog="Example:  tocsin channels test on-call",
    no_args_is_help=True,
)


@app.command("list", epilog="Example:  tocsin channels list")
def list_(url: UrlOption = DEFAULT_URL, key: KeyOption = None) -> None:
    """List all channels, without their secrets."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import channel_table, show

    with Client(url, key) as client:
        show(channel_table(client.get(CHANNELS)))


@app.command("test", epilog="Example:  tocsin channels test on-call")
def send_test_message(
    channel: Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="The channel to test.")],
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Send a test message through a channel. Exits with 1 if it is not delivered."""
    from tocsin.cli.client import Client

    with Client(url, key) as client:
        matching = [
            each for each in client.get(CHANNELS) if channel in (each["name"], each["channelId"])
        ]
        if len(matching) > 1:
            raise TocsinError(f"{len(matching)} channels have the name {channel}; give an id.")
        if not matching:
            raise TocsinError(
                f"There is no channel {channel}; tocsin channels list shows all channels."
            )
        attempt = client.post(f"{CHANNELS}/{matching[0]['channelId']}/test")
    if not attempt["sent"]:
        raise TocsinError(f"The test message was not sent: {attempt['error']}")
    typer.echo(f"Sent in {attempt['durationMs']} ms.")
