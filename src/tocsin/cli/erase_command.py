"""`tocsin erase`: erase users and resources, list erasures, and store their ledger."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption
from tocsin.cli.routes import ERASURES
from tocsin.errors import InvalidSettings

_LOOK_SECONDS = 0.5

app = typer.Typer(
    help="Erase a user or a resource, list erasures, and store their ledger.",
    epilog="Example:  tocsin erase user ada@example.org",
    no_args_is_help=True,
)

_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Count only.")]


@app.command(epilog="Example:  tocsin erase user ada@example.org --dry-run")
def user(
    user_id: Annotated[str, typer.Argument(metavar="USER", help="The userId of interactions.")],
    dry_run: _DryRun = False,
    yes: _Yes = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Erase a user; the command ends when no file has the value."""
    _erase({"userId": user_id}, url, key, dry_run=dry_run, yes=yes)


@app.command(epilog="Example:  tocsin erase resource CUSTOMER 4711")
def resource(
    resource_type: Annotated[str, typer.Argument(metavar="TYPE", help="Its resource type.")],
    resource_id: Annotated[str, typer.Argument(metavar="ID", help="Its resourceId.")],
    dry_run: _DryRun = False,
    yes: _Yes = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Erase a resource; the command ends when no file has the value."""
    body = {"resourceType": resource_type, "resourceId": resource_id}
    _erase(body, url, key, dry_run=dry_run, yes=yes)


@app.command("list", epilog="Example:  tocsin erase list")
def list_(url: UrlOption = DEFAULT_URL, key: KeyOption = None) -> None:
    """List all erasures, newest first."""
    from tocsin.cli.client import Client
    from tocsin.cli.erasure_table import erasure_table
    from tocsin.cli.tables import show

    with Client(url, key) as client:
        show(erasure_table(client.get(ERASURES)))


@app.command(epilog="Example:  tocsin erase ledger erasures.json")
def ledger(
    to: Annotated[Path, typer.Argument(metavar="TO", help="A new file.")],
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Store the ledger of erasures, for `tocsin restore --erasures`. It has no values."""
    from tocsin.cli.client import Client

    if to.exists():
        raise InvalidSettings(f"{to} exists already")
    with Client(url, key) as client:
        to.write_bytes(msgspec.json.encode(client.get(f"{ERASURES}/ledger")))


def _erase(body: dict[str, Any], url: str, key: str | None, *, dry_run: bool, yes: bool) -> None:
    from tocsin.cli.client import Client

    with Client(url, key) as client:
        counted = client.post(ERASURES, {**body, "dryRun": True})
        typer.echo(f"Matched: {_counts(counted['matched'])}")
        for definition in counted["definitions"]:
            typer.echo(f"Not erased: the {definition['kind']} {definition['id']} has the value")
        if dry_run:
            return
        if not yes:
            typer.confirm("Erase them? This cannot be undone", abort=True)
        erasure = client.post(ERASURES, body)
        problem = None
        while erasure["state"] != "done":
            time.sleep(_LOOK_SECONDS)
            erasure = client.get(f"{ERASURES}/{erasure['erasureId']}")
            if erasure["problem"] and erasure["problem"] != problem:
                problem = erasure["problem"]
                typer.echo(f"Waiting: {problem}", err=True)
        typer.echo(f"Erased: {_counts(erasure['erased'])}")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {_words(name)}" for name, count in counts.items())


def _words(name: str) -> str:
    return "states of alerts" if name == "alertStates" else name
