"""`tocsin doctor`: examine the servers, or the data folder, without changing them."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption

EXAMPLE = "Example:  tocsin doctor"

MetricsOption = Annotated[
    bool,
    typer.Option(
        "--metrics", help="Also calculate each enabled metric of the running server, and time it."
    ),
]


def doctor(
    with_metrics: MetricsOption = False, url: UrlOption = DEFAULT_URL, key: KeyOption = None
) -> None:
    """Examine what TOCSIN_DATABASE_URL and TOCSIN_CLICKHOUSE_URL name, or TOCSIN_DATA_DIR.

    It examines versions, permissions, the disk, the clock, the store and the engine, the retention,
    channels, alerts and links; on servers also their reachability, rights, settings and schemas.
    Each problem says how to correct it. It changes nothing. The exit code is 1 if there is a
    problem.
    """
    # Imported here, because loading the engine takes a second.
    from tocsin.cli.measuring import measure_metrics
    from tocsin.cli.tables import examination_table, show
    from tocsin.config import Settings
    from tocsin.storage.doctor import examine

    examinations = examine(Settings.load())
    if with_metrics:
        examinations.append(measure_metrics(url, key))
    show(examination_table((each.name, each.state, each.problems) for each in examinations))
    if any(each.problems for each in examinations):
        raise typer.Exit(1)
