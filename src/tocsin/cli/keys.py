"""`tocsin keys`: who may do what on a running server."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tocsin.cli.options import DEFAULT_URL, Key, Url
from tocsin.cli.routes import KEYS
from tocsin.errors import TocsinError

app = typer.Typer(
    help="Create, list and revoke API keys.",
    epilog="Example:  tocsin keys create --name shop --role ingest",
    no_args_is_help=True,
)


class Role(StrEnum):
    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


@app.command(epilog="Example:  tocsin keys create --name shop --role ingest")
def create(
    name: Annotated[str, typer.Option(help="Whom the key is for.")],
    role: Annotated[
        Role,
        typer.Option(help="ingest: record; read: look and calculate; admin: everything."),
    ],
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Create a key and print it, this once.

    Standard output is the key and nothing else, so that a script can take it.
    """
    from tocsin.cli.client import Client

    with Client(url, key) as client:
        made = client.post(KEYS, {"name": name, "role": role.value})
    typer.echo(f"The key of {name} ({role}, id {made['keyId']}); it is not shown again:", err=True)
    typer.echo(made["key"])


@app.command("list", epilog="Example:  tocsin keys list")
def list_(url: Url = DEFAULT_URL, key: Key = None) -> None:
    """List the keys by their prefixes."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import key_table, show

    with Client(url, key) as client:
        show(key_table(client.get(KEYS)))


@app.command(epilog="Example:  tocsin keys revoke 2f0c6f0e-5d4c-4a55-9d5e-0a4c0f6f2b11")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="A key's id, as keys list says it.")],
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Revoke a key: it is refused from now on."""
    from urllib.parse import quote

    from tocsin.cli.client import Client, Refused

    with Client(url, key) as client:
        try:
            client.delete(f"{KEYS}/{quote(key_id, safe='')}")
        except Refused as error:
            if error.status_code != 404:
                raise
            raise TocsinError(f"There is no key {key_id}; tocsin keys list shows them.") from error
    typer.echo("Revoked.")
