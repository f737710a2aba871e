"""`tocsin keys`: create, list and revoke the keys of a server."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption
from tocsin.cli.routes import KEYS
from tocsin.errors import TocsinError

app = typer.Typer(
    help="Create, list and revoke API keys.",
    epilog="Example:  tocsin keys create --name shop --role ingest",
    no_args_is_help=True,
)


class KeyRole(StrEnum):
    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


@app.command(epilog="Example:  tocsin keys create --name shop --role ingest")
def create(
    name: Annotated[str, typer.Option(help="The user or application of the key.")],
    role: Annotated[
        KeyRole,
        typer.Option(help="ingest: record; read: read and calculate; admin: full access."),
    ],
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Create a key and print it. It cannot be shown again.

    Standard output has nothing but the key, for use in scripts.
    """
    from tocsin.cli.client import Client

    with Client(url, key) as client:
        created = client.post(KEYS, {"name": name, "role": role.value})
    typer.echo(
        f"The key of {name} ({role}, id {created['keyId']}); it is not shown again:", err=True
    )
    typer.echo(created["key"])


@app.command("list", epilog="Example:  tocsin keys list")
def list_(url: UrlOption = DEFAULT_URL, key: KeyOption = None) -> None:
    """List all keys by their prefixes."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import key_table, show

    with Client(url, key) as client:
        show(key_table(client.get(KEYS)))


@app.command(epilog="Example:  tocsin keys revoke 2f0c6f0e-5d4c-4a55-9d5e-0a4c0f6f2b11")
def revoke(
    key_id: Annotated[
        str, typer.Argument(metavar="ID", help="The id of a key, see tocsin keys list.")
    ],
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Revoke a key. The server no longer accepts it."""
    from urllib.parse import quote

    from tocsin.cli.client import Client, RejectedByServer

    with Client(url, key) as client:
        try:
            client.delete(f"{KEYS}/{quote(key_id, safe='')}")
        except RejectedByServer as error:
            if error.status_code != 404:
                raise
            raise TocsinError(
                f"There is no key {key_id}; tocsin keys list shows all keys."
            ) from error
    typer.echo("Revoked.")
