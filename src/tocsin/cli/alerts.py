"""`tocsin alerts`: which are there, what fires, what would have, and define them by a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.options import DEFAULT_URL, Key, Url
from tocsin.cli.routes import ALERTS, METRICS
from tocsin.errors import TocsinError

if TYPE_CHECKING:
    from tocsin.cli.client import Client

app = typer.Typer(
    help="List, evaluate, try and define alerts.",
    epilog="Example:  tocsin alerts apply alerts.yaml",
    no_args_is_help=True,
)

OneAlert = Annotated[str, typer.Argument(metavar="TITLE_OR_ID", help="The alert.")]
OneOrAll = Annotated[
    str | None, typer.Argument(metavar="TITLE_OR_ID", help="One alert; all unless given.")
]


@app.command("list", epilog="Example:  tocsin alerts list")
def list_(url: Url = DEFAULT_URL, key: Key = None) -> None:
    """List all alerts, with their health."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import alert_table, show

    with Client(url, key) as client:
        names = {metric["metricId"]: metric["name"] for metric in client.get(METRICS)}
        show(alert_table(client.get(ALERTS), names))


@app.command(epilog='Example:  tocsin alerts states "Many failed logins"')
def states(alert: OneOrAll = None, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Show what fires, what is pending, and what is OK, group by group."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import show, state_table

    with Client(url, key) as client:
        for one in _chosen(client, alert):
            show(state_table(one["title"], client.get(f"{ALERTS}/{one['alertId']}/states")))


@app.command(epilog='Example:  tocsin alerts evaluate "Many failed logins"')
def evaluate(alert: OneOrAll = None, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Evaluate one alert, or every enabled one, at once. Fails if one of them could not be."""
    from tocsin.cli.client import Client

    with Client(url, key) as client:
        titles = {one["alertId"]: one["title"] for one in client.get(ALERTS)}
        if alert is None:
            results = client.post(f"{ALERTS}/evaluate-all")["results"]
        else:
            results = [client.post(f"{ALERTS}/{_find(client, alert)['alertId']}/evaluate")]
    for result in results:
        said = result.get("error") or f"{result['firing']} of {result['groups']} groups fire"
        typer.echo(f"{titles.get(result['alertId'], result['alertId'])}: {said}")
    if any(result["health"] != "OK" for result in results):
        raise typer.Exit(1)


@app.command(
    epilog='Example:  tocsin alerts backtest "Many failed logins" '
    "--from 2026-03-01T00:00:00Z --to 2026-03-31T00:00:00Z"
)
def backtest(
    alert: OneAlert,
    start: Annotated[str, typer.Option("--from", help="The beginning of the span.")],
    to: Annotated[str, typer.Option(help="Its end.")],
    step: Annotated[str, typer.Option(help="How often it is evaluated.")] = "1m",
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Show when an alert would have fired."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import backtest_table, show

    with Client(url, key) as client:
        one = _find(client, alert)
        body = {"alertId": one["alertId"], "from": start, "to": to, "step": step}
        show(backtest_table(one["title"], client.post(f"{ALERTS}/backtest", body)))


@app.command(epilog="Example:  tocsin alerts apply alerts.yaml --dry-run")
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The definitions.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Make the server's alerts those of a file: create new ones, replace those that differ.

    The file is a list of alerts as the API takes them, or has one under alerts:. An alert is
    known by its title, and may name its metric under metric:. Alerts that the file does not name
    stay as they are. All are checked before the first is written.
    """
    from tocsin.cli.client import Client
    from tocsin.cli.definition_files import ALERT, read_definitions
    from tocsin.cli.metric_references import with_metric_ids
    from tocsin.cli.plan import ALERTS_OF_A_FILE, make_plan
    from tocsin.cli.plan import apply as apply_plan

    definitions = read_definitions(file, ALERT)
    with Client(url, key) as client:
        definitions = with_metric_ids(definitions, client.get(METRICS), str(file))
        plan = make_plan(definitions, client.get(ALERTS), str(file), ALERTS_OF_A_FILE)
        apply_plan(plan, client, str(file), ALERTS_OF_A_FILE, yes=yes, dry_run=dry_run)


def _chosen(client: Client, title_or_id: str | None) -> list[Any]:
    alerts: list[Any] = client.get(ALERTS)
    return alerts if title_or_id is None else [_find(client, title_or_id)]


def _find(client: Client, title_or_id: str) -> Any:
    """The one alert that is called so."""
    found = [a for a in client.get(ALERTS) if title_or_id in (a["alertId"], a["title"])]
    if len(found) > 1:
        raise TocsinError(f"{len(found)} alerts are called {title_or_id}; give an id.")
    if not found:
        raise TocsinError(f"There is no alert {title_or_id}; tocsin alerts list shows them all.")
    return found[0]
