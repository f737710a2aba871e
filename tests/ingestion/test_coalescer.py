"""Interactions that are committed together have separate answers."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from tocsin.errors import InvalidInput, Unavailable
from tocsin.ingestion.request_context import RequestContext
from tocsin.model.interactions.interaction import Interaction
from tocsin.runtime import Runtime

HEAD = b'{"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"'
NOW = RequestContext(received=0)


def test_an_id_from_many_concurrent_callers_is_new_for_one_of_them(runtime: Runtime) -> None:
    raw = HEAD + b', "interactionId": "%s"}' % str(uuid4()).encode()

    async def concurrently() -> list[tuple[Interaction, bool]]:
        return await asyncio.gather(*(runtime.recorder.record(raw, NOW) for _ in range(30)))

    before = runtime.engine.rows()
    answers = asyncio.run(concurrently())
    assert sum(is_new for _, is_new in answers) == 1
    assert runtime.engine.rows() - before == 1


def test_a_rejected_interaction_does_not_affect_its_neighbors(runtime: Runtime) -> None:
    bodies = [HEAD + b', "interaction": {"n": %d}}' % n for n in range(5)]
    bodies[2] = HEAD + b', "interaction": {"n": 1, "n": 2}}'

    async def concurrently() -> list[object]:
        recording = (runtime.recorder.record(raw, NOW) for raw in bodies)
        return await asyncio.gather(*recording, return_exceptions=True)

    answers = asyncio.run(concurrently())
    assert [isinstance(answer, InvalidInput) for answer in answers] == [n == 2 for n in range(5)]


def test_a_disconnected_caller_does_not_affect_others(runtime: Runtime) -> None:
    async def one_disconnects() -> tuple[Interaction, bool]:
        disconnecting = asyncio.create_task(runtime.recorder.record(HEAD + b"}", NOW))
        staying = asyncio.create_task(runtime.recorder.record(HEAD + b"}", NOW))
        await asyncio.sleep(0)
        disconnecting.cancel()
        return await staying

    before = runtime.engine.rows()
    _, is_new = asyncio.run(one_disconnects())
    assert is_new
    assert runtime.engine.rows() - before == 2


def test_callers_get_an_error_when_the_server_stops(runtime: Runtime) -> None:
    runtime.close()
    with pytest.raises(Unavailable, match="stopping"):
        asyncio.run(runtime.recorder.record(HEAD + b"}", NOW))
