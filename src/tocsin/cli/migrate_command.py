"""`tocsin migrate`: prepare the ClickHouse server and PostgreSQL for this version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example:  tocsin migrate --dry-run"

_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the statements, and change nothing.")
]
_AcceptNewStore = Annotated[
    bool,
    typer.Option(
        "--accept-new-store",
        help="Use a PostgreSQL database that is new, or of another installation than ClickHouse.",
    ),
]
_AcceptNewEngine = Annotated[
    bool,
    typer.Option(
        "--accept-new-engine", help="Use an empty ClickHouse database with this PostgreSQL."
    ),
]
_Restored = Annotated[
    bool,
    typer.Option(
        "--restored",
        help="Both databases were just restored from dumps: skip the deliveries that were not "
        "sent, and compare no counts with earlier ones.",
    ),
]
_Erasures = Annotated[
    Path | None,
    typer.Option(
        help="The answer of GET /api/erasures/ledger: the first node that starts applies the "
        "erasures again that are later than the dumps.",
        show_default=False,
    ),
]


def migrate(
    dry_run: _DryRun = False,
    accept_new_store: _AcceptNewStore = False,
    accept_new_engine: _AcceptNewEngine = False,
    restored: _Restored = False,
    erasures: _Erasures = None,
) -> None:
    """Migrate the servers of TOCSIN_DATABASE_URL and TOCSIN_CLICKHOUSE_URL.

    It prints each statement, and can be repeated. The first one prints an admin key unless
    TOCSIN_ADMIN_KEY sets one. A data folder needs no such command.
    """
    # Imported here, because loading the engine takes a second.
    from tocsin.config import Settings

    settings = Settings.load(
        accept_new_store=accept_new_store or None, accept_new_engine=accept_new_engine or None
    )

    from tocsin.process.clock import SystemClock
    from tocsin.storage.migration import migrate_servers

    secret = migrate_servers(
        settings,
        SystemClock().now(),
        typer.echo,
        dry_run=dry_run,
        is_restored=restored,
        ledger=erasures,
    )
    if secret:
        typer.echo(f"\n  Your admin key, shown this once:  {secret}\n")
