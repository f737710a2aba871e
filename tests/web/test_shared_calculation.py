"""One calculation serves all viewers, and so does a failure."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from tocsin.errors import Busy, QueryTooHeavy
from tocsin.process.pools import Pool
from tocsin.web.shared_calculation import SharedCalculation

AN_HOUR = 3_600.0


@pytest.fixture
def pool() -> Iterator[Pool]:
    opened = Pool("test", threads=1, queue=0)
    yield opened
    opened.close()


def test_a_calculation_runs_once_for_concurrent_viewers(pool: Pool) -> None:
    calls: list[str] = []

    def calculate(key: str) -> str:
        calls.append(key)
        return key.upper()

    async def view() -> list[str]:
        shared = SharedCalculation(calculate, AN_HOUR, pool)
        # The pool has no queue: a second call would be refused.
        return await asyncio.gather(*(shared.get("a") for _ in range(40)))

    assert asyncio.run(view()) == ["A"] * 40
    assert calls == ["a"]


def test_a_failure_is_kept_for_every_viewer_until_a_definition_changes(pool: Pool) -> None:
    outcomes = iter((QueryTooHeavy("too heavy"), "answer"))
    calls: list[None] = []

    def calculate(_: None) -> str:
        calls.append(None)
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def view() -> None:
        shared = SharedCalculation(calculate, AN_HOUR, pool)
        for failed in await asyncio.gather(
            *(shared.get(None) for _ in range(5)), return_exceptions=True
        ):
            assert isinstance(failed, QueryTooHeavy)
        with pytest.raises(QueryTooHeavy, match="too heavy"):
            await shared.get(None)
        assert len(calls) == 1
        shared.forget()
        assert await shared.get(None) == "answer"

    asyncio.run(view())


def test_a_refusal_for_want_of_a_thread_is_not_kept(pool: Pool) -> None:
    async def view() -> None:
        gate = threading.Event()
        holding = asyncio.create_task(pool.run(gate.wait))
        await asyncio.sleep(0)
        shared: SharedCalculation[None, int] = SharedCalculation(lambda _: 1, AN_HOUR, pool)
        with pytest.raises(Busy):
            await shared.get(None)
        gate.set()
        await holding
        assert await shared.get(None) == 1

    asyncio.run(view())


def test_an_expired_answer_is_shown_while_the_pool_is_full_or_calculates_the_next(
    pool: Pool,
) -> None:
    gate, begun = threading.Event(), threading.Event()
    answers = iter(("old", "new"))

    def calculate(_: None) -> str:
        answer = next(answers)
        if answer == "new":
            begun.set()
            gate.wait()
        return answer

    async def view() -> None:
        shared = SharedCalculation(calculate, 0.0, pool)
        assert await shared.get(None) == "old"
        own_gate = threading.Event()
        holding = asyncio.create_task(pool.run(own_gate.wait))
        await asyncio.sleep(0.05)
        assert await shared.get(None) == "old"
        own_gate.set()
        await holding
        renewing = asyncio.create_task(shared.get(None))
        while not begun.is_set():
            await asyncio.sleep(0.01)
            if renewing.done():
                # The old one had not expired yet: it is kept for longer if it took longer.
                renewing = asyncio.create_task(shared.get(None))
        assert await shared.get(None) == "old"
        gate.set()
        assert await renewing == "new"

    asyncio.run(view())


def test_an_answer_from_before_a_change_is_not_kept(pool: Pool) -> None:
    gate, begun = threading.Event(), threading.Event()
    answers = iter(("before", "after"))

    def calculate(_: None) -> str:
        answer = next(answers)
        if answer == "before":
            begun.set()
            gate.wait()
        return answer

    async def view() -> None:
        shared = SharedCalculation(calculate, AN_HOUR, pool)
        earlier = asyncio.create_task(shared.get(None))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        shared.forget()
        gate.set()
        assert await earlier == "before"
        assert await shared.get(None) == "after"

    asyncio.run(view())
