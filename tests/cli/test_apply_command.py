"""`tocsin apply` against a real server: all kinds of definitions in one file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from support.running import Completed, run_here

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx"
PATHS = {
    "metrics": "/api/interaction-metrics",
    "alerts": "/api/interaction-alerts",
    "channels": "/api/channels",
    "subscriptions": "/api/subscriptions",
    "silences": "/api/silences",
}
SHOP = """
set: SET
resourceTypes:
  - mnemonic: SET-CUSTOMER
    title: Customer
    redact: [{field: interaction.email, with: hmac}]
actions:
  - {mnemonic: SET-failed, title: Failed}
origins:
  - {mnemonic: SET-web, title: Web}
channels:
  - key: SET-on-call
    name: On call
    kind: webhook
    settings:
      url: https://example.com/hooks
      headers: {Authorization: env:HOOK_TOKEN}
      secret: env:HOOK_SECRET
metrics:
  - key: SET-failed
    name: Failed logins
    metricType: COUNT
    resourceType: SET-CUSTOMER
    action: SET-failed
    timeWindow: 5m
  - key: SET-logins
    name: Logins
    metricType: COUNT
    resourceType: SET-CUSTOMER
    timeWindow: 5m
alerts:
  - key: SET-many
    title: Many failed logins
    metric: SET-failed
    operator: gt
    threshold: 20
    alertAction: fired
    onlyWhen: [{metric: SET-logins, operator: gte, threshold: 50}]
    channels: [SET-on-call]
subscriptions:
  - key: SET-to-on-call
    channel: SET-on-call
    resourceType: ALERT
    action: fired
    groupBy: alert
silences:
  - key: SET-nightly
    alert: SET-many
    recurs: {weekdays: [monday], from: "02:00", to: "04:00", timezone: Europe/Berlin}
"""
KINDS = "resource type,action,origin,channel,metric,metric,alert,subscription,silence"


class Shop:
    """A file of definitions with a set of its own, and the server."""

    def __init__(self, server: Any, path: Path, name: str) -> None:
        self.server, self.path, self.name = server, path, name
        self.text = SHOP.replace("SET", name)
        self.secrets = {"HOOK_SECRET": SECRET, "HOOK_TOKEN": "the-token"}

    def apply(self, *options: str, text: str | None = None, input: str = "") -> Completed:
        self.path.write_text(self.text if text is None else text)
        return self.run("apply", self.path, *options, input=input)

    def run(self, *arguments: object, input: str = "") -> Completed:
        environment = {"TOCSIN_URL": self.server.url, "TOCSIN_API_KEY": self.server.admin_key}
        return run_here(*arguments, environment=environment | self.secrets, input=input)

    def applied(self, *options: str, text: str | None = None) -> str:
        done = self.apply("--yes", *options, text=text)
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)

    def replaced(self, old: str, new: str) -> str:
        assert old in self.text
        return self.text.replace(old, new)

    def section(self, section: str) -> str:
        """The lines of a section, with its name."""
        match = re.search(rf"^{section}:\n(?:[ ].*\n)+", self.text, re.MULTILINE)
        assert match
        return match[0]

    def stored(self, section: str) -> dict[str, Any]:
        """The definitions of a section with a key of this file, by what follows the set."""
        with self.server.client() as client:
            return {
                (item["key"] or "").removeprefix(f"{self.name}-"): item
                for item in client.get(PATHS[section]).json()
                if (item["key"] or "").startswith(f"{self.name}-")
            }


@pytest.fixture
def shop(server: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Shop:
    number = request.session.items.index(request.node)
    return Shop(server, tmp_path / "shop.yaml", f"s{number}")


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith(" ")]


def test_a_file_of_all_kinds_is_planned_applied_and_then_unchanged(shop: Shop) -> None:
    planned = shop.apply("--dry-run")
    assert planned.returncode == 2, planned.stderr
    assert [line.split()[0] for line in lines(planned.stdout)] == ["create"] * 9
    assert not shop.stored("metrics")
    assert "9 written." in shop.applied()
    alert = shop.stored("alerts")["many"]
    metrics = shop.stored("metrics")
    assert alert["metricId"] == metrics["failed"]["metricId"]
    assert alert["onlyWhen"][0]["metricId"] == metrics["logins"]["metricId"]
    assert alert["channelIds"] == [shop.stored("channels")["on-call"]["channelId"]]
    assert alert["managedBy"] == shop.name
    assert shop.stored("silences")["nightly"]["alertId"] == alert["alertId"]
    again = shop.apply("--dry-run")
    assert again.returncode == 0, again.stdout + again.stderr
    assert {line.split()[0] for line in lines(again.stdout)} == {"unchanged"}
    assert "Apply these changes?" not in shop.apply().stdout


def test_a_renamed_definition_is_changed_and_not_created(shop: Shop) -> None:
    shop.applied()
    before = shop.stored("alerts")["many"]
    output = shop.applied(text=shop.replaced("Many failed logins", "Too many"))
    assert 'title: "Many failed logins" -> "Too many"' in output
    assert "1 written." in output
    after = shop.stored("alerts")["many"]
    assert (after["alertId"], after["title"]) == (before["alertId"], "Too many")


def test_differences_of_references_are_shown_by_their_keys(shop: Shop) -> None:
    shop.applied()
    changed = shop.replaced(f"metric: {shop.name}-failed", f"metric: {shop.name}-logins")
    planned = shop.apply("--dry-run", text=changed)
    assert f'metric: "{shop.name}-failed" -> "{shop.name}-logins"' in planned.stdout
    changed = shop.replaced("gte, threshold: 50", "gte, threshold: 40")
    assert f'onlyWhen: [{{"metric": "{shop.name}-logins"' in (
        shop.apply("--dry-run", text=changed).stdout
    )


def test_secrets_are_compared_and_never_printed(shop: Shop) -> None:
    texts = [shop.applied()]
    assert shop.apply("--dry-run").returncode == 0
    shop.secrets["HOOK_SECRET"] = OTHER_SECRET
    planned = shop.apply("--dry-run")
    assert planned.returncode == 2
    assert "settings: a secret differs" in planned.stdout
    texts += [planned.stdout, planned.stderr, shop.applied()]
    assert shop.apply("--dry-run").returncode == 0
    for secret in (SECRET, OTHER_SECRET, "the-token"):
        assert not any(secret in text for text in texts)
        assert secret not in shop.path.read_text()


def test_a_plan_needs_no_secrets_of_channels_that_exist(shop: Shop) -> None:
    secrets, shop.secrets = shop.secrets, {}
    failed = shop.apply("--dry-run")
    assert failed.returncode == 1
    variable = "requires the environment variable HOOK_SECRET, which is not set"
    assert f"On call: settings.secret: {variable}" in failed.stderr
    shop.secrets = secrets
    shop.applied()
    shop.secrets = {}
    planned = shop.apply("--dry-run")
    assert planned.returncode == 0, planned.stdout
    assert "note       On call: settings.secret stays, because HOOK_SECRET is not set" in (
        planned.stderr
    )
    shop.applied(text=shop.replaced("name: On call", "name: Pager"))
    shop.secrets = secrets
    assert shop.apply("--dry-run", text=shop.replaced("On call", "Pager")).returncode == 0


def test_a_secret_in_the_file_is_rejected(shop: Shop) -> None:
    failed = shop.apply("--yes", text=shop.replaced("env:HOOK_SECRET", SECRET))
    assert failed.returncode == 1
    assert "settings.secret: must be env:NAME" in failed.stderr
    assert SECRET not in failed.stderr


def test_every_problem_of_a_file_is_reported_with_its_line_before_anything_changes(
    shop: Shop,
) -> None:
    wrong = shop.text
    for old, new in (
        ("title: Customer", "titel: Customer"),
        ("kind: webhook", "kind: pigeon"),
        ("operator: gt\n", "operator: above\n"),
        (f"{shop.name}-logins, operator", "visits, operator"),
        ("groupBy: alert", "groupBy: alert\n    odd: 1"),
        ("02:00", "25:00"),
        (f"key: {shop.name}-logins", "key: Not A Slug"),
    ):
        assert old in wrong
        wrong = wrong.replace(old, new)
    failed = shop.apply("--yes", text=wrong)
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"tocsin: {shop.path} cannot be applied:")
    numbered = wrong.splitlines()
    reported = re.findall(r"^  line (\d+): (.*?): ([\w.\[\]]+): ", failed.stderr, re.MULTILINE)
    assert {(label, field) for _, label, field in reported} >= {
        (f"{shop.name}-CUSTOMER", "titel"),
        (f"{shop.name}-CUSTOMER", "title"),
        ("On call", "kind"),
        ("Logins", "key"),
        ("Many failed logins", "operator"),
        ("Many failed logins", "onlyWhen[0].metric"),
        (f"{shop.name}-to-on-call", "odd"),
        (f"{shop.name}-nightly", "recurs.from"),
    }
    for line, _, field in reported:
        last = field.rpartition(".")[2].partition("[")[0]
        written = numbered[int(line) - 1]
        assert last in written or last in ("title", "with"), (line, field, written)
    assert [int(line) for line, _, _ in reported] == sorted(int(line) for line, _, _ in reported)
    assert not shop.stored("metrics")


def test_pruning_deletes_only_what_the_set_created(shop: Shop, server: Any) -> None:
    shop.applied()
    person = {"name": f"{shop.name} of a person", "metricType": "COUNT"}
    with server.client() as client:
        client.post(PATHS["metrics"], json=person).raise_for_status()
    other = Shop(server, shop.path.with_name("other.yaml"), f"{shop.name}x")
    other.applied()
    # The file takes a metric of a person over, and leaves it out again.
    adopted = f"  - {{key: {shop.name}-adopted, name: {person['name']}, metricType: COUNT}}\n"
    shop.applied(text=shop.text.replace("alerts:\n", adopted + "alerts:\n"))
    assert shop.stored("metrics")["adopted"]["managedBy"] is None
    fewer = shop.text.replace(shop.section("silences"), "")
    fewer = fewer.replace(shop.section("subscriptions"), "")
    planned = shop.apply("--prune", "--dry-run", text=fewer)
    assert planned.returncode == 2
    deleted = [line for line in lines(planned.stdout) if line.startswith("delete")]
    assert deleted == [
        f"delete     silence {shop.name}-nightly",
        f"delete     subscription {shop.name}-to-on-call",
    ]
    assert "0 written, 2 deleted." in shop.applied("--prune", text=fewer)
    assert set(shop.stored("metrics")) == {"failed", "logins", "adopted"}
    nothing = shop.applied("--prune", text=f"set: {shop.name}\n")
    assert "0 written, 4 deleted." in nothing
    assert set(shop.stored("metrics")) == {"adopted"}
    assert len(other.stored("metrics")) == 2
    assert other.apply("--prune", "--dry-run").returncode == 0


def test_pruning_refuses_what_is_still_in_use_before_anything_changes(
    shop: Shop, server: Any
) -> None:
    shop.applied()
    metric = shop.stored("metrics")["logins"]["metricId"]
    alert = {"title": "A person's", "metricId": metric, "operator": "gt", "threshold": 1}
    with server.client() as client:
        body = {**alert, "alertAction": "fired", "enabled": False}
        client.post(PATHS["alerts"], json=body).raise_for_status()
    failed = shop.apply("--prune", "--yes", text=f"set: {shop.name}\n")
    assert failed.returncode == 1
    assert "metric Logins: the alert A person's still uses it" in failed.stderr
    assert set(shop.stored("alerts")) == {"many"}
    without_set = shop.apply("--prune", text="metrics: []")
    assert "has no set:" in without_set.stderr


def test_a_definition_of_another_set_is_not_taken_over(shop: Shop) -> None:
    shop.applied()
    for text in (
        f"metrics: [{{key: {shop.name}-failed, name: X, metricType: COUNT}}]",
        f"set: other\nmetrics: [{{key: {shop.name}-failed, name: X, metricType: COUNT}}]",
    ):
        failed = shop.apply("--yes", text=text)
        assert failed.returncode == 1
        assert f"key: belongs to the set {shop.name} of another file" in failed.stderr
    missing = shop.apply(text="set: other\nmetrics: [{name: X, metricType: COUNT}]")
    assert "line 2: X: key: is required in a file with a set" in missing.stderr


def test_a_definition_of_a_person_gets_the_key_of_the_file_and_stays_theirs(
    shop: Shop, server: Any
) -> None:
    with server.client() as client:
        body = {"name": f"{shop.name} logins", "metricType": "COUNT"}
        metric = client.post(PATHS["metrics"], json=body).json()
    text = f"set: {shop.name}\nmetrics:\n  - key: {shop.name}-taken\n    name: {body['name']}\n"
    text += "    metricType: COUNT\n"
    output = shop.applied(text=text)
    assert output.startswith(f"change     metric {body['name']}\n           key: null -> ")
    stored = shop.stored("metrics")["taken"]
    assert (stored["metricId"], stored["managedBy"]) == (metric["metricId"], None)
    assert shop.apply("--dry-run", text=text).returncode == 0


def test_subscriptions_and_silences_without_keys_are_found_by_their_content(shop: Shop) -> None:
    shop.applied()
    text = f"""
subscriptions:
  - {{channel: {shop.name}-on-call, resourceType: {shop.name}-CUSTOMER, action: fired}}
  - {{channel: {shop.name}-on-call, resourceType: {shop.name}-CUSTOMER, action: fired}}
silences:
  - {{alert: {shop.name}-many, from: "2026-01-01T00:00:00Z", to: "2026-01-01T01:00:00Z"}}
"""
    assert "3 written." in shop.applied(text=text)
    assert shop.apply("--dry-run", text=text).returncode == 0
    keyed = text.replace("  - {channel", f"  - {{key: {shop.name}-first, channel", 1)
    assert "1 written." in shop.applied(text=keyed)
    assert shop.apply("--dry-run", text=keyed).returncode == 0
    no_start = text.replace('from: "2026-01-01T00:00:00Z", ', "")
    assert "from: is required without a key" in shop.apply(text=no_start).stderr


def test_an_apply_that_broke_off_is_completed_by_the_next_one(shop: Shop) -> None:
    shop.applied(text=f"set: {shop.name}\n" + shop.section("channels") + shop.section("actions"))
    output = shop.applied()
    assert [line.split()[0] for line in lines(output)[:9]] == [
        *("create", "unchanged", "create", "unchanged"),
        *["create"] * 5,
    ]


def test_a_metric_and_its_alert_change_together_in_any_order(shop: Shop) -> None:
    waiting = shop.replaced("threshold: 20", "threshold: 20\n    for: 2d")
    shop.applied(text=waiting)
    text = shop.text.replace("timeWindow: 5m", "timeWindow: today\n    timezone: UTC", 1)
    # The metric is rejected until the alert waits no longer than its window.
    assert "2 written." in shop.applied(text=text)
    assert shop.stored("metrics")["failed"]["timeWindow"] == "today"


def test_nothing_is_written_over_a_change_since_the_plan(
    shop: Shop, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.applied()
    id = shop.stored("alerts")["many"]["alertId"]

    def confirm(*_arguments: object, **_options: object) -> bool:
        with server.client() as client:
            path = f"{PATHS['alerts']}/{id}"
            client.patch(path, json={"description": "meanwhile"}).raise_for_status()
        return True

    monkeypatch.setattr("typer.confirm", confirm)
    failed = shop.apply(text=shop.replaced("threshold: 20", "threshold: 30"))
    assert failed.returncode == 1
    assert "Many failed logins: was changed since the plan was made" in failed.stderr
    assert shop.stored("alerts")["many"]["threshold"] == 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "must have sections, such as metrics: or alerts:"),
        ("metric: []", "line 1: metric: is not a section; those are set, resourceTypes,"),
        ("metrics: {}", "line 1: metrics: must be a list"),
        ("set: A b\nmetrics: []", "line 1: set: must be 1 to 64 lower case letters"),
        (
            "metrics:\n  - {key: a, name: A, metricType: COUNT}\n"
            "  - {key: a, name: B, metricType: COUNT}",
            "line 3: B: key: a is defined twice",
        ),
        (
            "actions:\n  - {mnemonic: One, title: a}\n  - {mnemonic: ONE, title: b}",
            "line 3: ONE: mnemonic: ONE is defined twice",
        ),
        (
            "channels: [{name: a, kind: slack, settings: {webhookUrl: 'env:a b'}}]",
            "line 1: a: settings.webhookUrl: must be env: and the name of a variable",
        ),
        (
            "silences: [{key: a, alert: nothing, to: '2030-01-01T00:00:00Z'}]",
            "line 1: a: alert: no alert has the key or the name nothing",
        ),
    ],
)
def test_a_wrong_file_is_rejected_with_its_line(shop: Shop, text: str, message: str) -> None:
    failed = shop.apply("--yes", text=text)
    assert failed.returncode == 1
    assert message in failed.stderr


def test_the_file_is_also_a_file_of_unit_tests(shop: Shop) -> None:
    tests = f"""
tests:
  - name: failures fire with enough logins
    interactions:
      - {{at: 10s, times: 50, action: {shop.name}-failed, resourceType: {shop.name}-CUSTOMER,
         resourceId: "1", origin: {shop.name}-web, interaction: {{email: a@b.c}}}}
    expect:
      - {{metric: {shop.name}-failed, at: 1m, value: 50}}
      - alert: {shop.name}-many
        until: 3m
        transitions: [{{at: 1m, status: FIRING, value: 50}}]
        messages: [{{channel: {shop.name}-on-call, at: [90s]}}]
"""
    shop.path.write_text(shop.text + tests)
    done = shop.run("test", shop.path)
    assert done.returncode == 0, done.stdout + done.stderr
