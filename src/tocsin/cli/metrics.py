"""`tocsin metrics`: list and calculate metrics, and define them by a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.apply_command import DryRunOption, FileArgument, YesOption, apply_path
from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption
from tocsin.cli.routes import METRICS
from tocsin.errors import TocsinError

if TYPE_CHECKING:
    from tocsin.cli.client import Client

app = typer.Typer(
    help="List, calculate and define metrics.",
    epilog="Example:  tocsin metrics apply metrics.yaml",
    no_args_is_help=True,
)

AtOption = Annotated[
    str | None,
    typer.Option(help="Calculate as of this time, such as 2026-03-20T14:30:00Z; now by default."),
]


@app.command("list", epilog="Example:  tocsin metrics list")
def list_(url: UrlOption = DEFAULT_URL, key: KeyOption = None) -> None:
    """List all metrics."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import metric_table, show

    with Client(url, key) as client:
        show(metric_table(client.get(METRICS)))


@app.command(epilog='Example:  tocsin metrics calculate "Failed logins (5m)"')
def calculate(
    metric: Annotated[
        str | None,
        typer.Argument(metavar="NAME_OR_ID", help="A metric; all enabled metrics by default."),
    ] = None,
    at: AtOption = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
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


OneMetric = Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="The metric.")]


@app.command(epilog='Example:  tocsin metrics enable "Failed logins (5m)"')
def enable(metric: OneMetric, url: UrlOption = DEFAULT_URL, key: KeyOption = None) -> None:
    """Enable a metric; nothing else of it changes."""
    _set_enabled(metric, url, key, enabled=True)


@app.command(epilog='Example:  tocsin metrics disable "Failed logins (5m)"')
def disable(metric: OneMetric, url: UrlOption = DEFAULT_URL, key: KeyOption = None) -> None:
    """Disable a metric; nothing else of it changes."""
    _set_enabled(metric, url, key, enabled=False)


def _set_enabled(metric: str, url: str, key: str | None, *, enabled: bool) -> None:
    from tocsin.cli.client import Client

    with Client(url, key) as client:
        changed = client.patch(f"{METRICS}/{_find(client, metric)}", {"enabled": enabled})
    typer.echo(f"{changed['name']}: {'enabled' if enabled else 'disabled'}")


def _find(client: Client, name_or_id: str) -> str:
    """The id of the metric with this id or name; an exact match precedes a case-insensitive one."""
    metrics = client.get(METRICS)
    folded = name_or_id.casefold()
    exact = [m for m in metrics if name_or_id in (m["metricId"], m["name"])]
    matching = exact or [m for m in metrics if folded in (m["metricId"], m["name"].casefold())]
    if len(matching) > 1:
        raise TocsinError(f"{len(matching)} metrics have the name {name_or_id}; give an id.")
    if matching:
        return str(matching[0]["metricId"])
    raise TocsinError(f"There is no metric {name_or_id}; tocsin metrics list shows all metrics.")


def _reason(error: Any) -> str:
    if isinstance(error, dict):
        return str(error.get("detail") or error.get("title"))
    return str(error)


@app.command(epilog="Example:  tocsin metrics apply metrics.yaml --dry-run")
def apply(
    file: FileArgument,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Apply the metrics of a file: tocsin apply for this section only.

    The file may also be a plain list of metrics.
    """
    apply_path(file, url, key, yes=yes, dry_run=dry_run, only="metrics")
