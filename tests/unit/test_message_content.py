"""The message of an interaction without a template."""

from __future__ import annotations

from typing import Any

import pytest

from support.transitions import DETAILS, RECOVERY, TRANSITION, interaction
from tocsin.model.notifications.content import MAX_BODY, MAX_TITLE, Content, Tone
from tocsin.model.notifications.default_content import default_content


def content_of(payload: dict[str, Any], origin: str = "METRIC_EVAL") -> Content:
    return default_content(interaction(payload, origin))


def test_a_transition_has_its_value_condition_group_and_time() -> None:
    content = content_of(TRANSITION)
    assert content.title == "[critical] Failed logins: ZA"
    assert content.tone is Tone.CRITICAL
    assert content.body.splitlines() == [
        "Failed logins (5m): 42",
        "Condition: > 10",
        "interaction_country: ZA",
        "Since: 2026-03-20 14:30:00 UTC",
    ]


def test_a_transition_has_all_details_of_its_alert() -> None:
    content = content_of({**TRANSITION, "value": 6.557377049180328, "threshold": 5, **DETAILS})
    assert content.body.splitlines() == [
        "Failed logins (5m): 6.55738% (4 of 61)",
        "Condition: > 5%",
        "Only when: Logins (5m): 61 (≥ 50)",
        "interaction_country: ZA",
        "Since: 2026-03-20 14:30:00 UTC",
        "",
        "Someone tries passwords.",
        "Block the address first.",
        "",
        "team: identity",
        "service: login",
        "",
        f"Alert: {DETAILS['url']}",
        f"Runbook: {DETAILS['runbookUrl']}",
    ]


def test_a_recovery_has_its_severity_and_duration() -> None:
    content = content_of(RECOVERY)
    assert content.title == "[recovered] Failed logins: ZA"
    assert content.tone is Tone.RECOVERED
    assert content.body.splitlines()[-3:] == [
        "Severity: critical",
        "Fired for: 5 m 10 s",
        "Fired: 2026-03-20 14:30:00 UTC to 2026-03-20 14:35:10 UTC",
    ]


def test_firing_and_recovery_are_in_one_thread_which_no_other_episode_is_in() -> None:
    (thread,) = content_of(TRANSITION).threads
    assert content_of(RECOVERY).threads == (thread,)
    others: list[dict[str, Any]] = [
        {"alertId": "another"},
        {"dimensions": {"interaction_country": "DE"}},
        {"dimensions": {"interaction_country": None}},
        {"evaluatedAt": "2026-03-20T14:30:00.001Z"},
    ]
    threads = {content_of({**TRANSITION, **other}).threads[0] for other in others}
    assert len(threads | {thread}) == len(others) + 1


@pytest.mark.parametrize(
    ("members", "line"),
    [
        ({"unit": "ms"}, "Failed logins (5m): 42 ms"),
        ({"unit": "%"}, "Failed logins (5m): 42%"),
        ({"value": None, "unit": "ms"}, "Failed logins (5m): no data"),
        ({"value": 1234567}, "Failed logins (5m): 1,234,567"),
        ({"value": 0.1 + 0.2}, "Failed logins (5m): 0.3"),
        ({"value": 1 / 3}, "Failed logins (5m): 0.333333"),
        ({"value": 1e-9}, "Failed logins (5m): 1e-09"),
        ({"value": 10**30}, f"Failed logins (5m): {10**30:,}"),
        ({"value": 10.0000001}, "Failed logins (5m): 10.0000001"),
        ({"current": 42, "base": 40}, "Failed logins (5m): 42 (42, base 40)"),
    ],
)
def test_values_have_their_unit_and_readable_digits(members: dict[str, Any], line: str) -> None:
    assert content_of({**TRANSITION, **members}).body.splitlines()[0] == line


def test_the_groups_of_missing_and_empty_texts_have_names() -> None:
    dimensions = {"country": None, "plan": "", "city": "Cape Town"}
    content = content_of({**TRANSITION, "dimensions": dimensions})
    assert content.title == '[critical] Failed logins: – · "" · Cape Town'
    assert content_of({**TRANSITION, "dimensions": {}}).title == "[critical] Failed logins"


@pytest.mark.parametrize("value", [None, [], {}, "x", 1, "\ud800"])
def test_every_payload_has_a_message(value: Any) -> None:
    for payload in (dict.fromkeys(TRANSITION, value), {"a": value}, {}, {**TRANSITION, "unit": 7}):
        for origin in ("METRIC_EVAL", "WEB"):
            content = content_of(payload, origin)
            assert content.title
            assert content.body.encode()


def test_anything_else_has_its_scope_as_title_and_a_line_for_each_key() -> None:
    content = content_of({"country": "ZA", "paid": True, "items": [{"id": None}]}, "WEB")
    assert (content.title, content.tone) == ("CUSTOMER 42: LEFT", Tone.NEUTRAL)
    assert content.body.splitlines() == [
        "country: ZA",
        "paid: true",
        'items: [{"id": null}]',
        "Recorded: 2026-03-20 14:30:00 UTC",
    ]


def test_a_long_title_and_a_long_body_are_cut() -> None:
    content = content_of({f"k{n}": "x" * 500 for n in range(500)}, "WEB")
    assert len(content.body) <= MAX_BODY
    labels = {f"{n}" * 100: "v" * 200 for n in range(50)}
    content = content_of({**TRANSITION, "alertTitle": "x" * 200, "labels": labels,
                          "dimensions": {"d": "y" * 5000}})  # fmt: skip
    assert len(content.title) == MAX_TITLE
    assert len(content.body) == MAX_BODY
