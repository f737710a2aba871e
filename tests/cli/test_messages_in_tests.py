"""The expected messages of unit tests, run in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from tocsin.cli.definition_files import InvalidDefinitions
from tocsin.cli.test_command import test as run_unit_tests

FILE = """
metrics:
  - {name: Failed, metricType: COUNT, action: LOGIN_FAILED, timeWindow: 5m,
     groupBy: [interaction.country]}
alerts:
  - {title: Failures, metric: Failed, operator: gte, threshold: 2, severity: critical,
     labels: {team: payments}, alertAction: fired, recoveryAction: recovered, channels: [pager]}
subscriptions:
  - {key: titled, channel: chat, resourceType: ALERT, action: fired,
     filters: [{field: interaction.labels.team, operator: matches, value: ^pay}],
     template: {title: "{{ interaction.dimensions.interaction_country }}"}}
  - {key: grouped, channel: digest, resourceType: ALERT, action: fired, groupBy: alert,
     groupWait: 3m}
  - {channel: pager, resourceType: ALERT, action: fired,
     filters: [{field: interaction.severity, operator: eq, value: info}]}
tests:
  - name: messages
    interactions:
      - {at: 30s, times: 2, every: 1s, action: LOGIN_FAILED, interaction: {country: ZA},
         resourceType: CUSTOMER, resourceId: "1", origin: WEB}
      - {at: 90s, times: 2, every: 1s, action: LOGIN_FAILED, interaction: {country: US},
         resourceType: CUSTOMER, resourceId: "2", origin: WEB}
    expect:
      - alert: Failures
        until: 10m
        messages: MESSAGES
"""


def run(folder: Path, messages: str) -> None:
    file = folder / "alerts.yaml"
    file.write_text(FILE.replace("MESSAGES", messages), encoding="utf-8")
    run_unit_tests([file])


def test_messages_are_expected_by_count_times_and_titles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(
        tmp_path,
        """
          - {channel: pager, count: 4, at: [1m, 2m, 6m, 7m]}
          - {channel: chat, at: [1m, 2m], titles: [ZA, US]}
          - {subscription: titled, titles: [ZA, US]}
          - {subscription: grouped, at: [4m, 9m], titles: [bundle, bundle]}
          - {channel: digest, count: 2}
        """,
    )
    assert capsys.readouterr().out.endswith("1 tests, all passed.\n")


def test_messages_that_differ_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        run(tmp_path, "[{channel: pager, count: 3}, {channel: chat, at: [1m, 3m]}]")
    shown = capsys.readouterr().out
    assert "Failures until 10m, messages to pager" in shown
    for line in ("- 3 messages", "+ 4 messages", "- 3m", "+ 2m"):
        assert f"{line}\n" in shown, line


def test_an_unknown_recipient_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidDefinitions, match="no subscription nobody"):
        run(tmp_path, "[{channel: pager, count: 4}, {subscription: nobody, count: 1}]")


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ("[{count: 1}]", "either channel or subscription"),
        ("[{channel: pager}]", "needs count, at or titles"),
        ("[{channel: pager, at: [1m], titles: []}]", "as many titles as times"),
        ("[{channel: pager, count: -1}]", "greater than or equal to 0"),
        ("null", "needs until and transitions"),
    ],
)
def test_a_wrong_expectation_is_rejected(tmp_path: Path, messages: str, reason: str) -> None:
    with pytest.raises(InvalidDefinitions) as raised:
        run(tmp_path, messages)
    assert reason in str(raised.value)


def test_wrong_subscriptions_are_rejected_together(tmp_path: Path) -> None:
    wrong = FILE.replace("channel: digest", "channel: 1")
    wrong = wrong.replace("operator: matches", "operator: is")
    wrong = wrong.replace("- {channel: pager, ", "- {key: [], channel: pager, ")
    file = tmp_path / "alerts.yaml"
    file.write_text(wrong.replace("MESSAGES", "[{channel: pager, count: 4}]"), encoding="utf-8")
    with pytest.raises(InvalidDefinitions) as raised:
        run_unit_tests([file])
    for problem in (
        "titled: filters[0].operator: ",
        "grouped: channel: no channel has the key or the name 1",
        "subscriptions[2]: key: must be 1 to 64 lower case letters",
    ):
        assert problem in str(raised.value)
