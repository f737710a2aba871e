"""Unit tests whose interactions and dimensions are given by the names of fields."""

from __future__ import annotations

from pathlib import Path

from support.running import run_here

FILE = r"""
metrics:
  - {name: Failed, metricType: COUNT, action: LOGIN_FAILED,
     groupBy: [interaction.user.country, 'interaction.a\.b', origin]}
  - {name: Accounts, metricType: DISTINCT_COUNT, field: userId}
tests:
  - name: fields of the payload and of the interaction
    interactions:
      - at: 1m
        times: 3
        counted: [userId]
        action: LOGIN_FAILED
        resourceType: CUSTOMER
        resourceId: "42"
        origin: WEB
        interaction: {user: {plan: free}, n: 1}
        fields: {interaction.user.country: ZA, 'interaction.a\.b': x, userId: user, origin: APP}
    expect:
      - metric: Failed
        at: 2m
        results:
          - value: 3
            dimensions: {interaction.user.country: ZA, 'interaction.a\.b': x, origin: APP}
      - {metric: Accounts, at: 2m, value: 3}
"""


def test_fields_give_members_of_an_interaction_and_keys_of_dimensions(tmp_path: Path) -> None:
    path = tmp_path / "tests.yaml"
    path.write_text(FILE)
    done = run_here("test", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_field_is_reported_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "tests.yaml"
    path.write_text(FILE.replace("fields: {interaction.user.country", "fields: {user.country"))
    wrong = run_here("test", path)
    assert wrong.returncode == 1
    assert "tests[0].interactions[0].fields.user.country" in wrong.stderr
    assert "is not a field" in wrong.stderr
    path.write_text(FILE.replace("counted: [userId]", "counted: [resourceId]"))
    uncounted = run_here("test", path).stderr
    assert "counted needs a text of resourceId under fields" in uncounted
