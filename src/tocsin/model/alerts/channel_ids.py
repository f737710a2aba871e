"""The channels of an alert as a caller writes them: their ids, each once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Protocol
from uuid import UUID

from pydantic import BeforeValidator
from pydantic import Field as Member

from tocsin.errors import Problem
from tocsin.model.metrics.draft import list_of_at_most
from tocsin.model.metrics.rules import uuid_of

CHANNEL_IDS = "channelIds"
MAX_CHANNELS = 20

_ChannelIds = Annotated[tuple[UUID, ...], Member(max_length=MAX_CHANNELS)]
ChannelIds = Annotated[
    _ChannelIds,
    BeforeValidator(list_of_at_most(MAX_CHANNELS), json_schema_input_type=_ChannelIds | None),
]


class KnownChannels(Protocol):
    """The channels that a definition may name."""

    def find(self, id: UUID) -> object | None: ...


def channel_problems(body: Mapping[str, Any], channels: KnownChannels) -> Iterator[Problem]:
    """Problems of ids that no channel has, and of those that are given twice."""
    given = body.get(CHANNEL_IDS)
    if not isinstance(given, list) or len(given) > MAX_CHANNELS:
        return
    ids = list(map(uuid_of, given))
    for index, id in enumerate(ids):
        if id is None:
            continue
        if id in ids[:index]:
            yield Problem(f"{CHANNEL_IDS}[{index}]", "is given twice")
        elif channels.find(id) is None:
            yield Problem(f"{CHANNEL_IDS}[{index}]", "is the id of no channel")
