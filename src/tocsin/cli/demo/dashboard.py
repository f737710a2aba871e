"""The output of the demo: addresses, commands to copy, and the current values of metrics."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich import box
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tocsin.cli.demo.receiver import Receiver
from tocsin.cli.routes import INTERACTIONS, METRICS
from tocsin.cli.tables import JsonObject, console, dimension_text

LIVE_PAUSE_SECONDS, PLAIN_PAUSE_SECONDS = 1.0, 5.0
_COPIED_METRIC = "Failed logins by country (5m)"
_COPIED_INTERACTION = {
    "resourceType": "ACCOUNT",
    "resourceId": "account-1",
    "action": "LOGIN_FAILED",
    "origin": "WEB",
    "interaction": {"country": "ZA", "reason": "wrong_password"},
}


class TerminalDashboard:
    """A table that is updated in place on a terminal, and printed repeatedly elsewhere."""

    def __init__(
        self,
        url: str,
        key: str,
        metrics: list[Any],
        folder: Path,
        receiver: Receiver,
        *,
        live: bool,
    ) -> None:
        self._console = console()
        self._live = Live(console=self._console) if live and self._console.is_terminal else None
        self._receiver = receiver
        self._header = header(url, key, metrics, folder, receiver.url)
        self.pause = LIVE_PAUSE_SECONDS if self._live else PLAIN_PAUSE_SECONDS

    def __enter__(self) -> Self:
        # Not wrapped, so that each command is copied as one line.
        self._console.print(self._header, soft_wrap=True)
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def update(self, answers: list[Any], recorded: int) -> None:
        table = answers_table(answers, recorded, datetime.now(UTC))
        if messages := self._receiver.messages():
            table.add_section()
            table.add_row("Latest notification", Text(messages[0].title, style="bold"))
        if self._live:
            self._live.update(table)
        else:
            self._console.print(table)


def header(url: str, key: str, metrics: list[Any], folder: Path, receiver_url: str) -> str:
    """Addresses, the key, and curl commands that work unchanged."""
    lines = "\n".join(f"  {line}" for line in curl_lines(url, key, metrics))
    return (
        f"\nTocsin runs at {url}, with the documentation of its API at {url}/docs\n"
        f"Key:  {key}\nData: {folder}\n\n"
        f"Open {url} and sign in with the key. Notifications of alerts are at {receiver_url}\n\n"
        f"Record an interaction, calculate one metric, calculate all:\n\n{lines}\n\n"
        "Ctrl-C stops it.\n"
    )


def curl_lines(url: str, key: str, metrics: list[Any]) -> list[str]:
    metric = next((m for m in metrics if m["name"] == _COPIED_METRIC), metrics[0])
    post = f"curl -X POST -H {shlex.quote(f'x-api-key: {key}')}"
    body = shlex.quote(json.dumps(_COPIED_INTERACTION))
    return [
        f"{post} -H 'content-type: application/json' -d {body} {url}{INTERACTIONS}",
        f"{post} {url}{METRICS}/{metric['metricId']}/calculate",
        f"{post} {url}{METRICS}/calculate-all",
    ]


def answers_table(answers: list[Any], recorded: int, at: datetime) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    table.add_column("Metric")
    table.add_column(f"{at:%H:%M:%S} UTC, {recorded:,} interactions recorded")
    for answer in answers:
        table.add_row(answer["metricName"], _summary(answer))
    return table


def _summary(answer: JsonObject) -> Text:
    """The answer in one line: the value, or the values of the greatest groups."""
    if "error" in answer:
        return Text("cannot be calculated", style="red")
    rows = answer["results"]
    shown = Text("   ").join(_row(row) for row in rows) if rows else Text("–")
    more = answer.get("groupCount", len(rows)) - len(rows)
    if more > 0:
        shown.append(f"   and {more:,} more", style="dim")
    return shown.append(f" {answer['unit']}") if answer.get("unit") else shown


def _row(row: JsonObject) -> Text:
    texts = [dimension_text(text) for text in (row["dimensions"] or {}).values()]
    return Text(" ").join([*texts, Text(_rounded(row["value"]), style="bold cyan")])


def _rounded(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
