"""The keys and names of definitions in a file."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.cli.definition_references import References
from tocsin.cli.definition_sections import SECTIONS
from tocsin.errors import Problem

REFERENCES = References()
for _name, _id, _key in (("ops", "1", None), ("pager", "2", "p"), ("pager", "3", None)):
    REFERENCES.add("channels", _id, {"name": _name, "key": _key})
REFERENCES.add("channels", "4", {"name": "p"})
REFERENCES.add("metrics", "m", {"name": "Logins", "key": "logins"})


def resolved(**members: Any) -> tuple[dict[str, Any], list[str]]:
    problems: list[Problem] = []
    alert = REFERENCES.resolved(SECTIONS["alerts"], {"title": "A", **members}, problems)
    alert.pop("title")
    return alert, [f"{problem.field}: {problem.message}" for problem in problems]


def test_keys_and_names_are_replaced_by_ids() -> None:
    assert resolved(channels=["ops"]) == ({"channelIds": ["1"]}, [])
    assert resolved(channels=[]) == ({"channelIds": []}, [])
    assert resolved(channelIds=["2"]) == ({"channelIds": ["2"]}, [])
    assert resolved(channels=None) == resolved() == ({}, [])
    assert resolved(metric="logins") == resolved(metric="Logins") == ({"metricId": "m"}, [])
    guard = {"operator": "gt", "threshold": 1}
    alert, _ = resolved(onlyWhen=[{"metric": "logins", **guard}, "odd"])
    assert alert == {"onlyWhen": [{"metricId": "m", **guard}, "odd"]}


def test_a_key_precedes_a_name() -> None:
    assert resolved(channels=["p"]) == ({"channelIds": ["2"]}, [])


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        (
            {"channels": ["pager"]},
            "channels[0]: 2 channels have the name pager; refer to one by its key",
        ),
        ({"channels": ["ops", "chat"]}, "channels[1]: no channel has the key or the name chat"),
        ({"channels": [1]}, "channels[0]: no channel has the key or the name 1"),
        ({"channels": "ops"}, "channels: must be a list of keys or names of channels"),
        ({"channels": ["ops"], "channelIds": ["1"]}, "channels: must be left out with channelIds"),
        ({"metric": {}}, "metric: no metric has the key or the name {}"),
        (
            {"onlyWhen": [{"metric": "x"}]},
            "onlyWhen[0].metric: no metric has the key or the name x",
        ),
    ],
)
def test_a_reference_without_exactly_one_definition_is_a_problem(
    members: dict[str, Any], problem: str
) -> None:
    assert resolved(**members)[1] == [problem]
