"""The names of channels in a file of alerts."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.cli.channel_references import with_channel_ids
from tocsin.cli.definition_files import InvalidDefinitions

CHANNELS = [
    {"name": name, "channelId": id} for name, id in (("ops", "1"), ("pager", "2"), ("pager", "3"))
]


def resolved(**members: Any) -> dict[str, Any]:
    (alert,) = with_channel_ids([{"title": "Logins", **members}], CHANNELS, "alerts.yaml")
    return alert


def test_names_are_replaced_by_ids() -> None:
    assert resolved(channels=["ops"]) == {"title": "Logins", "channelIds": ["1"]}
    assert resolved(channels=[]) == {"title": "Logins", "channelIds": []}
    assert resolved(channelIds=["2"]) == {"title": "Logins", "channelIds": ["2"]}
    assert resolved(channels=None) == resolved() == {"title": "Logins"}


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"channels": ["pager"]}, "channels[0]: 2 channels have the name pager; give channelIds"),
        ({"channels": ["ops", "chat"]}, "channels[1]: no channel has the name chat"),
        ({"channels": [1]}, "channels[0]: no channel has the name 1"),
        ({"channels": "ops"}, "channels: must be a list of names of channels"),
        ({"channels": ["ops"], "channelIds": []}, "channels: must be left out with channelIds"),
    ],
)
def test_a_name_without_exactly_one_channel_is_a_problem(
    members: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidDefinitions) as raised:
        resolved(**members)
    assert f"Logins: {problem}" in str(raised.value)
