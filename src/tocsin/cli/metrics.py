"""`tocsin metrics`: which metrics are there, what do they come to, and define them by a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.options import DEFAULT_URL, Key, Url
from tocsin.cli.routes import METRICS
from tocsin.errors import TocsinError

if TYPE_CHECKING:
    from tocsin.cli.client import Client

app = typer.Typer(
    help="List, calculate and define metrics.",
    epilog="Example:  tocsin metrics apply metrics.yaml",
    no_args_is_help=True,
)

At = Annotated[
    str | None,
    typer.Option(help="Calculate as of this instant, such as 2026-03-20T14:30:00Z, and not now."),
]


@app.command("list", epilog="Example:  tocsin metrics list")
def list_(url: Url = DEFAULT_URL, key: Key = None) -> None:
    """List all metrics."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import metric_table, show

    with Client(url, key) as client:
        show(metric_table(client.get(METRICS)))


@app.command(epilog='Example:  tocsin metrics calculate "Failed logins (5m)"')
def calculate(
    metric: Annotated[
        str | None, typer.Argument(metavar="NAME_OR_ID", help="One metric; all unless given.")
    ] = None,
    at: At = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Calculate one metric, or every enabled one."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import answer_table, show

    with Client(url, key) as client:
        if metric is None:
            answers = client.post(f"{METRICS}/calculate-all", at=at)["results"]
        else:
            metric_id = _find(client, metric)
            answers = [client.post(f"{METRICS}/{metric_id}/calculate", at=at)]
    show(*(answer_table(answer) for answer in answers if "error" not in answer))
    failed = [answer for answer in answers if "error" in answer]
    for answer in failed:
        typer.echo(f"{answer['metricName']}: {_reason(answer['error'])}", err=True)
    if failed:
        raise typer.Exit(1)


def _find(client: Client, name_or_id: str) -> str:
    """The id of the one metric that is called so, exactly or but for case."""
    metrics = client.get(METRICS)
    wanted = name_or_id.casefold()
    exactly = [m for m in metrics if name_or_id in (m["metricId"], m["name"])]
    found = exactly or [m for m in metrics if wanted in (m["metricId"], m["name"].casefold())]
    if len(found) > 1:
        raise TocsinError(f"{len(found)} metrics are called {name_or_id}; give an id.")
    if found:
        return str(found[0]["metricId"])
    raise TocsinError(f"There is no metric {name_or_id}; tocsin metrics list shows them all.")


def _reason(error: Any) -> str:
    if isinstance(error, dict):
        return str(error.get("detail") or error.get("title"))
    return str(error)


@app.command(epilog="Example:  tocsin metrics apply metrics.yaml --dry-run")
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The definitions.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Make the server's metrics those of a file: create new ones, replace those that differ.

    The file is a list of metrics as the API takes them, or has one under metrics:. A metric is
    known by its name; metrics that the file does not name stay as they are. All are checked
    before the first is written.
    """
    from tocsin.cli.client import Client
    from tocsin.cli.definition_files import read_definitions
    from tocsin.cli.plan import METRICS_OF_A_FILE, make_plan
    from tocsin.cli.plan import apply as apply_plan

    definitions = read_definitions(file)
    with Client(url, key) as client:
        plan = make_plan(definitions, client.get(METRICS), str(file))
        apply_plan(plan, client, str(file), METRICS_OF_A_FILE, yes=yes, dry_run=dry_run)
