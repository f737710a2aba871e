"""`tocsin keys`: create, list, rotate and revoke the keys of a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer

from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption
from tocsin.cli.routes import KEYS
from tocsin.errors import TocsinError

app = typer.Typer(
    help="Create, list, rotate and revoke API keys.",
    epilog="Example:  tocsin keys create --name shop --role ingest",
    no_args_is_help=True,
)


KeyId = Annotated[str, typer.Argument(metavar="ID", help="The id of a key, see tocsin keys list.")]


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
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="The instant or the time from now at which the key expires, such as 90d.",
        ),
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Create a key and print it. It cannot be shown again.

    Standard output has nothing but the key, for use in scripts.
    """
    from tocsin.cli.client import Client

    body = {"name": name, "role": role.value}
    if expires is not None:
        body["expiresAt"] = _expiry(expires)
    with Client(url, key) as client:
        created = client.post(KEYS, body)
    typer.echo(
        f"The key of {name} ({role}, id {created['keyId']}); it is not shown again:", err=True
    )
    typer.echo(created["key"])


@app.command("list", epilog="Example:  tocsin keys list")
def list_(url: UrlOption = DEFAULT_URL, key: KeyOption = None) -> None:
    """List all keys by their prefixes, with their expiry and their last use."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import key_table, show

    with Client(url, key) as client:
        show(key_table(client.get(KEYS)))


@app.command(epilog="Example:  tocsin keys rotate 2f0c6f0e-5d4c-4a55-9d5e-0a4c0f6f2b11 --grace 7d")
def rotate(
    key_id: KeyId,
    grace: Annotated[
        str, typer.Option(metavar="TIME", help="How long the former secret holds: 0s to 30d.")
    ] = "24h",
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Replace the secret of a key and print the new one. It cannot be shown again.

    Standard output has nothing but the new key, for use in scripts.
    """
    from tocsin.cli.client import Client

    with Client(url, key) as client, _naming(key_id):
        rotated = client.post(f"{_path(key_id)}/rotate", {"grace": grace})
    until = rotated["formerSecretUntil"]
    former = f"The former one holds until {until}" if until else "The former one has ended"
    typer.echo(f"The new key of {rotated['name']}; it is not shown again. {former}:", err=True)
    typer.echo(rotated["key"])


@app.command(epilog="Example:  tocsin keys revoke 2f0c6f0e-5d4c-4a55-9d5e-0a4c0f6f2b11")
def revoke(
    key_id: KeyId,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Revoke a key. The server no longer accepts it."""
    from tocsin.cli.client import Client

    with Client(url, key) as client, _naming(key_id):
        client.delete(_path(key_id))
    typer.echo("Revoked.")


def _path(key_id: str) -> str:
    from urllib.parse import quote

    return f"{KEYS}/{quote(key_id, safe='')}"


@contextmanager
def _naming(key_id: str) -> Iterator[None]:
    """Name the id in the error about a missing key."""
    from tocsin.cli.client import RejectedByServer

    try:
        yield
    except RejectedByServer as error:
        if error.status_code != 404:
            raise
        raise TocsinError(f"There is no key {key_id}; tocsin keys list shows all keys.") from error


def _expiry(text: str) -> str:
    """An instant as given, or the instant after a duration from now."""
    from datetime import UTC, datetime

    from tocsin.model.duration import Duration
    from tocsin.model.instant import format_instant

    try:
        return format_instant(datetime.now(UTC) + Duration.parse(text).length)
    except ValueError:
        return text
