"""Sets the demo's shop up on a server, and keeps recording its interactions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec

from tocsin.cli.client import Client, RejectedByServer
from tocsin.cli.definition_files import read_definition_file
from tocsin.cli.definition_writing import write
from tocsin.cli.demo.receiver import Receiver
from tocsin.cli.demo.sample import Detail, SampleInteraction, interactions
from tocsin.cli.demo.server import RunningServer
from tocsin.cli.plan import make_plan
from tocsin.cli.routes import BATCH, CHANNELS, METRICS, SUBSCRIPTIONS
from tocsin.errors import TocsinError

# All of the shop for an hour; a day with few incidents before it; and the orders of a day a week
# ago, with the hours that follow in a running demo.
LIVE = timedelta(hours=1)
DAY = timedelta(hours=25)
WEEK, ORDERS, AHEAD = timedelta(days=7), timedelta(hours=24), timedelta(hours=2)
TICK_SECONDS = 0.25
TOP_ROWS = 4
DEFINITIONS = Path(__file__).with_name("sample_metrics.yaml")
ALERT_DEFINITIONS = Path(__file__).with_name("sample_alerts.yaml")
_BATCH = 10_000
_CONFLICT = 409

CATALOG = {
    "resource-types": {
        "ORDER": "Order",
        "CHECKOUT": "Checkout",
        "PAYMENT": "Payment",
        "ACCOUNT": "Account",
        "EMAIL": "Email",
    },
    "actions": {
        "PLACED": "Placed",
        "COMPLETED": "Completed",
        "FAILED": "Failed",
        "LOGGED_IN": "Logged in",
        "LOGIN_FAILED": "Login failed",
        "SENT": "Sent",
        "BOUNCED": "Bounced",
    },
    "origins": {
        "WEB": "Web shop",
        "MOBILE_APP": "Mobile app",
        "PARTNER": "Partner shop",
        "MAILER": "Mailer",
    },
}

# A bundle for each team. A failed gateway is critical, and reported immediately.
SUBSCRIPTION = {
    "resourceType": "ALERT",
    "action": "fired",
    "groupBy": ["labels.team"],
    "groupWait": "30s",
    "repeatEvery": "1h",
    "immediately": ["critical"],
}


class Shop:
    """Records the interactions of the shop on a server."""

    def __init__(
        self,
        server: RunningServer,
        client: Client,
        seed: int,
        receiver: Receiver,
        history: timedelta,
    ) -> None:
        self.metrics: list[Any] = []
        self.recorded = 0
        self._server = server
        self._client = client
        self._seed = seed
        self._receiver = receiver
        self._history = history
        self._sent_until = datetime.now(UTC) - LIVE

    def open(self) -> int:
        """Create the catalog and the metrics, record the history, then create the alerts.

        Returns the number of interactions that were new.
        """
        for noun, entries in CATALOG.items():
            for mnemonic, title in entries.items():
                self._add_entry(noun, mnemonic, title)
        self._add_metrics()
        self._send_history()
        self.send()
        self._add_alerts()
        return self.recorded

    def run(
        self,
        show: Callable[[list[Any], int], None],
        pause: float,
        seconds: float | None,
    ) -> None:
        """Record until interrupted or for `seconds`; `show` gets answers every `pause` seconds."""
        ends = time.monotonic() + (float("inf") if seconds is None else seconds)
        shows_next = 0.0
        while True:
            self.send()
            if time.monotonic() >= shows_next:
                show(self._calculate(), self.recorded)
                shows_next = time.monotonic() + pause
            if time.monotonic() >= ends:
                return
            time.sleep(min(TICK_SECONDS, max(0.0, ends - time.monotonic())))

    def send(self) -> None:
        """Record the interactions since the last call."""
        until = datetime.now(UTC)
        for batch in _batches(interactions(self._seed, self._sent_until, until)):
            self._record(batch)
        self._sent_until = until

    def _send_history(self) -> None:
        """Record what precedes the last hour; a day of history also has the orders of a week ago.
        One batch is sent while the next is generated."""
        live = self._sent_until
        now = live + LIVE
        week_ago = now - WEEK
        start = week_ago - ORDERS if self._history >= DAY else week_ago + AHEAD
        sample = chain(
            interactions(self._seed, start, week_ago + AHEAD, detail=Detail.ORDERS),
            interactions(self._seed, now - self._history, live, detail=Detail.FEW_INCIDENTS),
        )
        with ThreadPoolExecutor(1) as sender:
            sent: Future[None] | None = None
            for batch in _batches(sample):
                if sent:
                    sent.result()
                sent = sender.submit(self._record, batch)
            if sent:
                sent.result()

    def _record(self, batch: list[SampleInteraction]) -> None:
        lines = msgspec.json.Encoder().encode_lines(batch)
        try:
            answer = self._client.post_lines(BATCH, lines, "identity")
        except TocsinError:
            self._server.check()
            raise
        if answer["rejected"]:
            raise TocsinError(f"The server rejected sample data: {answer['rejected'][0]}")
        self.recorded += answer["accepted"]

    def _calculate(self) -> list[Any]:
        answer = self._post(f"{METRICS}/calculate-all", limit=TOP_ROWS)
        return list(answer["results"])

    def _add_entry(self, noun: str, mnemonic: str, title: str) -> None:
        try:
            self._client.post(f"/api/{noun}", {"mnemonic": mnemonic, "title": title})
        except RejectedByServer as error:
            if error.status_code != _CONFLICT:
                raise

    def _add_metrics(self) -> None:
        """Create missing metrics; existing ones may have been changed by the user."""
        self._create_missing(DEFINITIONS, "metrics")
        self.metrics = self._client.get(METRICS)

    def _add_alerts(self) -> None:
        """Create missing alerts, and a subscription to them."""
        self._create_missing(ALERT_DEFINITIONS, "alerts")
        channel = self._channel()
        subscriptions = self._client.get(SUBSCRIPTIONS)
        subscribed = {s["action"] for s in subscriptions if s["channelId"] == channel}
        if not subscribed:
            self._client.post(SUBSCRIPTIONS, {**SUBSCRIPTION, "channelId": channel})

    def _create_missing(self, path: Path, section: str) -> None:
        plan = make_plan(read_definition_file(path), self._client, only=section)
        write([step for step in plan.steps if step.verb == "create"], self._client)

    def _channel(self) -> str:
        """The id of the channel to the receiver, whose port changes with each run."""
        spec = {
            "name": "The demo's page",
            "kind": "webhook",
            "settings": {"url": self._receiver.url, "secret": self._receiver.secret},
        }
        for channel in self._client.get(CHANNELS):
            if channel["name"] == spec["name"]:
                self._client.put(f"{CHANNELS}/{channel['channelId']}", spec)
                return str(channel["channelId"])
        return str(self._client.post(CHANNELS, spec)["channelId"])

    def _post(self, path: str, body: Any = None, **parameters: int) -> Any:
        try:
            return self._client.post(path, body, **parameters)
        except TocsinError:
            self._server.check()
            raise


def _batches(sample: Iterator[SampleInteraction]) -> Iterator[list[SampleInteraction]]:
    while batch := list(islice(sample, _BATCH)):
        yield batch
