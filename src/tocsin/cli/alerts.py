"""`tocsin alerts`: list, evaluate and backtest alerts, and define them by a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.apply_command import DryRunOption, FileArgument, YesOption, apply_path
from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption
from tocsin.cli.routes import ALERTS, CHANNELS, METRICS
from tocsin.errors import TocsinError

if TYPE_CHECKING:
    from tocsin.cli.client import Client

app = typer.Typer(
    help="List, evaluate, backtest and define alerts.",
    epilog="Example:  tocsin alerts apply alerts.yaml",
    no_args_is_help=True,
)

OneAlert = Annotated[str, typer.Argument(metavar="TITLE_OR_ID", help="The alert.")]
OneOrAll = Annotated[
    str | None, typer.Argument(metavar="TITLE_OR_ID", help="An alert; all alerts by default.")
]


@app.command("list", epilog="Example:  tocsin alerts list")
def list_(url: UrlOption = DEFAULT_URL, key: KeyOption = None) -> None:
    """List all alerts, with their health."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import alert_table, show

    with Client(url, key) as client:
        show(alert_table(client.get(ALERTS), client.get(METRICS), client.get(CHANNELS)))


@app.command(epilog='Example:  tocsin alerts states "Many failed logins"')
def states(alert: OneOrAll = None, url: UrlOption = DEFAULT_URL, key: KeyOption = None) -> None:
    """Show the state of each group: firing, pending or OK."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import show, state_table

    with Client(url, key) as client:
        for each in _chosen(client, alert):
            groups = client.get(f"{ALERTS}/{each['alertId']}/states")
            metric = client.get(f"{METRICS}/{each['metricId']}")
            show(state_table(each["title"], groups, metric))


@app.command(epilog="Example:  tocsin alerts firing")
def firing(
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="The maximum number of groups.")
    ] = 100,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the JSON of the API instead of a table.")
    ] = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Show the groups of all alerts that fire now: the most severe first, then the latest."""
    import json

    from tocsin.cli.client import Client
    from tocsin.cli.firing_table import firing_table
    from tocsin.cli.tables import show

    with Client(url, key) as client:
        page = client.get(f"{ALERTS}/firing", limit=limit)
    if as_json:
        typer.echo(json.dumps(page, indent=2))
    else:
        show(firing_table(page))


@app.command(epilog='Example:  tocsin alerts evaluate "Many failed logins"')
def evaluate(alert: OneOrAll = None, url: UrlOption = DEFAULT_URL, key: KeyOption = None) -> None:
    """Evaluate one alert, or every enabled one, now. Exits with 1 if an evaluation fails."""
    from tocsin.cli.client import Client

    with Client(url, key) as client:
        titles = {each["alertId"]: each["title"] for each in client.get(ALERTS)}
        if alert is None:
            results = client.post(f"{ALERTS}/evaluate-all")["results"]
        else:
            results = [client.post(f"{ALERTS}/{_find(client, alert)['alertId']}/evaluate")]
    for result in results:
        outcome = (
            result.get("error") or f"{result['firing']} of {result['groups']} groups are firing"
        )
        typer.echo(f"{titles.get(result['alertId'], result['alertId'])}: {outcome}")
    if any(result["health"] != "OK" for result in results):
        raise typer.Exit(1)


@app.command(epilog='Example:  tocsin alerts enable "Many failed logins"')
def enable(alert: OneAlert, url: UrlOption = DEFAULT_URL, key: KeyOption = None) -> None:
    """Enable an alert, which evaluates it; nothing else of it changes."""
    _set_enabled(alert, url, key, enabled=True)


@app.command(epilog='Example:  tocsin alerts disable "Many failed logins"')
def disable(alert: OneAlert, url: UrlOption = DEFAULT_URL, key: KeyOption = None) -> None:
    """Disable an alert, which resolves its firing groups; nothing else of it changes."""
    _set_enabled(alert, url, key, enabled=False)


def _set_enabled(alert: str, url: str, key: str | None, *, enabled: bool) -> None:
    from tocsin.cli.client import Client

    with Client(url, key) as client:
        address = f"{ALERTS}/{_find(client, alert)['alertId']}"
        changed = client.patch(address, {"enabled": enabled})
    typer.echo(f"{changed['title']}: {'enabled' if enabled else 'disabled'}")


@app.command(
    epilog='Example:  tocsin alerts backtest "Many failed logins" '
    "--from 2026-03-01T00:00:00Z --to 2026-03-31T00:00:00Z"
)
def backtest(
    alert: OneAlert,
    start: Annotated[str, typer.Option("--from", help="The beginning of the time span, RFC 3339.")],
    to: Annotated[str, typer.Option(help="The end of the time span, RFC 3339.")],
    step: Annotated[str, typer.Option(help="The interval between evaluations.")] = "1m",
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Show when an alert would have fired."""
    from tocsin.cli.client import Client
    from tocsin.cli.tables import backtest_table, show

    with Client(url, key) as client:
        chosen = _find(client, alert)
        body = {"alertId": chosen["alertId"], "from": start, "to": to, "step": step}
        show(backtest_table(chosen["title"], client.post(f"{ALERTS}/backtest", body)))


@app.command(epilog="Example:  tocsin alerts apply alerts.yaml --dry-run")
def apply(
    file: FileArgument,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Apply the alerts of a file: tocsin apply for this section only.

    The file may also be a plain list of alerts.
    """
    apply_path(file, url, key, yes=yes, dry_run=dry_run, only="alerts")


def _chosen(client: Client, title_or_id: str | None) -> list[Any]:
    alerts: list[Any] = client.get(ALERTS)
    return alerts if title_or_id is None else [_find(client, title_or_id)]


def _find(client: Client, title_or_id: str) -> Any:
    """The alert with this title or id."""
    matching = [a for a in client.get(ALERTS) if title_or_id in (a["alertId"], a["title"])]
    if len(matching) > 1:
        raise TocsinError(f"{len(matching)} alerts have the title {title_or_id}; give an id.")
    if not matching:
        raise TocsinError(f"There is no alert {title_or_id}; tocsin alerts list shows all alerts.")
    return matching[0]
