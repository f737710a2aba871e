"""`tocsin export definitions`: its file changes nothing, and makes the same installation anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import nasty_definitions
from support.running import Completed, run_here
from support.serving import Server

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CATALOG = ("resource-types", "actions", "origins")
ALERTS, METRICS = "interaction-alerts", "interaction-metrics"
KINDS = ("silences", "subscriptions", ALERTS, METRICS, "channels", *CATALOG)
IDS = {
    "silences": "silenceId",
    "subscriptions": "subscriptionId",
    ALERTS: "alertId",
    METRICS: "metricId",
    "channels": "channelId",
    "resource-types": "resourceTypeId",
    "actions": "actionId",
    "origins": "originId",
}
VALUES = {"secret": SECRET, "routingKey": "R0123", "webhookUrl": "https://hooks.example/a"}


class Installation:
    """A server that an example may empty."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.file = folder / "definitions.yaml"
        self._client = server.client()

    def close(self) -> None:
        self._client.close()

    def clear(self) -> None:
        for kind in KINDS:
            for item in self._client.get(f"/api/{kind}").json():
                if not item.get("isSystem"):
                    self._client.delete(f"/api/{kind}/{item[IDS[kind]]}").raise_for_status()

    def create(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.post(f"/api/{kind}", json=body)
        assert answer.status_code == 201, (answer.text, body)
        created: dict[str, Any] = answer.json()
        return created

    def list(self, kind: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self._client.get(f"/api/{kind}").json()
        return listed

    def run(self, *arguments: object, variables: dict[str, str] | None = None) -> Completed:
        environment = {"TOCSIN_URL": self.server.url, "TOCSIN_API_KEY": self.server.admin_key}
        return run_here(*arguments, environment=environment | (variables or {}))

    def export(self, *options: object) -> str:
        done = self.run("export", "definitions", "--output", self.file, *options)
        assert done.returncode == 0, done.stderr
        return self.file.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def former(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(server, tmp_path_factory.mktemp("former"))
    yield installation
    installation.close()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("other")
    started = Server(folder / "data")
    started.start()
    installation = Installation(started, folder)
    yield installation
    installation.close()
    started.stop()


def variables_of(text: str) -> dict[str, str]:
    """Values for the variables that a file refers to."""
    variables: dict[str, str] = {}
    for channel in (yaml.safe_load(text) or {}).get("channels", ()):
        members = {**channel["settings"], **channel["settings"].get("headers", {})}
        for member, value in members.items():
            if isinstance(value, str) and value.startswith("env:"):
                urls = {"apprise": "tgram://token/chat", "webhook": "https://hooks.example/b"}
                url = urls.get(channel["kind"], "") if member == "url" else "v"
                variables[value.removeprefix("env:")] = VALUES.get(member, url)
    return variables


class Drawing:
    """Creates random definitions of all kinds, some of them with a key and a set."""

    def __init__(self, data: st.DataObject, installation: Installation) -> None:
        self._draw = data.draw
        self._installation = installation
        self._count = 0

    def create_all(self) -> None:
        for kind in CATALOG:
            for mnemonic in ("ONE", "Two"):
                entry = self._draw(nasty_definitions.entries(mnemonic))
                self._installation.create(kind, entry)
        channels = self._several("channels", nasty_definitions.channels, "name")
        metrics = self._several(METRICS, nasty_definitions.metrics, "name", least=1)
        alerts = self._several(
            ALERTS, lambda: nasty_definitions.alerts(self._one(metrics), channels), "title"
        )
        kinds = {each["channelId"]: each["kind"] for each in self._installation.list("channels")}
        subscribable = [id for id in channels if kinds[id] != "pagerduty"]
        if subscribable:
            self._several(
                "subscriptions", lambda: nasty_definitions.subscriptions(self._one(subscribable))
            )
        self._several("silences", lambda: self._silences(alerts))

    def _silences(self, alerts: list[str]) -> st.SearchStrategy[dict[str, Any]]:
        id = self._draw(st.none() | st.sampled_from(alerts)) if alerts else None
        return nasty_definitions.silences().map(
            lambda silence: silence if silence.get("matchAll") else {**silence, "alertId": id}
        )

    def _one(self, ids: list[str]) -> str:
        return self._draw(st.sampled_from(ids))

    def _several(self, kind: str, strategy: Any, title: str | None = None, least: int = 0) -> Any:
        ids = []
        for _ in range(self._draw(st.integers(least, 2))):
            self._count += 1
            body = {**self._draw(strategy()), **self._keys()}
            if title:
                # Without a key the name is the identity.
                body[title] = f"{body[title][:190]}{self._count}"
            ids.append(str(self._installation.create(kind, body)[IDS[kind]]))
        return ids

    def _keys(self) -> dict[str, str]:
        key = {"key": f"key-{self._count}"}
        return self._draw(st.sampled_from([{}, key, {**key, "managedBy": "shop"}]))


def check_round_trip(former: Installation, other: Installation, data: st.DataObject) -> None:
    former.clear()
    other.clear()
    Drawing(data, former).create_all()
    text = former.export()
    planned = former.run("apply", former.file, "--dry-run")
    assert planned.returncode == 0, planned.stdout + planned.stderr + text
    other.file.write_text(text, encoding="utf-8")
    variables = variables_of(text)
    applied = other.run("apply", other.file, "--yes", variables=variables)
    assert applied.returncode == 0, applied.stdout + applied.stderr + text
    planned = other.run("apply", other.file, "--dry-run", variables=variables)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert other.export() == text


_UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(data=st.data())
@settings(_UNHURRIED, max_examples=4)
def test_an_export_changes_nothing_and_makes_the_same_installation_anew(
    former: Installation, other: Installation, data: st.DataObject
) -> None:
    check_round_trip(former, other, data)


@pytest.mark.long
@given(data=st.data())
@settings(_UNHURRIED, max_examples=200)
def test_many_exports_make_the_same_installation_anew(
    former: Installation, other: Installation, data: st.DataObject
) -> None:
    check_round_trip(former, other, data)


HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "keep-definitions-in-a-file.md"


def test_the_documented_commands_work_in_their_order(former: Installation) -> None:
    former.clear()
    page = HOW_TO.read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    file = former.file.with_name("shop.yaml")
    file.write_text(example, encoding="utf-8")
    commands = re.findall(r"^    tocsin (.*?)(?:    #.*)?$", page, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        arguments = [file if text == "shop.yaml" else text for text in command.split()]
        yes = ["--yes"] if "apply" in arguments else []
        done = former.run(*arguments, *yes, variables={"ON_CALL_SECRET": SECRET})
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    exported = yaml.safe_load(file.read_text(encoding="utf-8"))
    # A webhook's URL with a path is a secret, which the example does not treat as one.
    exported["channels"][0]["settings"]["url"] = "https://example.com/hooks"
    expected = yaml.safe_load(example)
    assert exported.pop("silences")[0].pop("from")
    assert expected.pop("silences")
    assert exported == expected


def test_secrets_are_variables_that_the_file_lists(former: Installation) -> None:
    former.clear()
    hook = {
        "url": "https://example.com/T012/B034",
        "headers": {"X-Token": "the-token"},
        "secret": SECRET,
    }
    channel = {"name": "On call", "kind": "webhook", "settings": hook}
    former.create("channels", channel)
    former.create("channels", {**channel, "name": "On-call"})
    text = former.export()
    for secret in (SECRET, "the-token", "B034"):
        assert secret not in text
    assert text.splitlines()[:3] == [
        "# Variables to set where a channel does not exist yet:",
        "#   ON_CALL_URL: settings.url of the channel 'On call'",
        "#   ON_CALL_HEADERS_X_TOKEN: settings.headers.X-Token of the channel 'On call'",
    ]
    assert "secret: env:ON_CALL_SECRET_2" in text
    assert former.run("apply", former.file, "--dry-run").returncode == 0


def test_a_set_is_exported_by_itself_and_pruning_it_deletes_nothing(former: Installation) -> None:
    former.clear()
    for mnemonic in ("USED", "UNUSED"):
        former.create("actions", {"mnemonic": mnemonic, "title": mnemonic})
    metric = {"name": "m", "metricType": "COUNT", "action": "USED"}
    former.create(METRICS, {**metric, "key": "ours", "managedBy": "shop"})
    former.create(METRICS, metric)
    assert yaml.safe_load(former.export("--set", "shop")) == {
        "set": "shop",
        "actions": [{"mnemonic": "USED", "title": "USED"}],
        "metrics": [{"key": "ours", **metric}],
    }
    assert former.run("apply", former.file, "--prune", "--dry-run").returncode == 0
    assert yaml.safe_load(former.export("--set", "none")) == {"set": "none"}


def test_what_a_file_cannot_identify_is_named(former: Installation) -> None:
    former.clear()
    assert former.export() == "{}\n"
    for _ in range(2):
        former.create(METRICS, {"name": "twice", "metricType": "COUNT"})
    failed = former.run("export", "definitions")
    assert failed.returncode == 1
    assert "metric twice: shares this name with another one" in failed.stderr


def test_silences_that_are_over_or_of_no_alert_are_left_out(former: Installation) -> None:
    former.clear()
    metric = former.create(METRICS, {"name": "m", "metricType": "COUNT"})["metricId"]
    alert = {"title": "a", "metricId": metric, "operator": "gt", "threshold": 1}
    id = former.create(ALERTS, {**alert, "alertAction": "fired"})["alertId"]
    former.create("silences", {"alertId": id, "to": "2299-01-01T00:00:00Z"})
    over = {"matchAll": True, "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    former.create("silences", over)
    assert len(yaml.safe_load(former.export())["silences"]) == 1
    with former.server.client() as client:
        client.delete(f"/api/{ALERTS}/{id}").raise_for_status()
    done = former.run("export", "definitions")
    assert "silences" not in yaml.safe_load(done.stdout)
    assert "is left out: its alert was deleted" in done.stderr
