"""`tocsin audit`: list the actions of keys, and of Tocsin itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption
from tocsin.cli.routes import AUDIT

if TYPE_CHECKING:
    from tocsin.cli.client import Client

EXAMPLE = "Example:  tocsin audit --kind alert --from 2026-03-20T00:00:00Z"
_PAGE = 1_000


def audit(
    kind: Annotated[
        str | None, typer.Option(help="Only of this kind, such as metric, alert, channel or key.")
    ] = None,
    id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Only of the thing with this id.")
    ] = None,
    action: Annotated[
        str | None, typer.Option(help="Only this action, such as created, changed or deleted.")
    ] = None,
    key_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only by keys with this name.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="INSTANT", help="The earliest time; RFC 3339.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="The latest time, exclusive; RFC 3339.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The maximum number of rows.")] = 50,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the rows of the API, one JSON object a line.")
    ] = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """List changes and other actions, newest first, each with its key and the changed members.

    Secrets are shown as `***`. This requires an admin key.
    """
    import json

    from tocsin.cli.audit_table import audit_table
    from tocsin.cli.client import Client
    from tocsin.cli.tables import show

    filters = {"kind": kind, "id": id, "action": action, "keyName": key_name, "from": from_}
    with Client(url, key) as client:
        entries = _entries(client, {**filters, "to": to}, limit)
    if as_json:
        for entry in entries:
            typer.echo(json.dumps(entry))
    else:
        show(audit_table(entries))


def _entries(client: Client, filters: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """The newest rows; a page of long ones has fewer than its limit."""
    entries: list[dict[str, Any]] = []
    cursor = None
    while len(entries) < limit:
        size = min(limit - len(entries), _PAGE)
        page = client.get(AUDIT, **filters, limit=size, cursor=cursor)
        entries += page["entries"]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    return entries
