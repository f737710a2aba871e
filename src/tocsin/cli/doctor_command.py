"""`tocsin doctor`: examine the servers, or the data folder, without changing them."""

from __future__ import annotations

import typer

EXAMPLE = "Example:  tocsin doctor"


def doctor() -> None:
    """Examine what TOCSIN_DATABASE_URL and TOCSIN_CLICKHOUSE_URL name, or TOCSIN_DATA_DIR.

    It checks reachability, versions, rights, settings, clocks, schemas and whether both belong to
    one installation, and changes nothing. The exit code is 1 if there is a problem.
    """
    # Imported here, because loading the engine takes a second.
    from tocsin.cli.tables import examination_table, show
    from tocsin.config import Settings
    from tocsin.storage.doctor import examine

    examinations = examine(Settings.load())
    show(examination_table((each.name, each.state, each.problems) for each in examinations))
    if any(each.problems for each in examinations):
        raise typer.Exit(1)
